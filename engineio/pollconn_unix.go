//go:build unix

package engineio

import (
	"io"
	"net"
	"sync"
	"syscall"
)

// pollConn reads and writes a connection of the operating system through the runtime's
// poller, without waiting to write and without own buffers
// (docs/adr/0004-writing-without-blocking.md). One goroutine may read while another writes.
type pollConn struct {
	raw syscall.RawConn

	// The callback is made once, because a closure per call would be garbage.
	onReadable func(fd uintptr) bool

	in      *input        // filled by onReadable
	inErr   syscall.Errno // zero means none
	waited  bool          // because there was nothing to read
	into    bool          // in.data is where to read to
	eof     bool          // the peer has closed the connection
	bounded bool          // see boundUnsent
}

// newPollConn returns nil for connections that cannot be polled. Wrappers cannot, because
// they must see every byte.
func newPollConn(conn net.Conn) *pollConn {
	raw := pollable(conn)
	if raw == nil {
		return nil
	}
	p := &pollConn{raw: raw}
	p.onReadable = p.fill
	return p
}

// pollable returns nil for connections that cannot be polled.
func pollable(conn net.Conn) syscall.RawConn {
	var c syscall.Conn
	switch conn := conn.(type) {
	case *net.TCPConn:
		c = conn
	case *net.UnixConn:
		c = conn
	default:
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// read waits until in has data, and reports whether it needed to wait.
func (p *pollConn) read(in *input) (waited bool, err error) {
	p.in = in
	return p.readOnce()
}

// readInto waits until it has read into b, which in borrows meanwhile, and reports whether it needed to wait.
func (p *pollConn) readInto(in *input, b []byte) (n int, waited bool, err error) {
	p.in, p.into = in, true
	in.data = b
	waited, err = p.readOnce()
	if err == nil {
		n = len(in.data)
	}
	in.data, p.into = nil, false
	return n, waited, err
}

func (p *pollConn) readOnce() (waited bool, err error) {
	p.inErr, p.waited, p.eof = 0, false, false
	err = p.raw.Read(p.onReadable)
	switch {
	case err != nil:
		return true, err
	case p.eof:
		err = io.EOF
	case p.inErr != 0:
		err = p.inErr
	}
	return p.waited, err
}

// fill reads into the caller's buffer, or into one from the pool, which it puts back if nothing was
// read.
func (p *pollConn) fill(fd uintptr) (done bool) {
	b, buf := p.in.data, (*readBuffer)(nil)
	if !p.into {
		buf = readBuffers.Get().(*readBuffer)
		b = buf.bytes[:]
	}
	n, err := ignoringInterrupts(syscall.Read, int(fd), b)
	if n > 0 {
		p.in.buf, p.in.data = buf, b[:n]
		return true
	}
	if buf != nil {
		readBuffers.Put(buf)
	}
	if err == syscall.EAGAIN {
		p.waited = true
		return false
	}
	p.inErr, p.eof = err, err == 0
	return true
}

// hasEnded reports whether the next read would find that the peer has closed the connection, or
// that it is lost. It does not wait. It must be the last read.
func (p *pollConn) hasEnded() (ended bool) {
	_ = p.raw.Read(func(fd uintptr) bool { // fails if this side has aborted the connection
		var next [1]byte
		n, err := ignoringInterrupts(syscall.Read, int(fd), next[:])
		ended = n <= 0 && err != syscall.EAGAIN
		return true
	})
	return ended
}

// attempt is one write of a pollConn. Most connections do not write, so attempts are pooled.
type attempt struct {
	out        []byte // not written yet
	err        syscall.Errno
	onWritable func(fd uintptr) bool
}

var attempts = sync.Pool{New: func() any {
	a := new(attempt)
	a.onWritable = a.drain
	return a
}}

// write writes as much of b as the connection takes at once and returns the
// rest.
func (p *pollConn) write(b []byte) (rest []byte, err error) { return writeOnce(p.raw, b) }

func writeOnce(raw syscall.RawConn, b []byte) (rest []byte, err error) {
	a := attempts.Get().(*attempt)
	defer attempts.Put(a)
	a.out, a.err = b, 0
	err = raw.Write(a.onWritable)
	rest, a.out = a.out, nil
	if err == nil && a.err != 0 {
		err = a.err
	}
	return rest, err
}

// drain always reports true, because the runtime would wait otherwise.
func (a *attempt) drain(fd uintptr) (done bool) {
	n, err := ignoringInterrupts(syscall.Write, int(fd), a.out)
	if n > 0 {
		a.out = a.out[n:]
	}
	if err != 0 && err != syscall.EAGAIN {
		a.err = err
	}
	return true
}

// ignoringInterrupts calls syscall.Read or syscall.Write, whose errors are a
// syscall.Errno. It returns zero instead of nil.
func ignoringInterrupts(call func(int, []byte) (int, error), fd int, b []byte) (int, syscall.Errno) {
	for {
		n, err := call(fd, b)
		if err == nil {
			return n, 0
		}
		if errno := err.(syscall.Errno); errno != syscall.EINTR {
			return n, errno
		}
	}
}
