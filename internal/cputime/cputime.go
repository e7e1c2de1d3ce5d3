//go:build unix

// Package cputime measures the CPU time of tests and benchmarks, which a busy machine changes much
// less than the time that passes.
package cputime

import (
	"syscall"
	"time"
)

// Used returns the CPU time that this process has used. It may be called concurrently.
func Used() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // fails only for wrong arguments
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
