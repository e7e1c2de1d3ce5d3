package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"text/tabwriter"

	"github.com/alecthomas/kong"
)

// versionCommand prints the version of this program and of its protocols.
type versionCommand struct {
	Verbose  bool `short:"v" help:"Also print the date of the commit, and the modules in this program with their licenses."`
	Licenses bool `help:"Print the texts of these licenses instead."`
}

// versionFlag is --version. It runs versionCommand and ignores the rest of the command line.
type versionFlag bool

// BeforeReset prints the version and ends the program.
func (versionFlag) BeforeReset(app *kong.Kong, t terminal) error {
	err := versionCommand{}.Run(t)
	app.Exit(exitGood)
	return err
}

// version returns the version of the module, or "" if it is not known.
func version() string {
	if build, ok := debug.ReadBuildInfo(); ok {
		return build.Main.Version
	}
	return ""
}

// Run prints the version of the module, the revision it was built from, and the protocols
// it speaks.
func (c versionCommand) Run(t terminal) error {
	if c.Licenses {
		_, err := io.WriteString(t.out, licenses)
		return err
	}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		build = new(debug.BuildInfo)
	}
	settings := map[string]string{}
	for _, setting := range build.Settings {
		settings[setting.Key] = setting.Value
	}
	revision := ""
	if commit := settings["vcs.revision"]; commit != "" {
		revision = ", revision " + commit
		if settings["vcs.modified"] == "true" {
			revision += " with changes"
		}
	}
	date := ""
	if c.Verbose && settings["vcs.time"] != "" {
		date = "committed at " + settings["vcs.time"] + "\n"
	}
	_, err := fmt.Fprintf(t.out, "socketio-jwt %s%s\n%s%s %s/%s\nEngine.IO protocol 4, Socket.IO protocol 5\nEngine.IO protocol 3, Socket.IO protocol 4 (with --eio3)\n",
		cmp.Or(build.Main.Version, "(unknown)"), revision, date, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if err == nil && c.Verbose {
		err = printModules(t.out, build.Deps)
	}
	return err
}

// printModules prints the modules in this program, and Go's own library, with their licenses.
func printModules(out io.Writer, modules []*debug.Module) error {
	known := licensesByModule()
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nmodule\tversion\tlicense\n%s\t%s\t%s\n", standardLibrary, runtime.Version(), known[standardLibrary])
	for _, module := range modules {
		fmt.Fprintf(table, "%s\t%s\t%s\n", module.Path, module.Version, cmp.Or(known[module.Path], "(unknown)"))
	}
	fmt.Fprintf(table, "\nThe texts: socketio-jwt version --licenses\n")
	return table.Flush()
}
