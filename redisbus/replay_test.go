package redisbus_test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
	"socketiojwt/socketio"
)

// heard collects what an extension receives.
type heard struct {
	mu   sync.Mutex
	list []string
}

func (h *heard) receive(_ socketio.NodeID, payload []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, string(payload))
}

func (h *heard) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.list)
}

// With Options.Key, messages of our own nodes that are published again have no effect, neither on
// nodes that have received them nor on one that has started since.
func TestReplay(t *testing.T) {
	onEachWire(t, func(t *testing.T, p *place) {
		redis := p.servers[0]
		p.opts.Key = []byte("secret")
		add := func() (*node, *heard) {
			h := &heard{}
			return startWith(t, p.client, p.opts, func(srv *socketio.Server) {
				open(srv)
				srv.HandleExtension("x", h.receive)
			}), h
		}
		spy, again := redis.SubscribePattern("socket.io-go#*"), redis.Publish
		if p.opts.Wire == redisbus.Sharded {
			spy, again = redis.ShardSubscribe("socket.io-go#"), redis.ShardPublish
		}
		a, _ := add()
		b, toB := add()
		send := func(payload string) {
			if err := a.PublishExtension("x", []byte(payload)); err != nil {
				t.Error(err)
			}
		}
		eventually := func(h *heard, want ...string) {
			t.Helper()
			redistest.Eventually(t, "the messages", func() bool { return len(h.all()) >= len(want) })
			if got := h.all(); !slices.Equal(got, want) {
				t.Errorf("received %q, want %q", got, want)
			}
		}
		send("first")
		eventually(toB, "first")
		c, toC := add()
		for range len(spy.Messages()) {
			m := spy.Next()
			again(m.Channel, m.Payload)
		}
		send("second")
		eventually(toB, "first", "second")
		eventually(toC, "second")
		for _, n := range []*node{a, b, c} {
			if got := len(n.bus.Nodes()); got != 2 {
				t.Errorf("a node knows %d others", got)
			}
		}
		if b.bus.Health().Ignored == 0 {
			t.Error("no repeated message was counted")
		}
	})
}

// Messages that were dropped because their sender was not known are reported as a gap, so that
// revocations among them are asked for.
func TestMessagesOfUnknownNodeAreAGap(t *testing.T) {
	redis := redistest.Start(t)
	h := &heard{}
	opts := redisbus.Options{Key: []byte("secret")}
	a := start(t, redis.Addr(), opts, open)
	b := start(t, redis.Addr(), opts, func(srv *socketio.Server) {
		open(srv)
		srv.HandleExtension("x", h.receive)
	})
	// As if a had come while b was frozen, and had not waited for it any longer. A heartbeat may make
	// a known again before its message arrives; then the message is received.
	for try := 1; len(b.gaps.all()) == 0; try++ {
		if try > 20 {
			t.Fatal("no message was dropped")
		}
		before := len(h.all())
		b.bus.ForgetSpeaker(a.bus.ID())
		if err := a.PublishExtension("x", []byte("lost")); err != nil {
			t.Error(err)
		}
		redistest.Eventually(t, "a gap", func() bool { return len(b.gaps.all()) > 0 || len(h.all()) > before })
	}
	if gap := b.gaps.all()[0]; !errors.Is(gap.Cause, redisbus.ErrUnknownNode) || b.bus.Health().Gaps != 1 {
		t.Errorf("%+v, health %+v", gap, b.bus.Health())
	}
}

// A node that has lost its memory of another one, or has missed that it came, gets to know it.
func TestNodeBecomesKnownLater(t *testing.T) {
	redis := redistest.Start(t)
	h := &heard{}
	opts := redisbus.Options{Key: []byte("secret")}
	a := start(t, redis.Addr(), opts, open)
	b := start(t, redis.Addr(), opts, func(srv *socketio.Server) {
		open(srv)
		srv.HandleExtension("x", h.receive)
	})
	b.bus.ForgetSpeaker(a.bus.ID())
	redistest.Eventually(t, "a message is received again", func() bool {
		if err := a.PublishExtension("x", []byte("later")); err != nil {
			t.Error(err)
		}
		return len(h.all()) > 0
	})
}
