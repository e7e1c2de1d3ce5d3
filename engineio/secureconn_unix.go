//go:build unix

package engineio

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// secureConn reads a TLS connection over a connection that can be polled. It waits for the
// latter, without a buffer and with a small stack, while a read of TLS needs several kilobytes
// of stack. Data that TLS has already read from the latter is found only by a read of TLS.
type secureConn struct {
	conn    *tls.Conn
	raw     syscall.RawConn
	poll    atomic.Pointer[pollConn] // for sharedWait.watchTLS, which does not need the goroutine that waits; may be nil
	fd      int32                    // set before poll
	woken   bool                     // there is something to read
	bounded bool                     // see boundUnsent
	aborted atomic.Bool              // the deadline in the past must stay
}

// newSecureConn returns nil if conn is not TLS over a connection that can be polled.
func newSecureConn(conn net.Conn) *secureConn {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return nil
	}
	raw := pollable(secure.NetConn())
	if raw == nil {
		return nil
	}
	return &secureConn{conn: secure, raw: raw}
}

// canRead reports whether the connection has something to read, or an error. It takes nothing, and does not wait.
func (c *secureConn) canRead() bool {
	if p := c.poll.Load(); p != nil && !c.woken {
		p.beginRead()
	}
	c.woken = c.woken || canRead(c.raw)
	return c.woken
}

// isEmpty reports whether TLS has nothing that it has read already, and no error. If it has
// something, in gets it. It does not wait.
func (c *secureConn) isEmpty(in *input) bool {
	_ = c.conn.SetReadDeadline(longAgo) // so that TLS does not read the connection
	err := c.readInto(in)
	_ = c.conn.SetReadDeadline(time.Time{})
	if c.aborted.Load() { // abort stores before it sets the deadline
		_ = c.conn.SetReadDeadline(longAgo)
	}
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// isWatched reports whether the reader need not be replaced by a goroutine that waits.
func (c *secureConn) isWatched() bool {
	p := c.poll.Load()
	return p != nil && p.endOfWatch() == nil
}

// wait waits until there is something to read, or an error.
func (c *secureConn) wait() {
	_ = c.raw.Read(isReadable) // the read that follows returns its error
	c.woken = true
}

// isReadable looks for bytes without taking them. It reports true if a read does not wait.
func isReadable(fd uintptr) bool {
	var b [1]byte
	_, err := ignoringInterrupts(peek, int(fd), b[:])
	return err != syscall.EAGAIN
}

// read waits until in has data. It holds no buffer while it waits, except if a part of a record
// has come, or a record without data.
func (c *secureConn) read(in *input) error {
	switch {
	case c.canRead():
	case c.isEmpty(in):
		c.wait()
	case len(in.data) > 0:
		return nil
	}
	c.woken = false
	return c.readInto(in)
}

// readInto reads into a buffer from the pool.
func (c *secureConn) readInto(in *input) error {
	buf := readBuffers.Get().(*readBuffer)
	n, err := c.conn.Read(buf.bytes[:])
	if n > 0 {
		in.buf, in.data = buf, buf.bytes[:n]
		return nil // the next read returns the error again
	}
	readBuffers.Put(buf)
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}
