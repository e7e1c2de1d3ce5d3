package redisbus_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
	"socketiojwt/socketio/sockettest"
)

// arrives emits an event at a, again and again, until the peer of another node receives it.
func arrives(t *testing.T, a *node, p *sockettest.Peer, room, event string) {
	t.Helper()
	redistest.Eventually(t, event+" arrives", func() bool {
		_ = a.To(room).Emit(event)
		for _, e := range p.Events() {
			if e == event {
				return true
			}
		}
		return false
	})
}

// A node whose connections are closed connects again, and reports the gap.
func TestConnectionsAreClosed(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	a, b := start(t, redis.Addr(), redisbus.Options{}, open), start(t, redis.Addr(), redisbus.Options{}, open)
	p := b.dial("x")
	inRoom(t, redis, 1, "x")
	for i, kill := range []func() int{redis.KillPubSub, redis.KillPubSub, redis.KillPubSub, redis.KillClients} {
		kill()
		redistest.Eventually(t, "the gap is reported", func() bool { return len(b.gaps.all()) == i+1 })
		arrives(t, a, p, "x", fmt.Sprint("after gap ", i+1))
	}
	for _, g := range b.gaps.all() {
		if g.From.IsZero() || g.Until.Before(g.From) || g.Cause == nil {
			t.Errorf("gap %+v", g)
		}
	}
	redistest.Eventually(t, "both are connected", func() bool { return a.bus.Health().Connected && b.bus.Health().Connected })
	if h := b.bus.Health(); h.Gaps != 4 || h.Nodes != 1 {
		t.Errorf("health %+v", h)
	}
	if took, partial := a.fetch(); took > time.Second || partial != nil {
		t.Errorf("fetched with %v after %v", partial, took)
	}
}

// After a gap, a node greets the others, so that they know each other again at once.
func TestNodesGreetEachOtherAfterAGap(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	a := start(t, redis.Addr(), redisbus.Options{}, open)
	monitor := redis.Monitor()
	defer monitor.Close()
	redis.KillPubSub()
	for {
		args := monitor.Next("PUBLISH") // fails the test if none comes
		if args[1] == "socket.io-go#" && strings.HasPrefix(args[2], `1h{"id":"`+string(a.bus.ID())) {
			return
		}
	}
}

// While Redis is stopped, sockets of the same node are served. What waits for too long is
// dropped. When Redis is there again, the nodes are one cluster again.
func TestRedisIsStopped(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	a, b := start(t, redis.Addr(), redisbus.Options{}, open), start(t, redis.Addr(), redisbus.Options{}, open)
	here, far := a.dial("x"), b.dial("x")
	inRoom(t, redis, 2, "x")
	redis.Stop()
	redistest.Eventually(t, "the node knows", func() bool {
		_ = a.To("x").Emit("during")
		return !a.bus.Health().Connected
	})
	if h := a.bus.Health(); h.Err == nil || h.Since.IsZero() {
		t.Errorf("health %+v", h)
	}
	if _, err := here.Expect(a.ctx, "during"); err != nil {
		t.Errorf("a socket of the same node: %v", err)
	}
	if _, partial := a.fetch(); partial == nil {
		t.Error("FetchSockets returned no error")
	}
	if err := a.To("x").SocketsJoin("new"); err != nil {
		t.Errorf("SocketsJoin: %v", err)
	}
	redistest.Eventually(t, "what waits is dropped", func() bool { h := a.bus.Health(); return h.Dropped > 0 && h.Queued == 0 })
	for _, e := range far.Events() {
		t.Errorf("another node received %s", e)
	}
	redis.Restart()
	arrives(t, a, far, "x", "after")
	inRoom(t, redis, 1, "new") // which was joined meanwhile
	redistest.Eventually(t, "both are connected", func() bool { return a.bus.Health().Connected && b.bus.Health().Connected })
	if len(b.gaps.all()) == 0 {
		t.Error("no gap was reported")
	}
}

// While Redis is frozen, nothing waits for it, and the queue is bounded. What was queued too long
// ago does not arrive later.
func TestRedisIsFrozen(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	a, b := start(t, redis.Addr(), redisbus.Options{MaxQueue: 100_000}, open), start(t, redis.Addr(), redisbus.Options{}, open)
	p := b.dial("x")
	inRoom(t, redis, 1, "x")
	redis.Freeze()
	_ = a.To("x").Emit("on its way") // Redis finds it in its socket later
	redistest.Eventually(t, "it is sent", func() bool { return a.bus.Health().Queued == 0 })
	text := make([]byte, 1000)
	var failed error
	for i := 0; i < 1000 && failed == nil; i++ {
		began := time.Now()
		failed = a.To("x").Emit("frozen", text)
		if took := time.Since(began); took > time.Second {
			t.Fatalf("Emit took %v", took)
		}
	}
	if !errors.Is(failed, redisbus.ErrBacklog) {
		t.Errorf("Emit: %v", failed)
	}
	if h := a.bus.Health(); h.Queued > 100_000 {
		t.Errorf("health %+v", h)
	}
	redistest.Eventually(t, "the node knows, and has dropped what waited", func() bool {
		h := a.bus.Health()
		return !h.Connected && h.Dropped > 0 && h.Queued == 0
	})
	redis.Thaw()
	arrives(t, a, p, "x", "after")
	redistest.Eventually(t, "both are connected", func() bool { return a.bus.Health().Connected && b.bus.Health().Connected })
	late := 0
	for _, e := range p.Events() {
		if e == "frozen" {
			late++
		}
	}
	if late > 0 {
		t.Errorf("%d events arrived late", late)
	}
}
