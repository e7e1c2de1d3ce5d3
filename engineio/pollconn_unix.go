//go:build unix

package engineio

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// pollConn reads and writes a connection of the operating system through the runtime's
// poller, without waiting and without own buffers
// (docs/adr/0004-writing-without-blocking.md). One goroutine may read while another writes.
//
// The goroutine of watch waits for the peer, and does nothing else. When there is something to read, it
// makes another goroutine the reader, and waits again. That one reads until it finds nothing, and then
// rests. If something arrives meanwhile, watch only notes it.
type pollConn struct {
	raw     syscall.RawConn
	ws      *webSocket    // which is read when something has arrived; nil without a watch, as in the clients of tests
	wake    chan struct{} // wakes a reader that waits for the rest of a message; nil until one does
	state   atomic.Uint32
	watched atomic.Uint32 // how far watch is
	bounded bool          // see boundUnsent
}

// The states of a pollConn that is watched say who reads it.
const (
	pollReading  = iota // a goroutine reads
	pollReadable        // a goroutine reads, and something has arrived since its last read began
	pollResting         // no goroutine reads, and watch will start one
	pollWaiting         // the goroutine that reads waits for wake
)

const (
	watchBegins = iota // it has not looked yet
	watchGoesOn
	watchAborted // it has ended, because this side has aborted the connection
	watchClosed  // it has ended, because this side has closed the connection
)

// newPollConn returns nil for connections that cannot be polled. Wrappers cannot, because
// they must see every byte.
func newPollConn(conn net.Conn) *pollConn {
	raw := pollable(conn)
	if raw == nil {
		return nil
	}
	return &pollConn{raw: raw}
}

