package redistest

import "syscall"

// dieWithParent makes the kernel kill the process when the thread that has started it ends.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
