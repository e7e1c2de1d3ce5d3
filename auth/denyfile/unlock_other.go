//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package denyfile

import "os"

// unlock does nothing: the lock ends with the process.
func unlock(*os.File) {}
