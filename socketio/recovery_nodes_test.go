package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/bustest"
)

// nodes are servers that recover sessions of each other.
type nodes struct {
	hub *bustest.Hub
	ids []socketio.NodeID
	at  []*fixture
}

// onNodes runs a test with two nodes that keep a log.
func onNodes(t *testing.T, opts socketio.Options, setup func(*socketio.Server), test func(n *nodes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &nodes{hub: bustest.New()}
		n.hub.KeepLog()
		for range 2 {
			opts := opts
			n.ids = append(n.ids, n.hub.Join(&opts))
			f, stop := start(t, opts, setup)
			defer stop()
			n.at = append(n.at, f)
		}
		test(n)
	})
}

// moves makes a peer connect to another node the next time.
func (p *recoverer) moves(to *fixture) {
	synctest.Wait() // until the nodes have sent what they have recorded
	p.f = to
}

func TestRecoveryOnAnotherNode(t *testing.T) {
	var seen record
	note := socketio.NewSharedKey[map[string]int]("note")
	onNodes(t, recovering(), func(srv *socketio.Server) {
		keyed(srv)
		srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
			value, _ := note.Value(s)
			seen.add(fmt.Sprintf("connected, recovered %v, note %v, rooms %d", s.Recovered(), value, len(s.Rooms())))
			if !s.Recovered() {
				note.Set(s, map[string]int{"n": 1})
			}
			return s.Join("room")
		})
	}, func(n *nodes) {
		one, two := n.at[0], n.at[1]
		p := one.recoverer("/", ada)
		emits(t, one.srv, "first")
		emits(t, two.srv.To("room"), "second")
		emits(t, one.socketOf(p.sid), "own", 1)
		synctest.Wait()
		emits(t, two.srv.Volatile(), "passing", "text")
		check(t, "before", p.take(), `connected 2["first","O"] 2["second","O"] 2["own",1,"O"] 2["passing","text",null]`)
		sid, pid := p.sid, p.pid

		p.lose()
		emits(t, one.srv, "missed", []byte{1})
		emits(t, two.srv.To(sid), "to itself")
		emits(t, two.srv.Except("room"), "not to its room")
		emits(t, one.srv.To("other"), "to another room")
		emits(t, one.srv.Volatile(), "volatile", "text")
		p.moves(two)
		p.connect(ada)
		check(t, "missed", p.take(), `51-["missed",{"_placeholder":true,"num":0},"O"] `+"\x01"+` 2["to itself","O"] recovered`)
		check(t, "sid", p.sid, sid)
		check(t, "pid", p.pid, pid)
		emits(t, one.srv.To("room"), "again")
		check(t, "after", p.take(), `2["again","O"]`)
		want := []string{"connected, recovered false, note map[], rooms 1", "connected, recovered true, note map[n:1], rooms 2"}
		if got := seen.all(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}

		// Back to the first node, after the connection was lost twice without traffic.
		p.lose()
		p.moves(one)
		p.connect(ada)
		check(t, "once", p.take(), "recovered")
		p.lose()
		p.connect(ada)
		check(t, "twice", p.take(), "recovered")
		if s := n.hub.Sessions(); s != 0 {
			t.Errorf("%d sessions are kept", s)
		}
	})
}

// The second loss comes before the peer has received the missed events.
func TestRecoveryOnNodesTwice(t *testing.T) {
	onNodes(t, recovering(), keyed, func(n *nodes) {
		one, two := n.at[0], n.at[1]
		p := one.recoverer("/", ada)
		emits(t, one.srv, "first")
		p.take()
		p.lose()
		emits(t, one.srv, "second")
		offset := p.offset
		p.moves(two)
		p.connect(ada)
		check(t, "once", p.take(), `2["second","O"] recovered`)
		emits(t, two.socketOf(p.sid), "third")
		p.take()
		p.lose()
		p.offset = offset // as if nothing had arrived
		emits(t, two.srv, "fourth")
		p.moves(one)
		p.connect(ada)
		check(t, "twice", p.take(), `2["second","O"] 2["third","O"] 2["fourth","O"] recovered`)
	})
}

// A node that shuts down leaves its sessions to the others.
func TestRecoveryAfterShutdown(t *testing.T) {
	onNodes(t, recovering(), keyed, func(n *nodes) {
		one, two := n.at[0], n.at[1]
		p := one.recoverer("/", ada)
		emits(t, one.srv, "first")
		p.take()
		if err := one.srv.Shutdown(one.ctx); err != nil {
			t.Error(err)
		}
		emits(t, two.srv, "second")
		p.moves(two)
		p.connect(ada)
		check(t, "missed", p.take(), `2["second","O"] recovered`)
	})
}

