package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// versionCommand prints what this program is.
type versionCommand struct{}

// Run prints the version of the module, the revision it was built from, and what
// it speaks.
func (versionCommand) Run(t terminal) error {
	version, revision := "(unknown)", ""
	if build, ok := debug.ReadBuildInfo(); ok {
		if build.Main.Version != "" {
			version = build.Main.Version
		}
		for _, setting := range build.Settings {
			if setting.Key == "vcs.revision" {
				revision = ", revision " + setting.Value
			}
		}
	}
	_, err := fmt.Fprintf(t.out, "socketio-jwt %s%s\n%s %s/%s\nEngine.IO protocol 4, Socket.IO protocol 5\n",
		version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
