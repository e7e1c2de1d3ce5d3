package socketio_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"

	"socketiojwt/socketio"
)

// stubBus is a Bus that records its calls. The test plays all other nodes.
type stubBus struct {
	told   record // calls of Rooms with rooms
	static record // namespaces of calls of Rooms without rooms
	panics bool
	exits  bool          // Publish ends its goroutine
	read   []byte        // the Data of the last call of Publish that did not return
	hold   chan struct{} // if not nil, Rooms blocks until it is closed

	mu        sync.Mutex
	published []socketio.Message
	replies   []socketio.Message
	nodes     int            // other nodes that name themselves: "1", "2" and so on
	nameless  socketio.Asked // and those that do not
	err       error          // of Publish
	closed    int
	ending    error // of the context of the last Close
	deliver   func(socketio.Message)
}

var _ socketio.RoomWatcher = (*stubBus)(nil)

func (b *stubBus) join(deliver func(socketio.Message)) (socketio.Bus, error) {
	b.deliver = deliver
	return b, nil
}

func (b *stubBus) Publish(m *socketio.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.panics || b.exits {
		b.read = m.Data
	}
	switch {
	case b.panics:
		panic("secret")
	case b.exits:
		runtime.Goexit()
	}
	kept := *m
	kept.Data = slices.Clone(m.Data)
	b.published = append(b.published, kept)
	return b.err
}

func (b *stubBus) Reply(_ socketio.NodeID, m *socketio.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.panics {
		panic("secret")
	}
	b.replies = append(b.replies, *m)
	return nil
}

func (b *stubBus) Ask(_ context.Context, m *socketio.Message) (socketio.Asked, error) {
	if err := b.Publish(m); err != nil {
		return socketio.Asked{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	asked := b.nameless
	for i := range b.nodes {
		asked.Nodes = append(asked.Nodes, socketio.NodeID(strconv.Itoa(i+1)))
	}
	return asked, nil
}

func (b *stubBus) Health() socketio.BusHealth {
	if b.panics {
		panic("secret")
	}
	return socketio.BusHealth{Nodes: b.nodes}
}

func (b *stubBus) Rooms(namespace string, opened, closed []string) {
	if b.panics {
		panic("secret")
	}
	if len(opened)+len(closed) == 0 {
		b.static.add(namespace)
		return
	}
	if b.hold != nil {
		<-b.hold
	}
	slices.Sort(opened)
	slices.Sort(closed)
	b.told.add(fmt.Sprint(namespace, " opened ", opened, " closed ", closed))
}

func (b *stubBus) Close(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed, b.ending = b.closed+1, ctx.Err()
	return nil
}

// take returns the messages published and the replies sent since the last call.
func (b *stubBus) take() (published, replies []socketio.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	published, replies = b.published, b.replies
	b.published, b.replies = nil, nil
	return published, replies
}

// onBus runs a test against one server on a stubBus, which reports the given number of other
// nodes.
func onBus(t *testing.T, nodes int, opts socketio.Options, setup func(srv *socketio.Server), test func(f *fixture, bus *stubBus)) {
	t.Helper()
	bus := &stubBus{nodes: nodes}
	opts.ClusterKey, opts.Bus = make([]byte, 16), bus.join
	bubble(t, opts, setup, func(f *fixture) { test(f, bus) })
}
