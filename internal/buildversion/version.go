// Package buildversion tells the version of this module in the running program.
package buildversion

import "runtime/debug"

// Version returns the version of this module, or an empty string if the program does not record it.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == "socketiojwt" {
			return m.Version
		}
	}
	return ""
}
