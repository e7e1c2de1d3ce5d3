//go:build !race

package engineio

import (
	"syscall"
	"unsafe"
)

// readNow and writeNow are syscall.Read and syscall.Write for a descriptor that does not block. They do
// not tell Go's scheduler that the thread may block. That costs as much as the shortest system calls, and wakes
// the scheduler's monitor if that sleeps. The race detector needs to see these calls, so it does
// not get this file.

func readNow(fd int, b []byte) (int, error) { return rawCall(syscall.SYS_READ, fd, b) }

func writeNow(fd int, b []byte) (int, error) { return rawCall(syscall.SYS_WRITE, fd, b) }

func rawCall(number uintptr, fd int, b []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(number, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}
