package redisbus_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"socketiojwt/redisbus"
	"socketiojwt/socketio/sockettest"
)

// Traps of the wires of Node's adapters. Trap 9 is in sharded_test.go, and those of the streams are
// in the tests of that wire.

const everyone = `{"rooms":[],"except":[],"flags":{}}`

// An empty list of rooms on the wire means all sockets. A selection of no socket is not published.
func TestTrap1EmptyIsEverybody(t *testing.T) {
	onEachWire(t, func(t *testing.T, p *place) {
		a, b := p.start(t), p.start(t)
		x, y := a.dial("x"), b.dial("y")
		f := p.foreign(t, 2)
		f.emit(everyone, `["all"]`)
		f.emit(`{"rooms":null}`, `["null"]`)
		f.emit(`{}`, `["missing"]`)
		for _, peer := range []*sockettest.Peer{x, y} {
			for _, want := range []string{"all", "null", "missing"} {
				expect(t, a.ctx, peer, want, want+"()")
			}
		}
		f.tell(joining, `"opts":{"rooms":[],"except":[]},"rooms":["joined"]`)
		inRoom(t, p, 2, "joined")

		monitor := p.servers[0].Monitor()
		none := a.To()
		_ = none.Emit("none")
		_ = none.SocketsJoin("none")
		_ = none.SocketsLeave("none")
		_ = none.DisconnectSockets(nil)
		if got, err := none.EmitWithAck(a.ctx, "none"); err != nil || len(got.List) != 0 {
			t.Errorf("answers %v, %v", got, err)
		}
		if got, err := none.FetchSockets(a.ctx); err != nil || len(got) != 0 {
			t.Errorf("fetched %v, %v", got, err)
		}
		_ = a.Emit("end")
		for ended := false; !ended; {
			sent := monitor.Next("")
			switch strings.ToLower(sent[0]) {
			case "publish", "spublish", "xadd":
			default:
				continue
			}
			ended = strings.Contains(strings.Join(sent, " "), `"end"`) || strings.Contains(sent[2], "\xa3end")
			if !ended && !strings.HasPrefix(sent[1], "socket.io-go#") { // heartbeats
				t.Errorf("sent %q", sent)
			}
		}
		expect(t, a.ctx, y, "end", "end()")
	})
}

// Rooms may be numbers: "123" and 123 are the same room.
func TestTrap2RoomsMayBeNumbers(t *testing.T) {
	onEachWire(t, func(t *testing.T, p *place) {
		n := p.start(t)
		x, y := n.dial("123"), n.dial("other")
		f := p.foreign(t, 1)
		f.emit(`{"rooms":[123],"except":[],"flags":{}}`, `["to"]`)
		f.emit(`{"rooms":[],"except":[123],"flags":{}}`, `["except"]`)
		expect(t, n.ctx, x, "to", "to()")
		expect(t, n.ctx, y, "except", "except()")
		f.tell(joining, `"opts":{"rooms":[123],"except":[]},"rooms":[45]`)
		inRoom(t, p, 1, "45")
		if got, err := n.To("45").FetchSockets(n.ctx); err != nil || len(got) != 1 || got[0].ID != x.ID() {
			t.Errorf("in the room: %v, %v", got, err)
		}
		f.tell(leave, `"opts":{"rooms":[45],"except":[]},"rooms":[123,45]`)
		inRoom(t, p, 0, "45", "123")
		f.tell(disconnect, `"opts":{"rooms":["other"],"except":[123]},"close":true`)
		ended(t, n.ctx, y)
	})
}

// Node answers a fetch with the whole handshake, with the token in it. Our nodes send no token,
// cookie or query to Redis, whatever they do.
func TestTrap3TokensStayHere(t *testing.T) {
	onEachWire(t, func(t *testing.T, p *place) {
		a, b := p.start(t), p.start(t)
		monitor := p.servers[0].Monitor()
		const secret = "TOP-SECRET"
		peer, err := sockettest.Dial(a.ctx, a.web.URL, sockettest.Options{
			Auth:   map[string]any{"token": secret, "rooms": []string{"x"}},
			Header: http.Header{"Authorization": {"Bearer " + secret}, "Cookie": {"session=" + secret}, "Proxy-Authorization": {secret}},
			Query:  url.Values{"token": {secret}},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = peer.Close() }()
		f := p.foreign(t, 2)
		f.ask(fetch, `"opts":{"rooms":[],"except":[]}`)
		for range 2 {
			if r := f.reply(); strings.Contains(r.text, secret) {
				t.Errorf("the reply has the token: %s", r.text)
			}
		}
		if got, err := b.FetchSockets(b.ctx); err != nil || len(got) != 1 {
			t.Errorf("fetched %v, %v", got, err)
		}
		_ = b.To("x").Emit("e")
		expect(t, a.ctx, peer, "e", "e()")
		_ = b.To("x").DisconnectSockets(nil)
		ended(t, a.ctx, peer)
		p.servers[0].Do("ECHO", "end")
		for args := monitor.Next(""); !slices.Equal(args, []string{"ECHO", "end"}); args = monitor.Next("") {
			if strings.Contains(strings.Join(args, " "), secret) {
				t.Errorf("Redis got %q", args)
			}
		}
	})
}

// A node that counts must answer, also if it has nothing to say.
func TestTrap4NodesThatCountAnswer(t *testing.T) {
	onEachWire(t, func(t *testing.T, p *place) {
		began := time.Now()
		p.start(t)
		f := p.foreign(t, 1)
		id := f.ask(fetch, `"opts":{"rooms":["none"],"except":[]}`)
		if r := f.reply(); r.ID != id || r.Sockets == nil || len(r.Sockets) != 0 {
			t.Errorf("reply to a fetch: %s", r.text)
		}
		id = f.ask(withAck, `"packet":{"type":2,"data":["e"],"nsp":"/"},"opts":{"rooms":["none"],"except":[],"flags":{"timeout":60000}}`)
		if r := f.reply(); r.ID != id || r.Count == nil || *r.Count != 0 {
			t.Errorf("reply to a broadcast: %s", r.text)
		}
		if p.opts.Wire == redisbus.Classic {
			f.publish("socket.io-request#/#", `{"uid":"other1","requestId":"rooms1","type":1}`)
			if r := f.reply(); r.ID != "rooms1" || !strings.Contains(r.text, `"rooms":[]`) {
				t.Errorf("reply to a question for all rooms: %s", r.text)
			}
		}
		within(t, began)
	})
}

// A server-side event without a function is answered all the same, without a value.
func TestTrap5EventsWithoutAFunctionAreAnswered(t *testing.T) {
	onEachWire(t, func(t *testing.T, p *place) {
		began := time.Now()
		a, b := p.start(t), p.start(t)
		f := p.foreign(t, 2)
		id := f.ask(serverSide, f.event(`["nothing",1]`))
		for range 2 {
			if r := f.reply(); r.ID != id || r.Data != nil || r.Packet != nil && string(r.Packet) != "null" {
				t.Errorf("reply %s", r.text)
			}
		}
		if got, err := a.ServerSideEmitWithAck(b.ctx, "nothing"); err != nil || len(got) != 0 {
			t.Errorf("answers %v, %v", got, err)
		}
		within(t, began)
	})
}
