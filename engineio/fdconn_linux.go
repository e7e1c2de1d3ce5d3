package engineio

import (
	"math"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// fdConn is a connection without package net and, until a goroutine must wait for it, without the runtime's
// poller. These keep 800 bytes for each of their connections. A goroutine must wait if the peer takes no more, or
// until the peer closes its end.
//
// Its methods may be called concurrently. The descriptor is closed when the last call that uses it
// has returned, so that none of them uses the descriptor of another connection.
type fdConn struct {
	shared *sharedWait
	fd     int32

	calls      int32      // that use fd
	mu         sync.Mutex // guards calls, and everything below
	closed     bool
	readUntil  time.Duration // deadline by the clock of sinceStart; zero means none
	writeUntil time.Duration
	file       *os.File  // fd, for goroutines that wait; nil while the poller does not know it
	poll       *pollConn // that is or was watched; nil before that
}

// leastFD is the least descriptor of an fdConn. Package os raises SIGPIPE when a write to a lower one fails.
const leastFD = 3

// detach returns a connection that replaces conn, which it closes. If conn cannot be replaced, detach returns conn.
func (w *sharedWait) detach(conn net.Conn) net.Conn {
	if !w.enabled {
		return conn
	}
	raw := pollable(conn)
	if raw == nil {
		return conn
	}
	var (
		fd    uintptr
		errno syscall.Errno
	)
	err := raw.Control(func(old uintptr) {
		fd, _, errno = syscall.Syscall(syscall.SYS_FCNTL, old, syscall.F_DUPFD_CLOEXEC, leastFD)
	})
	if err != nil || errno != 0 {
		return conn
	}
	_ = conn.Close()
	return &fdConn{shared: w, fd: int32(fd)}
}

// watch implements watcher. Each event calls p.arrived. A deadline for reading in the past, and Close, end the
// watch. They call p.end.
func (c *fdConn) watch(p *pollConn) bool {
	watched, err := c.addWatch(p)
	if err != nil {
		c.shared.failure(err)
	}
	return watched
}

// addWatch is watch without the report of a failure.
func (c *fdConn) addWatch(p *pollConn) (watched bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || expired(c.readUntil) {
		return false, nil // p.watch sees at once what has ended it
	}
	if err := c.shared.add(int(c.fd), p); err != nil {
		return false, err
	}
	c.poll = p
	return true, nil
}

// endWatch ends the watch. Without one it does nothing. c.mu is held.
func (c *fdConn) endWatch(how uint32) {
	if c.poll != nil && c.shared.remove(int(c.fd), c.poll) {
		c.poll.end(how)
	}
}

// begin counts a call until end.
func (c *fdConn) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.calls++
	return nil
}

func (c *fdConn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls--
	c.closeUnused()
}

// closeUnused closes the descriptor if no call will use it any more. c.mu is held.
func (c *fdConn) closeUnused() {
	if !c.closed || c.calls > 0 {
		return
	}
	if c.file != nil {
		_ = c.file.Close()
	} else {
		_ = syscall.Close(int(c.fd))
	}
}

var processStart = time.Now()

// sinceStart is a monotonic clock, so that a change of the system's time delays no end.
func sinceStart() time.Duration { return time.Since(processStart) }

// untilTime returns t by the clock of sinceStart. It is zero if t is.
func untilTime(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	now := sinceStart()
	if left := time.Until(t); left <= math.MaxInt64-now {
		return max(1, now+left) // at least a nanosecond has passed
	}
	return math.MaxInt64
}

// expired reports whether a deadline has passed.
func expired(until time.Duration) bool { return until != 0 && until <= sinceStart() }

// timeOf is the reverse of untilTime.
func timeOf(until time.Duration) time.Time {
	if until == 0 {
		return time.Time{}
	}
	return time.Now().Add(until - sinceStart())
}

// waitable returns the file by which a goroutine can wait for the connection.
func (c *fdConn) waitable() *os.File {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		c.file = os.NewFile(uintptr(c.fd), "connection") // does not wait, because the descriptor does not block
		c.setFileDeadlines()
	}
	return c.file
}

