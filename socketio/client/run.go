package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"socketiojwt/internal/engineclient"
	"socketiojwt/socketio/internal/packet"
)

// A link is one transport of the client, from its opening to its loss.
type link struct {
	client *Client
	conn   *engineclient.Conn
	ctx    context.Context // ends with the link
	cancel context.CancelFunc

	// unanswered has the namespaces whose CONNECT was not answered when Join gave up.
	// Client.mu guards it.
	unanswered map[string]bool
}

// run is the goroutine of the client: it reads the packets of one connection after the
// other.
func (c *Client) run(l *link) {
	for {
		err := l.read()
		l.cancel()
		if isLost(err) {
			_ = l.conn.Close() // waits for Client.Close, which may be sending
		} else {
			l.conn.Abort()
		}
		c.lost(err)
		conn := c.reopen()
		if conn == nil {
			return
		}
		l = c.linked(conn)
	}
}

// linked makes conn the connection, and joins the namespaces of all sockets.
func (c *Client) linked(conn *engineclient.Conn) *link {
	l := &link{client: c, conn: conn, unanswered: make(map[string]bool)}
	l.ctx, l.cancel = context.WithCancel(c.ctx)
	if !c.attach(l) {
		conn.Abort() // the client was closed meanwhile
	}
	return l
}

// attach reports false if the client has ended.
func (c *Client) attach(l *link) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		return false
	}
	c.link, c.failure = l, nil
	for _, s := range c.sockets {
		if !s.leaving {
			c.running.Go(func() { s.connect(l) })
		}
	}
	return true
}

// lost handles the loss of a connection for err.
func (c *Client) lost(err error) {
	if !c.forgetLink(err) {
		c.opts.Logger.Info("socketio client: connection lost", "error", err)
	}
}

// forgetLink takes the connection away from all sockets, and reports whether the client has ended.
func (c *Client) forgetLink(err error) (ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link, c.failure = nil, err
	switch {
	case errors.Is(err, ErrSlow):
		c.end(fmt.Errorf("%w: %w", ErrClosed, ErrSlow))
	case c.opts.NoReconnect:
		c.end(fmt.Errorf("%w: %w", ErrClosed, err))
	}
	if c.ended != nil {
		return true
	}
	for _, s := range c.sockets {
		s.lost(err)
	}
	return false
}

// reopen opens another connection, as soon as there is a socket that needs one. It
// returns nil when the client has ended.
func (c *Client) reopen() *engineclient.Conn {
	level := slog.LevelWarn
	for {
		waited, ok := c.awaitWanted()
		if !ok {
			return nil
		}
		if !waited { // or else Join waits, after a while in which no connection was needed
			c.mu.Lock()
			delay := c.backoff.next()
			c.mu.Unlock()
			if !sleep(c.ctx, delay) {
				return nil
			}
			if _, ok = c.awaitWanted(); !ok {
				return nil
			}
		}
		conn, err := c.open(c.ctx)
		if err == nil {
			c.opts.Logger.Info("socketio client: connection restored")
			return conn
		}
		c.opts.Logger.Log(c.ctx, level, "socketio client: could not connect", "error", err)
		level = slog.LevelDebug
		c.mu.Lock()
		c.failed(err)
		c.mu.Unlock()
	}
}

// failed notes an attempt that failed. The caller holds mu.
func (c *Client) failed(err error) {
	var status *StatusError
	if errors.As(err, &status) {
		c.backoff.asked = status.RetryAfter
	}
	c.failure = err
}

// awaitWanted waits until a socket needs a connection, and reports whether it waited. It
// is not ok if the client has ended.
func (c *Client) awaitWanted() (waited, ok bool) {
	for ; ; waited = true {
		c.mu.Lock()
		ended, sockets := c.ended, len(c.sockets)
		c.mu.Unlock()
		if ended != nil || sockets > 0 {
			return waited, ended == nil
		}
		select {
		case <-c.wanted:
		case <-c.ctx.Done():
			return true, false
		}
	}
}

// trace shows what is about to be sent.
func (l *link) trace(text []byte, attachments [][]byte) {
	if trace := l.client.opts.Trace; trace != nil {
		trace(true, text, false)
		for _, data := range attachments {
			trace(true, data, true)
		}
	}
}

// send sends a packet of the protocol.
func (l *link) send(ctx context.Context, text []byte) error {
	l.trace(text, nil)
	return l.conn.Send(ctx, text)
}

// leave leaves namespaces. It waits for room for 5 seconds at most, and no longer
// than the link lasts. It reports whether all DISCONNECT packets are queued.
func (l *link) leave(namespaces ...string) bool {
	ctx, cancel := context.WithTimeout(l.ctx, 5*time.Second)
	defer cancel()
	for _, namespace := range namespaces {
		if l.send(ctx, packet.Packet{Type: packet.Disconnect, Namespace: namespace}.AppendHead(nil)) != nil {
			return false
		}
	}
	return true
}
