//go:build unix

package main

import "syscall"

// openFiles returns how many files and connections the process may have open, 0 when
// that cannot be told. The runtime has raised it as far as it may.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return uint64(limit.Cur)
}