// setFileDeadlines passes the deadlines on to the file, if there is one. c.mu is held.
func (c *fdConn) setFileDeadlines() {
	switch {
	case c.file == nil:
	case c.closed:
		_ = c.file.SetDeadline(longAgo)
	default:
		_ = c.file.SetReadDeadline(timeOf(c.readUntil))
		_ = c.file.SetWriteDeadline(timeOf(c.writeUntil))
	}
}

// Close implements net.Conn. It ends the calls that wait.
func (c *fdConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.closed = true
	c.setFileDeadlines()
	c.endWatch(watchClosed)
	c.closeUnused()
	return nil
}

// setDeadlines changes the deadlines, and ends the watch if that for reading is in the past.
func (c *fdConn) setDeadlines(t time.Time, read, write bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	until := untilTime(t)
	if read {
		c.readUntil = until
	}
	if write {
		c.writeUntil = until
	}
	c.setFileDeadlines()
	if read && expired(until) {
		c.endWatch(watchAborted)
	}
	return nil
}

// SetDeadline implements net.Conn. A deadline for reading that passes later does not end the watch.
func (c *fdConn) SetDeadline(t time.Time) error { return c.setDeadlines(t, true, true) }

// SetReadDeadline implements net.Conn.
func (c *fdConn) SetReadDeadline(t time.Time) error { return c.setDeadlines(t, true, false) }

// SetWriteDeadline implements net.Conn.
func (c *fdConn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(t, false, true) }

// Read implements net.Conn.
func (c *fdConn) Read(b []byte) (int, error) {
	if err := c.begin(); err != nil {
		return 0, err
	}
	defer c.end()
	return c.waitable().Read(b)
}

// Write implements net.Conn.
func (c *fdConn) Write(b []byte) (int, error) {
	if err := c.begin(); err != nil {
		return 0, err
	}
	defer c.end()
	return c.waitable().Write(b)
}

// CloseWrite is that of net.TCPConn.
func (c *fdConn) CloseWrite() error {
	if err := c.begin(); err != nil {
		return err
	}
	defer c.end()
	return os.NewSyscallError("shutdown", syscall.Shutdown(int(c.fd), syscall.SHUT_WR))
}

// LocalAddr implements net.Conn. It returns nil, and is never called.
func (c *fdConn) LocalAddr() net.Addr { return nil }

// RemoteAddr implements net.Conn. It returns nil, and is never called, because a Session has the address.
func (c *fdConn) RemoteAddr() net.Addr { return nil }

// SyscallConn implements syscall.Conn.
func (c *fdConn) SyscallConn() (syscall.RawConn, error) { return (*rawFDConn)(c), nil }

// rawFDConn is the syscall.RawConn of an fdConn.
type rawFDConn fdConn

// Control implements syscall.RawConn.
func (r *rawFDConn) Control(f func(fd uintptr)) error {
	c := (*fdConn)(r)
	if err := c.begin(); err != nil {
		return err
	}
	defer c.end()
	f(uintptr(c.fd))
	return nil
}

// Read implements syscall.RawConn.
func (r *rawFDConn) Read(f func(fd uintptr) (done bool)) error {
	return (*fdConn)(r).do(&r.readUntil, f, syscall.RawConn.Read)
}

// Write implements syscall.RawConn.
func (r *rawFDConn) Write(f func(fd uintptr) (done bool)) error {
	return (*fdConn)(r).do(&r.writeUntil, f, syscall.RawConn.Write)
}

// do calls f, and if that has done nothing waits until it has.
func (c *fdConn) do(until *time.Duration, f func(fd uintptr) (done bool), wait func(syscall.RawConn, func(uintptr) bool) error) error {
	if err := c.begin(); err != nil {
		return err
	}
	defer c.end()
	c.mu.Lock()
	late := expired(*until)
	c.mu.Unlock()
	if late {
		return os.ErrDeadlineExceeded
	}
	if f(uintptr(c.fd)) {
		return nil
	}
	raw, err := c.waitable().SyscallConn()
	if err != nil {
		return err
	}
	return wait(raw, f)
}
