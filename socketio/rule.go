package socketio

import (
	"context"
	"errors"
	"sync"
)

// namespaceFor finds the namespace that a peer named, or makes it if a dynamic
// one matches. It may run user code. A namespace that nothing was registered on
// does not exist for peers.
func (srv *Server) namespaceFor(ctx context.Context, name string, h *Handshake) (*Namespace, error) {
	srv.mu.Lock()
	n := srv.namespaces[name]
	srv.mu.Unlock()
	switch {
	case n == nil || n.parent != nil:
	case n.table.admits():
		return n, nil
	default: // "/" with no middleware of its own: no rule may open it
		return nil, errNoNamespace
	}
	for _, parent := range srv.dynamic {
		ok, err := parent.matches(ctx, name, h)
		if err != nil {
			return nil, err
		}
		if ok {
			return srv.child(parent, name)
		}
	}
	return nil, errNoNamespace
}

// child returns the dynamic namespace of that name, and counts a socket that connects
// to it. All sockets of one name get the same.
func (srv *Server) child(parent *Namespace, name string) (*Namespace, error) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	n := srv.namespaces[name]
	switch {
	case n == nil:
		n = srv.newNamespace(name, parent.table)
		n.parent = parent
		if srv.opts.Adapter != nil {
			n.adapter = &childAdapter{local: n.local}
		}
		srv.namespaces[name] = n
	case n.parent != parent:
		return nil, errNoNamespace // its middleware would not be parent's
	}
	n.refs++
	return n, nil
}

// release lets a dynamic namespace go with its last socket, admitted or not.
func (srv *Server) release(n *Namespace) {
	if n == nil || n.parent == nil {
		return
	}
	srv.mu.Lock()
	n.refs--
	last := n.refs == 0
	if last {
		delete(srv.namespaces, n.name)
	}
	srv.mu.Unlock()
	if last {
		n.dropAdapter()
	}
}

// children is the adapter of a rule for dynamic namespaces: what is asked of the
// rule is asked of each namespace that it has made and that has admitted sockets now.
type children struct{ rule *Namespace }

var _ Adapter = children{}

// all returns the namespaces of the rule.
func (c children) all() []*Namespace {
	srv := c.rule.server
	srv.mu.Lock()
	defer srv.mu.Unlock()
	var all []*Namespace
	for _, n := range srv.namespaces {
		if n.parent == c.rule && n.members > 0 {
			all = append(all, n)
		}
	}
	return all
}

func (c children) each(f func(Adapter) error) error {
	var failed []error
	for _, n := range c.all() {
		failed = append(failed, f(n.adapter))
	}
	return errors.Join(failed...)
}

func (c children) Broadcast(p Packet, to Selector) error {
	return c.each(func(a Adapter) error { return a.Broadcast(p, to) })
}

// BroadcastWithAck asks all at once, since each waits.
func (c children) BroadcastWithAck(ctx context.Context, p Packet, to Selector) ([]Arguments, error) {
	var (
		asking  sync.WaitGroup
		mu      sync.Mutex
		answers []Arguments
		failed  []error
	)
	for _, n := range c.all() {
		asking.Go(func() {
			got, err := n.adapter.BroadcastWithAck(ctx, p, to)
			mu.Lock()
			defer mu.Unlock()
			answers, failed = append(answers, got...), append(failed, err)
		})
	}
	asking.Wait()
	return answers, errors.Join(failed...)
}

func (c children) FetchSockets(ctx context.Context, to Selector) (infos []SocketInfo, err error) {
	err = c.each(func(a Adapter) error {
		some, err := a.FetchSockets(ctx, to)
		infos = append(infos, some...)
		return err
	})
	return infos, err
}

func (c children) SocketsJoin(ctx context.Context, to Selector, rooms []string) error {
	return c.each(func(a Adapter) error { return a.SocketsJoin(ctx, to, rooms) })
}

func (c children) SocketsLeave(ctx context.Context, to Selector, rooms []string) error {
	return c.each(func(a Adapter) error { return a.SocketsLeave(ctx, to, rooms) })
}

func (c children) DisconnectSockets(ctx context.Context, to Selector, closeConnection bool) error {
	return c.each(func(a Adapter) error { return a.DisconnectSockets(ctx, to, closeConnection) })
}

// Close does nothing: each namespace closes its own adapter.
func (c children) Close() error { return nil }
