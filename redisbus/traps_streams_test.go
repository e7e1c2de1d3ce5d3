package redisbus_test

import (
	"fmt"
	"strings"
	"testing"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
	"socketiojwt/socketio"
)

// Node's number of a stream is negative for some namespaces. Node's nodes read only the others, so
// ours send there, and read both.
func TestTrap12NegativeStreams(t *testing.T) {
	redis := redistest.Start(t)
	opts := redisbus.Options{Wire: redisbus.Streams, Streams: 4}
	const name = "/notifications" // its number is -3
	setup := func(srv *socketio.Server) {
		open(srv)
		join(srv.Of(name).Open().Mux)
	}
	a, b := start(t, redis.Addr(), opts, setup), start(t, redis.Addr(), opts, setup)
	peer := b.dialTo(name)
	for _, stream := range []string{"socket.io--3", "socket.io-3", "socket.io-0"} {
		redis.Do("XADD", stream, "*", "uid", "0123456789abcdef", "nsp", name, "type", "3",
			"data", fmt.Sprintf(`{"packet":{"type":2,"data":["from",%q]},"opts":{"rooms":[],"except":[],"flags":{}}}`, stream))
		expect(t, b.ctx, peer, "from", fmt.Sprintf("from(%q)", stream))
	}
	before := redis.Do("XLEN", "socket.io-3").(int)
	if err := a.Lookup(name).Emit("ours"); err != nil {
		t.Fatal(err)
	}
	expect(t, b.ctx, peer, "ours", "ours()")
	if after := redis.Do("XLEN", "socket.io-3").(int); after != before+1 {
		t.Errorf("the stream that Node reads has %d entries, and had %d", after, before)
	}
}

// The window of recovery is the smaller one of time and entries. A client beyond it is not told
// that it has recovered.
func TestTrap14TheWindowIsAlsoOneOfEntries(t *testing.T) {
	redis := redistest.Start(t)
	nodes := recovering(t, redis, redisbus.Options{StreamLength: 100}, 2)
	a, b := nodes[0], nodes[1]
	for _, test := range []struct {
		missed int
		want   string
	}{{10, "recovered"}, {1000, "connected"}} {
		p := &recoverer{}
		p.connect(a, "ada")
		_ = a.Emit("one")
		p.until("one")
		p.lose()
		kept(t, redis, p)
		flood(t, b, test.missed)
		settled(t, a, b)
		p.connect(b, "ada")
		got := p.all()
		if got[len(got)-1] != test.want || test.want == "connected" && len(got) > 1 {
			t.Errorf("after %d events: %d events, then %s; want %s", test.missed, len(got)-1, got[len(got)-1], test.want)
		}
		p.conn.Abort()
	}
}

// The client takes the last text of any event for its offset, also that of a volatile one. Ours
// therefore get a further argument, so that the session is recovered all the same. An offset that
// Redis did not issue recovers nothing.
func TestTrap15VolatileTextIsNoOffset(t *testing.T) {
	redis := redistest.Start(t)
	nodes := recovering(t, redis, redisbus.Options{}, 2)
	a, b := nodes[0], nodes[1]
	comeBack := func(change func(p *recoverer)) string {
		p := &recoverer{}
		p.connect(a, "ada")
		_ = a.Emit("one")
		p.until("one")
		change(p)
		p.lose()
		kept(t, redis, p)
		_ = a.Emit("missed")
		settled(t, a, b)
		p.connect(b, "ada")
		defer p.conn.Abort()
		return strings.Join(p.all(), " ")
	}
	if got := comeBack(func(p *recoverer) {
		_ = a.Volatile().Emit("volatile", "text")
		p.until("volatile")
	}); got != "missed recovered" {
		t.Errorf("after a volatile text: got %q", got)
	}
	// The offset of an empty stream: nothing of this session has arrived.
	if got := comeBack(func(p *recoverer) { p.offset = "0-0" }); got != "one missed recovered" {
		t.Errorf("from the beginning: got %q", got)
	}
	for _, text := range []string{"text", "7", "7-", "-7", "1-1-1", "+", "-", "$", "99999999999999999999-0", "1 1", "1-1\r\nFLUSHALL", strings.Repeat("1", 10_000) + "-0"} {
		if got := comeBack(func(p *recoverer) { p.offset = text }); got != "connected" {
			t.Errorf("offset %.40q: got %q", text, got)
		}
	}
}
