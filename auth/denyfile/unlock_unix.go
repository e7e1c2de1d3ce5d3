//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package denyfile

import (
	"os"
	"syscall"
)

// unlock gives up the lock of bbolt on a file. Closing the file is not enough while it is
// mapped into memory.
func unlock(f *os.File) { _ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
