package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/alecthomas/kong"
)

// versionCommand prints the version of this program and of its protocols.
type versionCommand struct{}

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
func (versionCommand) Run(t terminal) error {
	revision := ""
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range build.Settings {
			if setting.Key == "vcs.revision" {
				revision = ", revision " + setting.Value
			}
		}
	}
	_, err := fmt.Fprintf(t.out, "socketio-jwt %s%s\n%s %s/%s\nEngine.IO protocol 4, Socket.IO protocol 5\nEngine.IO protocol 3, Socket.IO protocol 4 (with --eio3)\n",
		cmp.Or(version(), "(unknown)"), revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
