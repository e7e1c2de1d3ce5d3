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

// Rooms that were joined and left, and namespaces that had sockets, leave neither a subscription
// nor memory behind.
func TestRoomsAndNamespacesLeaveNothing(t *testing.T) {
	redis := redistest.Start(t)
	n := start(t, redis.Addr(), redisbus.Options{}, open)
	empty := redis.Channels("")
	for name, c := range map[string]struct {
		change func(i int, open bool)
		each   int // channels
	}{
		"rooms": {func(i int, open bool) {
			room := []string{"room " + strconv.Itoa(i)}
			if open {
				n.bus.Rooms("/", room, nil)
			} else {
				n.bus.Rooms("/", nil, room)
			}
		}, 1},
		"namespaces": {func(i int, open bool) {
			name, room := "/dyn-"+strconv.Itoa(i), []string{"a socket"}
			if open {
				n.bus.Rooms(name, room, nil)
			} else {
				n.bus.Rooms(name, nil, room)
			}
		}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			count := 100_000 / c.each / 2
			if name == "rooms" {
				count = 100_000
			}
			n.bus.Rooms("/", []string{"x"}, nil) // "/" has the room of a socket
			before := heap()
			for i := range count {
				c.change(i, true)
			}
			redistest.Eventually(t, "all are subscribed", func() bool { return len(redis.Channels("")) == len(empty)+1+count*c.each })
			during := heap()
			for i := range count {
				c.change(i, false)
			}
			n.bus.Rooms("/", nil, []string{"x"})
			redistest.Eventually(t, "all are given up", func() bool { return len(redis.Channels("")) == len(empty) })
			if got := n.bus.Channels(); got != len(empty)-2 { // without those of our own nodes
				t.Errorf("%d channels are left in the table", got)
			}
			after := heap()
			t.Logf("%d bytes for each of %d, and %d bytes left in all", (during-before)/int64(count), count, after-before)
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
	empty := redis.Channels("")
	for i := range 20 {
		p := n.dialTo(fmt.Sprintf("/dyn-%d", i), "r")
		settle(t, redis, 1, fmt.Sprintf("socket.io#/dyn-%d#r#", i), fmt.Sprintf("socket.io-request#/dyn-%d#", i))
		_ = p.Close()
	}
	redistest.Eventually(t, "all are given up", func() bool { return len(redis.Channels("")) == len(empty) })
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
