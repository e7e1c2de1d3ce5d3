package socketio

import (
	"context"
	"sync"
)

// A dynamic namespace exists, only for its sockets, from the first CONNECT that names
// it. It is listed, and has an adapter, from its first admission until its last
// admitted socket is gone: peers choose such names, and an adapter may be expensive.

// join counts a socket that is being admitted to a namespace, which is listed from the
// first one on, and makes its adapter. It runs user code.
func (srv *Server) join(n *Namespace) error {
	if n.parent == nil {
		return nil
	}
	srv.mu.Lock()
	n.members++
	srv.mu.Unlock()
	if lazy, ok := n.adapter.(*childAdapter); ok {
		if _, err := lazy.get(); err != nil {
			srv.leave(n)
			return err
		}
	}
	return nil
}

// leave takes back what join has done.
func (srv *Server) leave(n *Namespace) {
	if n.parent == nil {
		return
	}
	srv.mu.Lock()
	n.members--
	last := n.members == 0
	srv.mu.Unlock()
	if last {
		n.dropAdapter()
	}
}

// dropAdapter closes the adapter of a dynamic namespace, if there is one.
func (n *Namespace) dropAdapter() {
	if lazy, ok := n.adapter.(*childAdapter); ok {
		n.server.closeAdapterOf(n, lazy.drop())
	}
}

// childAdapter is the adapter of a dynamic namespace where Options.Adapter is set. It
// makes the real one when the first socket is admitted, or when the program first
// needs it, in connect middleware for instance.
type childAdapter struct {
	local *Local

	mu     sync.Mutex
	real   Adapter // nil while there is none
	closed bool
}

var _ Adapter = (*childAdapter)(nil)

// get returns the real adapter. Of two that are made at once one is closed.
func (c *childAdapter) get() (Adapter, error) {
	c.mu.Lock()
	real, closed := c.real, c.closed
	c.mu.Unlock()
	switch {
	case real != nil:
		return real, nil
	case closed:
		return nil, ErrClosed
	}
	n := c.local.namespace
	made, err := n.server.newAdapter(n)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	var surplus Adapter
	if c.real != nil || c.closed {
		surplus = made
	} else {
		c.real = made
	}
	real = c.real
	c.mu.Unlock()
	n.server.closeAdapterOf(n, surplus)
	if real == nil {
		return nil, ErrClosed
	}
	return real, nil
}

// drop takes the real adapter out, for the caller to close; nil when there is none.
func (c *childAdapter) drop() Adapter {
	c.mu.Lock()
	defer c.mu.Unlock()
	real := c.real
	c.real = nil
	return real
}

func (c *childAdapter) Broadcast(p Packet, to Selector) error {
	real, err := c.get()
	if err != nil {
		return err
	}
	return real.Broadcast(p, to)
}

func (c *childAdapter) BroadcastWithAck(ctx context.Context, p Packet, to Selector) ([]Arguments, error) {
	real, err := c.get()
	if err != nil {
		return nil, err
	}
	return real.BroadcastWithAck(ctx, p, to)
}

func (c *childAdapter) FetchSockets(ctx context.Context, to Selector) ([]SocketInfo, error) {
	real, err := c.get()
	if err != nil {
		return nil, err
	}
	return real.FetchSockets(ctx, to)
}

func (c *childAdapter) SocketsJoin(ctx context.Context, to Selector, rooms []string) error {
	real, err := c.get()
	if err != nil {
		return err
	}
	return real.SocketsJoin(ctx, to, rooms)
}

func (c *childAdapter) SocketsLeave(ctx context.Context, to Selector, rooms []string) error {
	real, err := c.get()
	if err != nil {
		return err
	}
	return real.SocketsLeave(ctx, to, rooms)
}

func (c *childAdapter) DisconnectSockets(ctx context.Context, to Selector, closeConnection bool) error {
	real, err := c.get()
	if err != nil {
		return err
	}
	return real.DisconnectSockets(ctx, to, closeConnection)
}

// Close closes the real adapter, and makes none any more.
func (c *childAdapter) Close() error {
	c.mu.Lock()
	real := c.real
	c.real, c.closed = nil, true
	c.mu.Unlock()
	if real == nil {
		return nil
	}
	return real.Close()
}
