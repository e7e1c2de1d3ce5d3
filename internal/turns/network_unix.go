//go:build unix

package turns

import (
	"os"
	"sync"
	"syscall"
)

// network is a pipe that the runtime's poller watches.
var network struct {
	sync.Mutex
	in   *os.File // never closed
	raw  syscall.RawConn
	out  *os.File
	sent bool // a byte is in the pipe
}

// throughNetwork waits until the runtime has polled the network. It reports false if it could
// not.
func throughNetwork() bool {
	network.Lock()
	defer network.Unlock()
	if network.raw == nil && !openPipe() {
		return false
	}
	return network.raw.Read(sendAndReceive) == nil
}

// openPipe opens the pipe, or reports false. Its caller tries again the next time, because the
// process may have too many open files only now.
func openPipe() bool {
	in, out, err := os.Pipe()
	if err != nil {
		return false
	}
	raw, err := in.SyscallConn()
	if err != nil {
		_ = in.Close()
		_ = out.Close()
		return false
	}
	network.in, network.out, network.raw = in, out, raw
	return true
}

// sendAndReceive first writes a byte and reports false, which makes the runtime wait until its
// poller sees the byte. Then it reads the byte.
func sendAndReceive(fd uintptr) (done bool) {
	var b [1]byte
	if !network.sent {
		n, err := network.out.Write(b[:])
		network.sent = n == 1
		return err != nil // instead of waiting for ever
	}
	for {
		switch _, err := syscall.Read(int(fd), b[:]); err {
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			network.sent = false
			return true
		}
	}
}