// pollable returns nil for connections that cannot be polled.
func pollable(conn net.Conn) syscall.RawConn {
	var c syscall.Conn
	switch conn := conn.(type) {
	case *net.TCPConn:
		c = conn
	case *net.UnixConn:
		c = conn
	case watcher:
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

// watch waits for the peer with a small stack, until the connection is aborted or closed. It is one call
// of Read, because a call forgets what has arrived before it.
func (p *pollConn) watch() {
	end := uint32(watchClosed)
	if errors.Is(p.raw.Read(p.ready), os.ErrDeadlineExceeded) {
		end = watchAborted
	}
	p.end(end)
}

// end makes the reader see that the watch has ended.
func (p *pollConn) end(how uint32) {
	p.watched.Store(how)
	p.arrived()
}

// endOfWatch returns why nothing can be read any more, or nil.
func (p *pollConn) endOfWatch() error {
	switch p.watched.Load() {
	case watchAborted:
		return os.ErrDeadlineExceeded
	case watchClosed:
		return net.ErrClosed
	}
	return nil
}

// ready is called at first, and then each time something has arrived. It always reports false, so that
// the runtime waits again.
func (p *pollConn) ready(fd uintptr) (done bool) {
	if p.watched.Load() == watchGoesOn || isReadable(fd) {
		p.arrived()
	}
	p.watched.Store(watchGoesOn)
	return false
}

// arrived makes the reader read.
func (p *pollConn) arrived() {
	for {
		switch state := p.state.Load(); state {
		case pollReading:
			if p.state.CompareAndSwap(state, pollReadable) {
				return
			}
		case pollReadable:
			return
		case pollResting:
			if p.state.CompareAndSwap(state, pollReading) {
				p.ws.session.srv.hands.run((*reading)(p.ws))
				return
			}
		case pollWaiting:
			if p.state.CompareAndSwap(state, pollReading) {
				p.wake <- struct{}{} // has room
				return
			}
		}
	}
}

// startWatch starts watch. Whenever there is something to read and no goroutine reads, another goroutine reads
// ws. If rests is false, the caller is the reader.
func (p *pollConn) startWatch(ws *webSocket, rests bool) {
	p.ws = ws
	if rests {
		p.state.Store(pollResting)
	}
	if w, ok := ws.in.conn.(watcher); ok && w.watch(p) {
		return
	}
	go p.watch()
}

// rest ends the caller's time as the reader. It reports false if something has arrived since the
// caller's last read, which must then read again.
func (p *pollConn) rest() bool { return p.state.CompareAndSwap(pollReading, pollResting) }

// beginRead forgets what has arrived, because a read follows. The caller is the reader.
func (p *pollConn) beginRead() { p.state.CompareAndSwap(pollReadable, pollReading) }

// read reads what has arrived. If there is nothing, n is 0 and err is nil. The caller is the
// reader.
func (p *pollConn) read(b []byte) (n int, err error) {
	p.beginRead()
	if err := p.endOfWatch(); err != nil { // after the change of state, which may undo that at the end of watch
		return 0, err
	}
	a := attempts.Get().(*attempt)
	defer attempts.Put(a)
	a.in, a.n, a.err = b, 0, 0
	err = p.raw.Control(a.onOpen)
	a.in = nil
	switch {
	case err != nil:
	case a.n > 0:
		n = a.n
	case a.err == 0:
		err = io.EOF
	case a.err != syscall.EAGAIN:
		err = a.err
	}
	return n, err
}

// canRead reports whether a read of raw finds something, or an error. It takes nothing.
func canRead(raw syscall.RawConn) bool {
	a := attempts.Get().(*attempt)
	defer attempts.Put(a)
	return raw.Control(a.onLook) != nil || a.n > 0
}

// await waits until there is something to read, or an error, which the next read may return. The caller is the
// reader.
func (p *pollConn) await() error {
	if p.ws == nil {
		return p.raw.Read(isReadable)
	}
	if p.wake == nil {
		p.wake = make(chan struct{}, 1)
	}
	if p.state.CompareAndSwap(pollReading, pollWaiting) {
		<-p.wake
	}
	return nil
}

// endWatch ends watch, so that the connection can be read by other means. The caller is the reader.
// It changes the connection's deadline for reading.
func (p *pollConn) endWatch(conn net.Conn) {
	if p.ws == nil {
		return
	}
	_ = conn.SetReadDeadline(longAgo)
	for {
		p.state.CompareAndSwap(pollReadable, pollReading)
		if p.endOfWatch() != nil {
			return
		}
		_ = p.await()
	}
}

// hasEnded reports whether the next read would find that the peer has closed the connection, or
// that it is lost. It does not wait. It must be the last read.
func (p *pollConn) hasEnded() bool {
	var next [1]byte
	_, err := p.read(next[:])
	return err != nil && p.endOfWatch() == nil // or this side has aborted the connection
}

// attempt is one read or write of a pollConn. Most connections do not read or write, so attempts are
// pooled.
type attempt struct {
	in         []byte // where to read to
	n          int    // bytes read; of look, one if there is something to read
	out        []byte // not written yet
	err        syscall.Errno
	onOpen     func(fd uintptr)
	onLook     func(fd uintptr)
	onWritable func(fd uintptr) bool
}

var attempts = sync.Pool{New: func() any {
	a := new(attempt)
	a.onOpen, a.onLook, a.onWritable = a.fill, a.look, a.drain
	return a
}}

// fill is called while the connection cannot be closed.
func (a *attempt) fill(fd uintptr) {
	a.n, a.err = ignoringInterrupts(readNow, int(fd), a.in)
}

// look is fill without taking anything.
func (a *attempt) look(fd uintptr) {
	a.n = 0
	if isReadable(fd) {
		a.n = 1
	}
}

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
	n, err := ignoringInterrupts(writeNow, int(fd), a.out)
	if n > 0 {
		a.out = a.out[n:]
	}
	if err != 0 && err != syscall.EAGAIN {
		a.err = err
	}
	return true
}

// ignoringInterrupts calls syscall.Read or syscall.Write, or what replaces them, whose errors are a
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
