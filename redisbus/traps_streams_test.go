package redisbus_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// The hash of "/notifications" is negative. Node writes such a namespace to a stream that no Node
// reads; our nodes read it, and write to the one that Node reads.
func TestTrap12StreamsOfNegativeHashes(t *testing.T) {
	redis := redistest.Start(t)
	opts := redisbus.Options{Wire: redisbus.Streams, Streams: 4}
	setup := func(srv *socketio.Server) { join(srv.Of("/notifications").Open().Mux) }
	a, b := start(t, redis.Addr(), opts, setup), start(t, redis.Addr(), opts, setup)
	peer := b.dialTo("/notifications", "r")
	_ = a.Of("/notifications").To("r").Emit("ours")
	expectEvent(t, b, peer, "ours")
	if n := fmt.Sprint(redis.Do("XLEN", "socket.io-3")); n != "1" {
		t.Errorf("socket.io-3 has %s entries, want 1", n)
	}
	redis.Do("XADD", "socket.io--3", "*", "uid", "1234567890abcdef", "nsp", "/notifications", "type", "3",
		"data", `{"packet":{"type":2,"data":["theirs"]},"opts":{"rooms":["r"],"except":[],"flags":{}}}`)
	expectEvent(t, b, peer, "theirs")
}

func expectEvent(t *testing.T, n *node, peer *sockettest.Peer, name string) {
	t.Helper()
	if _, err := peer.Expect(n.ctx, name); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// The window is the smaller one of time and the length of the stream: a client that has missed more
// than the stream keeps gets a new socket.
func TestTrap14TheWindowIsTimeAndCount(t *testing.T) {
	redis := redistest.Start(t)
	nodes := recovering(t, redis, redisbus.Options{StreamLength: 100}, 1)
	a := nodes[0]
	records(t, redis, a)
	p := &recoverer{}
	p.connect(a, "ada")
	_ = a.Emit("one")
	p.until("one")
	p.lose()
	kept(t, redis, p)
	flood(t, a, 50)
	settled(t, a)
	p.connect(a, "ada")
	if got := p.all(); len(got) != 51 || got[50] != "recovered" {
		t.Errorf("within the window: %d events, %q", len(got), got[len(got)-1])
	}
	redistest.Eventually(t, "the events", func() bool { return p.offset != "" })
	p.lose()
	kept(t, redis, p)
	redis.Do("XTRIM", "socket.io", "MAXLEN", "0")
	_ = a.Emit("two")
	settled(t, a)
	p.connect(a, "ada")
	if got := strings.Join(p.all(), " "); got != "connected" {
		t.Errorf("beyond the window: %s", got)
	}
}

// A volatile event of another node whose last argument is a string must not become the offset of a
// client: it gets one more argument. Such an event of Node that is in what is sent again is left out.
// See socket.io PR 5539.
func TestTrap15VolatileTextIsNoOffset(t *testing.T) {
	redis := redistest.Start(t)
	nodes := recovering(t, redis, redisbus.Options{}, 2)
	a, b := nodes[0], nodes[1]
	p := &recoverer{}
	p.connect(a, "ada")
	_ = a.Emit("one")
	p.until("one")
	offset := p.offset
	volatile := func() {
		redis.Do("XADD", "socket.io", "*", "uid", "1234567890abcdef", "nsp", "/", "type", "3",
			"data", `{"packet":{"type":2,"data":["passing","a text"]},"opts":{"rooms":[],"except":[],"flags":{"volatile":true}}}`)
	}
	volatile()
	p.until("passing")
	if p.offset != offset {
		t.Errorf("the offset became %q", p.offset)
	}
	p.lose()
	kept(t, redis, p)
	volatile()
	_ = b.Emit("two")
	settled(t, a, b)
	p.connect(b, "ada")
	if got := strings.Join(p.all(), " "); got != "two recovered" {
		t.Errorf("got %q", got)
	}
}

// A node that is cut off for a moment reads on, so nothing is lost.
func TestStreamsReadOn(t *testing.T) {
	redis := redistest.Start(t)
	opts := redisbus.Options{Wire: redisbus.Streams}
	a, b := start(t, redis.Addr(), opts, open), start(t, redis.Addr(), opts, open)
	peer := b.dial("r")
	for i := range 200 {
		redis.Do("XADD", "socket.io", "*", "uid", string(a.bus.ID()), "nsp", "/", "type", "3",
			"data", fmt.Sprintf(`{"packet":{"type":2,"data":["n",%d]},"opts":{"rooms":[],"except":[],"flags":{}}}`, i))
		if i%50 == 25 {
			redis.KillClients()
		}
		time.Sleep(time.Millisecond)
	}
	for i := range 200 {
		e, err := peer.Expect(b.ctx, "n")
		var n int
		if err != nil || e.Scan(&n) != nil || n != i {
			t.Fatalf("received %v, %v; want %d", e, err, i)
		}
	}
}
