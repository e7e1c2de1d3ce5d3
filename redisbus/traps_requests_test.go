package redisbus_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"testing"
	"time"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// Node counts connections: two servers in one process have one each.
func TestTrap6EachServerCountsOnce(t *testing.T) {
	onEachWire(t, func(t *testing.T, p *place) {
		a, b := p.start(t), p.start(t)
		a.dial("r")
		b.dial("r")
		inRoom(t, p, 2, "r")
		for _, channel := range p.namespace("/") {
			if got := p.Subscribers(channel); got != 2 {
				t.Errorf("%d subscribers of %s", got, channel)
			}
		}
		for _, n := range []*node{a, b} {
			if got, err := n.FetchSockets(n.ctx); err != nil || len(got) != 2 {
				t.Errorf("fetched %v, %v", got, err)
			}
		}
		f := p.foreign(t, 2)
		f.ask(fetch, `"opts":{"rooms":[],"except":[]}`)
		first, second := f.reply(), f.reply()
		if len(first.Sockets) != 1 || len(second.Sockets) != 1 || first.Sockets[0] == second.Sockets[0] {
			t.Errorf("replies %s and %s", first.text, second.text)
		}
	})
}

// The count goes out before the answers, and each answer when it comes.
func TestTrap7TheCountComesFirst(t *testing.T) {
	onEachWire(t, func(t *testing.T, p *place) {
		n := p.start(t)
		x, y := n.dial(), n.dial()
		f := p.foreign(t, 1)
		id := f.ask(withAck, `"packet":{"type":2,"data":["e"],"nsp":"/"},"opts":{"rooms":[],"except":[],"flags":{"timeout":60000}}`)
		if r := f.reply(); r.ID != id || r.Count == nil || *r.Count != 2 {
			t.Fatalf("first reply %s", r.text)
		}
		for i, peer := range []*sockettest.Peer{y, x} {
			if err := expect(t, n.ctx, peer, "e", "e()").Ack(i, "a second value"); err != nil {
				t.Fatal(err)
			}
			if r := f.reply(); r.ID != id || string(r.Packet) != fmt.Sprint(i) {
				t.Errorf("reply %s", r.text)
			}
		}
		f.silent("all have answered")
	})
}

// The timeout of the asker is when acknowledgements are forgotten. A socket has room for 1,000.
func TestTrap8AcksAreForgotten(t *testing.T) {
	onEachWire(t, func(t *testing.T, p *place) {
		n := p.start(t)
		peer := n.dial()
		f := p.foreign(t, 1)
		const ask = `"packet":{"type":2,"data":["e"],"nsp":"/"},"opts":{"rooms":[],"except":[],"flags":{"timeout":50}}`
		for range 1100 {
			f.ask(withAck, ask)
			f.reply()
		}
		redistest.Eventually(t, "the socket is asked again", func() bool {
			f.ask(withAck, ask)
			r := f.reply()
			return r.Count != nil && *r.Count == 1
		})
		if err := peer.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Patterns are not used, so the name of a dynamic namespace, which a peer has chosen, is no more
// than a name.
func TestTrap11NamespacesNamedLikePatterns(t *testing.T) {
	onEachWire(t, func(t *testing.T, p *place) {
		setup := func(srv *socketio.Server) {
			open(srv)
			join(srv.OfPattern(regexp.MustCompile(`/dyn.*`)).Open().Mux)
		}
		a, b := startWith(t, p.client, p.opts, setup), startWith(t, p.client, p.opts, setup)
		names := []string{"/dyn*", "/dyn1", "/dyn?", `/dyn\`, "/dyn[1-9]", "/dyn#/dyn1"}
		for _, name := range names {
			peer := a.dialTo(name, "r*")
			channels := p.namespace(name)
			if p.roomChannels() {
				channels = append(channels, "socket.io#"+name+"#r*#")
			}
			settle(t, p, 1, channels...)
			redistest.Eventually(t, "the socket is in its room", func() bool { return len(a.BroadcastIn(name).To("r*").Sockets()) == 1 })
			for _, other := range names {
				_ = b.BroadcastIn(other).Emit("for", other)
				_ = b.BroadcastIn(other).To("r*").Emit("room", other)
			}
			_ = b.BroadcastIn(name).Emit("end")
			for _, want := range []string{fmt.Sprintf("for(%q)", name), fmt.Sprintf("room(%q)", name), "end()"} {
				if e, err := peer.Next(a.ctx); err != nil || fmt.Sprint(e) != want {
					t.Errorf("%s received %v, %v; want %s", name, e, err, want)
				}
			}
			_ = peer.Close()
			settle(t, p, 0, channels...)
		}
		if got := p.servers[0].Patterns(); got != 0 {
			t.Errorf("%d patterns", got)
		}
	})
}

// Ids of requests are looked up among one's own. A reply to another is ignored, also if it is
// malformed.
func TestTrap17ForgedReplies(t *testing.T) {
	onEachWire(t, func(t *testing.T, p *place) {
		a, b := p.start(t), p.start(t)
		b.dial("r")
		inRoom(t, p, 1, "r")
		f := p.foreign(t, 2)
		for _, id := range []string{`"1"`, `"` + string(a.bus.ID()) + `.1"`, `"` + string(b.bus.ID()) + `.1"`, `"` + string(a.bus.ID()) + `.999999"`, `"__proto__"`, `""`, `null`, `7`} {
			for kind := range 14 {
				for _, rest := range []string{`"sockets":[{"id":"forged"}]`, `"clientCount":1000000000`, `"clientCount":-1`, `"packet":"forged"`, `"data":"forged"`, `"sockets":null`} {
					members := `"requestId":` + id + "," + rest
					if p.opts.Wire == redisbus.Classic {
						f.publish("socket.io-response#/#", fmt.Sprintf(`{"type":%d,%s}`, kind, members))
					} else {
						f.send("socket.io#/#"+string(a.bus.ID())+"#", kind, "{"+members+"}")
					}
				}
			}
		}
		if got, err := a.FetchSockets(a.ctx); err != nil || len(got) != 1 || got[0].ID == "forged" {
			t.Errorf("fetched %v, %v", got, err)
		}
		ctx, cancel := context.WithTimeout(a.ctx, 2*time.Second)
		defer cancel()
		got, err := a.To("r").EmitWithAck(ctx, "unanswered")
		if !errors.Is(err, context.DeadlineExceeded) || len(got.List) != 0 || len(got.Missing) != 1 {
			t.Errorf("answers %v, %v", got, err)
		}
		if h := a.bus.Health(); !h.Connected || h.Overflows != 0 {
			text, _ := json.Marshal(h)
			t.Errorf("health %s", text)
		}
	})
}
