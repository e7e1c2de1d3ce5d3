//go:build !linux

package redistest

import "syscall"

// dieWithParent has no effect on this system: a test process that crashes leaves its servers.
func dieWithParent() *syscall.SysProcAttr { return nil }
