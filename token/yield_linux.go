package token

import "syscall"

// yieldThread lets the threads go first that wait for the processor of this one: by
// default Linux lets one that works have it for a millisecond and more. The call cannot
// fail.
func yieldThread() { _, _, _ = syscall.Syscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }
