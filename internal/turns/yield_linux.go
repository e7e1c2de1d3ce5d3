package turns

import "syscall"

// yieldThread lets threads that wait for this thread's processor run first. By default
// Linux lets a busy thread run for a millisecond or more. The call cannot fail.
func yieldThread() { _, _, _ = syscall.Syscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }
