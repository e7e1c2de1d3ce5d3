package socketio_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"socketiojwt/engineio"
	"socketiojwt/socketio"
)

// Packets that wait behind an event that is being recorded count towards MaxOutbound, together for
// all sockets of the connection.
func TestPacketsBehindAnEmitAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		namespaces int
		own        bool
	}{"packets": {1, false}, "events": {1, true}, "of several sockets": {4, false}} {
		t.Run(name, func(t *testing.T) {
			opts := recovering()
			opts.Engine = engineio.Options{MaxOutbound: 1 << 20}
			names := []string{"/", "/a", "/b", "/c"}[:c.namespaces]
			onNodes(t, opts, func(srv *socketio.Server) {
				for _, name := range names {
					srv.Of(name).Use(setKey)
				}
			}, func(n *nodes) {
				p := n.at[0].recoverer("/", ada)
				sockets := []*socketio.Socket{n.at[0].socketOf(p.sid)}
				for _, name := range names[1:] {
					p.namespace = name
					p.send("0", "{"+ada+"}")
					synctest.Wait()
					for _, s := range n.at[0].srv.Of(name).Sockets() {
						sockets = append(sockets, s)
					}
				}
				n.hub.Stall(n.ids[0], true)
				for _, s := range sockets {
					emits(t, s, "recorded")
				}
				text := strings.Repeat("x", 50_000)
				sent, slow := 0, false
				for i := 0; i < 400 && !slow; i++ {
					s := sockets[i%len(sockets)]
					emit := s.EmitOnce
					if c.own {
						emit = s.Emit
					}
					slow = errors.Is(emit("text", text), socketio.ErrSlow)
					sent += len(text)
					if q := s.Queued(); q > 1<<20 {
						t.Fatalf("%d bytes are queued", q)
					}
				}
				if !slow || sent < 1<<19 || sent > 1<<20+len(text) {
					t.Errorf("the connection took %d bytes, slow %v", sent, slow)
				}
				n.hub.Stall(n.ids[0], false)
				synctest.Wait()
				if q := sockets[0].Queued(); q != 0 {
					t.Errorf("%d bytes are queued at the end", q)
				}
			})
		})
	}
}

// What waits is sent when the session cannot be recovered any more, and counts no longer.
func TestPacketsBehindAnEmitAreSentWithTheEndOfTheSession(t *testing.T) {
	onNodes(t, recovering(), keyed, func(n *nodes) {
		p := n.at[0].recoverer("/", ada)
		s := n.at[0].socketOf(p.sid)
		p.take()
		n.hub.Stall(n.ids[0], true)
		emits(t, s, "recorded")
		if err := s.EmitOnce("once"); err != nil || s.Queued() == 0 {
			t.Errorf("%d bytes are queued, %v", s.Queued(), err)
		}
		s.SetRecoveryKey("")
		check(t, "without a key", p.take(), `2["recorded",null] 2["once",null]`)
		if q := s.Queued(); q != 0 {
			t.Errorf("%d bytes are queued", q)
		}
	})
}
