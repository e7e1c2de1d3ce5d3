package redisbus_test

import (
	"fmt"
	"regexp"
	"runtime"
	"strconv"
	"testing"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
	"socketiojwt/socketio"
)

// A message for a room goes only to the node that has it.
func TestRoomOnOneOfEightNodes(t *testing.T) { onChannels(t, testRoomOnOneOfEightNodes) }

func testRoomOnOneOfEightNodes(t *testing.T, redis *place) {
	var nodes []*node
	for range 8 {
		nodes = append(nodes, redis.start(t))
	}
	p := nodes[3].dial("x")
	inRoom(t, redis, 1, "x", p.ID())
	received := func() (n uint64) {
		for _, n2 := range nodes {
			n += n2.bus.Health().Received
		}
		return n
	}
	before := received()
	if err := nodes[0].To("x").Emit("e"); err != nil {
		t.Fatal(err)
	}
	expect(t, t.Context(), p, "e", "e()")
	if n := received() - before; n != 1 {
		t.Errorf("%d nodes received the message", n)
	}
	if n := redis.publish("socket.io#/#x#", "\x93"); n != 1 {
		t.Errorf("PUBLISH to the room returned %d", n)
	}
	if n := redis.publish("socket.io#/#y#", "\x93"); n != 0 {
		t.Errorf("PUBLISH to a room that is nowhere returned %d", n)
	}
	if n := redis.servers[0].Patterns(); n != 0 {
		t.Errorf("%d patterns", n)
	}
}

// heap returns the bytes in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// subscribedChannels returns the number of channels that have subscribers.
func subscribedChannels(redis *redistest.Server) string {
	return redis.Info("stats")["pubsub_channels"]
}

// Rooms that were joined and left, and namespaces that had sockets, leave neither a subscription
// nor memory behind.
func TestRoomsAndNamespacesLeaveNothing(t *testing.T) {
	redis := redistest.Start(t)
	n := start(t, redis.Addr(), redisbus.Options{}, open)
	empty, table := subscribedChannels(redis), n.bus.Channels()
	own, _ := strconv.Atoi(empty)
	for name, c := range map[string]struct {
		place func(i int) (namespace string, rooms []string)
		count int
		each  int // channels
	}{
		"rooms": {func(i int) (string, []string) {
			rooms := make([]string, 10)
			for j := range rooms {
				rooms[j] = fmt.Sprint("room ", i, " ", j)
			}
			return "/", rooms
		}, 10_000, 10},
		"namespaces": {func(i int) (string, []string) { return fmt.Sprint("/dyn-", i), []string{"a socket"} }, 10_000, 5},
	} {
		t.Run(name, func(t *testing.T) {
			before := heap()
			for i := range c.count {
				namespace, rooms := c.place(i)
				n.bus.Rooms(namespace, rooms, nil)
			}
			all := strconv.Itoa(own + c.count*c.each)
			redistest.Eventually(t, "all are subscribed", func() bool { return subscribedChannels(redis) == all })
			during := heap()
			for i := range c.count {
				namespace, rooms := c.place(i)
				n.bus.Rooms(namespace, nil, rooms)
			}
			redistest.Eventually(t, "all are given up", func() bool { return subscribedChannels(redis) == empty })
			if got := n.bus.Channels(); got != table {
				t.Errorf("%d channels are left in the table of %d", got, table)
			}
			after := heap()
			t.Logf("%d bytes for each channel, and %d bytes left in all", (during-before)/int64(c.count*c.each), after-before)
			if left := after - before; left > 1<<20 {
				t.Errorf("%d bytes are left of %d", left, during-before)
			}
		})
	}
}

// Dynamic namespaces come and go with sockets, through a server.
func TestDynamicNamespacesOfAServer(t *testing.T) {
	redis := redistest.Start(t)
	n := start(t, redis.Addr(), redisbus.Options{}, func(srv *socketio.Server) {
		open(srv)
		join(srv.OfPattern(regexp.MustCompile(`/dyn-\d+`)).Open().Mux)
	})
	empty := subscribedChannels(redis)
	for i := range 20 {
		p := n.dialTo(fmt.Sprintf("/dyn-%d", i), "r")
		settle(t, redis, 1, fmt.Sprintf("socket.io#/dyn-%d#r#", i), fmt.Sprintf("socket.io-request#/dyn-%d#", i))
		_ = p.Close()
	}
	redistest.Eventually(t, "all are given up", func() bool { return subscribedChannels(redis) == empty })
}

// A namespace and a room of another namespace can have the same channel. Each gets its own
// messages.
func TestNamespaceNamedLikeARoom(t *testing.T) { onChannels(t, testNamespaceNamedLikeARoom) }

func testNamespaceNamedLikeARoom(t *testing.T, redis *place) {
	setup := func(srv *socketio.Server) {
		join(srv.Of("/a").Open().Mux)
		join(srv.Of("/a#b").Open().Mux)
	}
	one, two := startWith(t, redis.client, redis.opts, setup), startWith(t, redis.client, redis.opts, setup)
	inRoomB, inNamespace := two.dialTo("/a", "b"), two.dialTo("/a#b")
	settle(t, redis, 2, "socket.io#/a#b#")
	settle(t, redis, 1, "socket.io#/a#"+inRoomB.ID()+"#", "socket.io#/a#b#"+inNamespace.ID()+"#")
	_ = one.Of("/a").To("b").Emit("room")
	_ = one.Of("/a#b").Emit("namespace")
	expect(t, t.Context(), inRoomB, "room", "room()")
	expect(t, t.Context(), inNamespace, "namespace", "namespace()")
	_ = inRoomB.Close()
	settle(t, redis, 0, "socket.io#/a#"+inRoomB.ID()+"#")
	_ = one.Of("/a#b").Emit("namespace")
	expect(t, t.Context(), inNamespace, "namespace", "namespace()")
	for _, p := range []interface{ Events() []string }{inRoomB, inNamespace} {
		if events := p.Events(); len(events) > 0 {
			t.Errorf("received %q too", events)
		}
	}
}
