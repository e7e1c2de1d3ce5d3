package socketio

import (
	"context"
	"errors"
	"sync"
)

// children is the adapter of a rule for dynamic namespaces: what is asked of the
// rule is asked of each namespace that it has made and that has sockets now.
type children struct{ rule *Namespace }

var _ Adapter = children{}

// all returns the namespaces of the rule.
func (c children) all() []*Namespace {
	srv := c.rule.server
	srv.mu.Lock()
	defer srv.mu.Unlock()
	var all []*Namespace
	for _, n := range srv.namespaces {
		if n.parent == c.rule {
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
