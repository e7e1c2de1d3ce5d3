package engineio

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// ClientConn is the client's end of a session by WebSocket, for tests and
// tools: it answers pings, and has neither polling nor reconnection. Its
// methods may be called concurrently. Close has to be called.
type ClientConn struct {
	handshake  Handshake
	reader     frameReader // belongs to the goroutine that receives
	maxPending int
	done       chan struct{} // closed when that goroutine has ended

	writing sync.Mutex // held while a frame is written, so that frames do not mix

	mu      sync.Mutex // guards what follows
	pending []received
	size    int
	err     error
	arrived chan struct{} // has room for one signal
}

type received struct {
	data   []byte
	binary bool
}

// clientWriteTimeout bounds each write of a ClientConn, and the goodbye.
const clientWriteTimeout = 10 * time.Second

// receive is the goroutine that reads. A server that does not ping in time is
// gone, whatever the network says.
func (c *ClientConn) receive() {
	defer close(c.done)
	silence := c.handshake.PingInterval + c.handshake.PingTimeout
	c.reader.in.conn.SetReadDeadline(time.Now().Add(silence))
	for {
		data, kind, err := c.reader.next(c.control)
		if err == nil {
			err = c.take(data, kind, silence)
		}
		if err != nil {
			c.fail(err)
			return
		}
	}
}

func (c *ClientConn) take(data []byte, kind frameKind, silence time.Duration) error {
	if kind == binaryFrame {
		return c.keep(data, true)
	}
	p, ok := parsePacket(data)
	if !ok {
		return errPacket
	}
	switch p.kind {
	case packetMessage:
		return c.keep(p.data, false)
	case packetPing:
		c.reader.in.conn.SetReadDeadline(time.Now().Add(silence))
		return c.write(textFrame, string(packetPong), p.data)
	case packetClose:
		return ErrClosed
	}
	return nil
}

func (c *ClientConn) control(kind frameKind, payload []byte) {
	if kind == pingFrame {
		c.write(pongFrame, "", payload) // a failure shows at the next read
	}
}

// keep keeps a message for Receive.
func (c *ClientConn) keep(data []byte, binary bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.size > 0 && c.size+len(data) > c.maxPending {
		return ErrSlow
	}
	c.pending = append(c.pending, received{append([]byte(nil), data...), binary})
	c.size += len(data) + 1
	c.signal()
	return nil
}

// signal lets one Receive look. c.mu is held.
func (c *ClientConn) signal() {
	select {
	case c.arrived <- struct{}{}:
	default:
	}
}

// fail ends the connection for err.
func (c *ClientConn) fail(err error) {
	c.reader.in.conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = fmt.Errorf("%w: %w", ErrClosed, err)
	}
	c.signal()
}

// Receive returns the next message. Messages that came before the connection
// ended are returned before the error, which is ErrClosed with its cause.
func (c *ClientConn) Receive(ctx context.Context) (data []byte, binary bool, err error) {
	for {
		if m, ok, err := c.next(); ok || err != nil {
			return m.data, m.binary, err
		}
		select {
		case <-c.arrived:
		case <-ctx.Done():
			return nil, false, context.Cause(ctx)
		}
	}
}

func (c *ClientConn) next() (m received, ok bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pending) > 0 {
		m, c.pending = c.pending[0], c.pending[1:]
		c.size -= len(m.data) + 1
		ok = true
	} else {
		err = c.err
	}
	if len(c.pending) > 0 || c.err != nil {
		c.signal() // others may wait as well
	}
	return m, ok, err
}

// Send sends a text message, which has to be UTF-8. It may block while the
// server does not read, for 10 s at most.
func (c *ClientConn) Send(text []byte) error {
	return c.write(textFrame, string(packetMessage), text)
}

// SendBinary sends a binary message, as Send sends text.
func (c *ClientConn) SendBinary(data []byte) error { return c.write(binaryFrame, "", data) }

func (c *ClientConn) write(kind frameKind, prefix string, data []byte) error {
	frame := appendFrame(nil, clientSide, kind, prefix, data)
	c.writing.Lock()
	defer c.writing.Unlock()
	conn := c.reader.in.conn
	conn.SetWriteDeadline(time.Now().Add(clientWriteTimeout))
	if _, err := conn.Write(frame); err != nil {
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return nil
}

// Close says goodbye to the server, waits for its answer for a second, and
// frees the connection. It may be called more than once.
func (c *ClientConn) Close() error {
	c.mu.Lock()
	if c.err == nil {
		c.err = ErrClosed
	}
	c.signal()
	c.mu.Unlock()
	if c.write(closeFrame, "", nil) == nil {
		select {
		case <-c.done:
		case <-time.After(lingerTimeout):
		}
	}
	c.reader.in.conn.Close()
	<-c.done
	return nil
}

// Abort frees the connection without a word, as a broken network does.
func (c *ClientConn) Abort() {
	c.reader.in.conn.Close()
	<-c.done
}