// Everything that must not be recovered, and nothing of what was missed is sent.
func TestNotRecoveredOnAnotherNode(t *testing.T) {
	type world struct {
		*nodes
		p *recoverer
	}
	for name, test := range map[string]struct {
		end  func(w world)
		more []string
		kept int // sessions left
	}{
		"another key":        {more: []string{`"key":"eve"`}, kept: 1},
		"no key":             {more: []string{}, kept: 1},
		"refused":            {more: []string{ada, `"refuse":"no"`}, kept: 1},
		"the window":         {end: func(w world) { time.Sleep(2 * time.Minute) }},
		"foreign pid":        {end: func(w world) { w.p.pid = "x" }, kept: 1},
		"an offset to come":  {end: func(w world) { w.p.offset = "1-1000" }, kept: 1},
		"not an offset":      {end: func(w world) { w.p.offset = "2024" }, kept: 1},
		"trimmed":            {end: func(w world) { w.hub.Trim(0) }, kept: 1},
		"an event not known": {end: func(w world) { w.hub.Fail(w.ids[0], true); emits(t, w.at[0].srv, "lost"); w.hub.Fail(w.ids[0], false) }},
	} {
		t.Run(name, func(t *testing.T) {
			onNodes(t, recovering(), keyed, func(n *nodes) {
				p := n.at[0].recoverer("/", ada)
				emits(t, n.at[0].srv, "first")
				p.take()
				p.lose()
				emits(t, n.at[0].srv, "secret")
				emits(t, n.at[1].srv, "secret")
				synctest.Wait()
				if test.end != nil {
					test.end(world{n, p})
				}
				p.moves(n.at[1])
				more := test.more
				if more == nil {
					more = []string{ada}
				}
				sid := p.sid
				p.connect(more...)
				if got := p.take(); strings.Contains(got, "secret") || strings.Contains(got, "recovered") || strings.Contains(got, "connected") && p.sid == sid {
					t.Errorf("got %s", got)
				}
				p.lose()
				if kept := n.hub.Sessions(); kept < test.kept {
					t.Errorf("%d sessions are kept", kept)
				}
			})
		})
	}
}

// Events that are sent while the log fails reach the sockets of the node, without an offset. Sessions
// are recovered again once their peers have received a later event.
func TestRecoveryAcrossAGap(t *testing.T) {
	onNodes(t, recovering(), keyed, func(n *nodes) {
		one, two := n.at[0], n.at[1]
		p, q := one.recoverer("/", ada), one.recoverer("/", ada)
		emits(t, one.srv, "first")
		synctest.Wait()
		n.hub.Fail(n.ids[0], true)
		emits(t, one.srv, "local", "text")
		emits(t, one.socketOf(p.sid), "own")
		check(t, "meanwhile", p.take(), `connected 2["first","O"] 2["local","text",null] 2["own",null]`)
		p.lose() // no session is kept now
		n.hub.Fail(n.ids[0], false)
		p.moves(two)
		p.connect(ada)
		check(t, "lost in the gap", p.take(), "connected")

		q.take()
		q.lose() // whether "local" arrived is not known
		q.moves(two)
		q.connect(ada)
		check(t, "after the gap", q.take(), "connected")

		emits(t, two.srv, "next")
		q.take()
		q.lose()
		emits(t, two.srv, "missed")
		q.moves(one)
		q.connect(ada)
		check(t, "later", q.take(), `2["missed","O"] recovered`)
	})
}

// Packets for one socket arrive in the order of the calls, although an event of Emit waits for its
// place in the log.
func TestEmitOrderOnNodes(t *testing.T) {
	onNodes(t, recovering(), func(srv *socketio.Server) {
		keyed(srv)
		srv.Handle("ask", func(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
			return errors.Join(s.Emit("one"), s.EmitOnce("two", "x"), s.Emit("three"), e.Ack("four"), s.Emit("five"))
		})
	}, func(n *nodes) {
		p := n.at[0].recoverer("/", ada)
		p.take()
		n.hub.Stall(n.ids[0], true)
		p.send("2", `7["ask"]`)
		check(t, "stalled", p.take(), "")
		n.hub.Stall(n.ids[0], false)
		check(t, "then", p.take(), `2["one","O"] 2["two","x",null] 2["three","O"] 37["four"] 2["five","O"]`)

		n.hub.Stall(n.ids[0], true)
		p.send("2", `8["ask"]`)
		synctest.Wait()
		n.at[0].socketOf(p.sid).Disconnect(&socketio.Ending{Event: "bye"})
		got := p.take()
		check(t, "disconnected", got, `2["one",null] 2["two","x",null] 2["three",null] 38["four"] 2["five",null] 20["bye"] 1`)
		n.hub.Stall(n.ids[0], false)
		check(t, "nothing more", p.take(), "")
	})
}

// A client that comes back while OnDisconnect of its lost socket still runs waits for it on the
// same node.
func TestRecoveryWaitsForOnDisconnectOnNodes(t *testing.T) {
	var hold chan struct{}
	onNodes(t, recovering(), func(srv *socketio.Server) {
		keyed(srv)
		if hold == nil {
			hold = make(chan struct{}) // in the bubble
		}
		srv.OnDisconnect(func(context.Context, *socketio.Socket, socketio.Reason) { <-hold })
	}, func(n *nodes) {
		p := n.at[0].recoverer("/", ada)
		p.take()
		p.lose()
		emits(t, n.at[1].srv, "missed")
		synctest.Wait()
		p.connect(ada)
		check(t, "meanwhile", p.take(), "")
		close(hold)
		check(t, "then", p.take(), `2["missed","O"] recovered`)
	})
}
