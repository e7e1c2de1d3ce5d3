package socketio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
)

// Many clients that come back at once are served by few passes over the log, and each gets what
// is its own.
func TestManyRecoverAtOnce(t *testing.T) {
	const clients = 200
	opts := recovering()
	opts.Recovery.MaxSessionsPerKey = clients
	onNodes(t, opts, keyed, func(n *nodes) {
		one, two := n.at[0], n.at[1]
		all := make([]*recoverer, clients)
		for i := range all {
			all[i] = one.recoverer("/", ada)
			all[i].take()
		}
		for _, p := range all {
			p.lose()
		}
		for i := range 500 {
			emits(t, one.srv.To(all[i%clients].sid), "own", i)
		}
		emits(t, two.srv, "all")
		n.hub.SlowReads(time.Millisecond)
		for _, p := range all {
			p.moves(two)
			p.begin(ada)
		}
		time.Sleep(time.Second)
		for i, p := range all {
			want := []string{}
			for k := i; k < 500; k += clients {
				want = append(want, fmt.Sprintf(`2["own",%d,"O"]`, k))
			}
			check(t, "missed", p.take(), strings.Join(append(want, `2["all","O"]`, "recovered"), " "))
		}
		if reads := n.hub.Reads(); reads > clients/2 {
			t.Errorf("the log was read %d times", reads)
		}
	})
}

// A session of the Node server is not bound to a user.
func TestUnboundSession(t *testing.T) {
	for _, trusted := range []bool{false, true} {
		opts := recovering()
		opts.Recovery.Unbound = trusted
		onNodes(t, opts, keyed, func(n *nodes) {
			one := n.at[0]
			emits(t, one.srv, "first")
			emits(t, one.srv.To("room"), "second")
			synctest.Wait()
			const sid = "abcdefghijklmnopqrst"
			n.hub.Save(socketio.SavedSession{PID: "a pid", ID: sid, Rooms: []string{sid, "room"}, Data: json.RawMessage(`{"a":1}`), Window: time.Minute})
			p := &recoverer{f: one, namespace: "/", pid: "a pid", offset: "1-1"}
			p.connect(ada)
			want := "connected"
			if trusted {
				want = `2["second","O"] recovered`
			}
			check(t, fmt.Sprintf("trusted %v", trusted), p.take(), want)
			emits(t, one.srv, "third")
			check(t, "live", p.take(), `2["third","O"]`)
			if trusted != (p.sid == sid) {
				t.Errorf("sid %q", p.sid)
			}
		})
	}
}

// A session that was sent everything needs only what was recorded since the loss, although the log
// has lost all that was recorded before.
func TestRecoveryAfterSilenceOnNodes(t *testing.T) {
	onNodes(t, recovering(), keyed, func(n *nodes) {
		one, two := n.at[0], n.at[1]
		p := one.recoverer("/", ada)
		for range 50 {
			emits(t, two.srv.To("other"), "event")
		}
		p.take()
		n.hub.Trim(1)
		p.lose()
		emits(t, two.srv, "missed")
		p.moves(two)
		p.connect(ada)
		check(t, "after silence", p.take(), `2["missed","O"] recovered`)
	})
}

// A session that is sent nothing is recovered again and again, although the log has lost what was
// recorded before the last loss.
func TestSilentSessionRecoversAgain(t *testing.T) {
	onNodes(t, recovering(), keyed, func(n *nodes) {
		p := n.at[0].recoverer("/", ada)
		emits(t, n.at[0].srv, "first")
		p.take()
		for i := range 4 {
			for range 50 {
				emits(t, n.at[1].srv.To("other"), "event")
			}
			synctest.Wait()
			n.hub.Trim(1)
			p.lose()
			p.moves(n.at[i%2])
			p.connect(ada)
			check(t, fmt.Sprint("loss ", i), p.take(), "recovered")
		}
		emits(t, n.at[0].srv, "second")
		p.take()
		p.lose()
		emits(t, n.at[0].srv, "third")
		p.moves(n.at[1]) // otherwise "third" may arrive after the session has been continued
		p.connect(ada)
		check(t, "at the end", p.take(), `2["third","O"] recovered`)
	})
}

// A session that is found and not continued is kept no longer than its window.
func TestSessionPutBackKeepsItsWindow(t *testing.T) {
	var sockets []*socketio.Socket
	opts := recovering()
	opts.Recovery.Window = time.Minute
	onNodes(t, opts, func(srv *socketio.Server) {
		srv.Use(func(ctx context.Context, s *socketio.Socket) error {
			sockets = append(sockets, s)
			return setKey(ctx, s)
		})
	}, func(n *nodes) {
		p := n.at[0].recoverer("/", ada)
		emits(t, n.at[0].srv, "first")
		p.take()
		p.lose()
		lost := time.Now()
		synctest.Wait()
		n.hub.SlowReads(10 * time.Second)
		p.moves(n.at[1])
		p.connect(ada)
		time.Sleep(5 * time.Second)
		sockets[len(sockets)-1].SetRecoveryKey("another")
		time.Sleep(time.Minute / 2)
		check(t, "with another key", p.take(), "connected")
		if n.hub.Sessions() != 1 {
			t.Error("the session was not put back")
		}
		time.Sleep(time.Until(lost.Add(time.Minute + time.Second)))
		if n.hub.Sessions() != 0 {
			t.Error("the session is kept after its window")
		}
	})
}

// A peer of an unbound session that names an offset which the log has not reached is not waited for.
func TestUnboundSessionWithAHugeOffset(t *testing.T) {
	opts := recovering()
	opts.Recovery.Unbound = true
	onNodes(t, opts, keyed, func(n *nodes) {
		emits(t, n.at[0].srv, "first")
		synctest.Wait()
		n.hub.Save(socketio.SavedSession{PID: "a pid", ID: "abcdefghijklmnopqrst", Data: json.RawMessage(`{}`), Window: time.Minute})
		p := &recoverer{f: n.at[0], namespace: "/", pid: "a pid", offset: "18446744073709551615-0"}
		p.connect(ada)
		time.Sleep(3 * time.Second)
		check(t, "after 3 s", p.take(), "connected")
	})
}

// Events that are sent while a session is being recovered come after those that were read, and before
// CONNECT is answered.
func TestEventsWhileRecoveringOnNodes(t *testing.T) {
	onNodes(t, recovering(), keyed, func(n *nodes) {
		one, two := n.at[0], n.at[1]
		p := one.recoverer("/", ada)
		emits(t, one.srv, "first")
		p.take()
		p.lose()
		emits(t, one.srv, "before")
		p.moves(two)
		n.hub.SlowReads(time.Second)
		p.connect(ada)
		emits(t, one.srv, "during")
		emits(t, two.srv.To("other"), "not for it")
		time.Sleep(time.Second)
		check(t, "then", p.take(), `2["before","O"] 2["during","O"] recovered`)
		emits(t, one.srv, "after")
		check(t, "after", p.take(), `2["after","O"]`)
	})
}

// A saved session shows no key and no note, is good only for its own pid, and its rooms cannot be changed.
func TestSavedSessionsAreSealed(t *testing.T) {
	for name, change := range map[string]func(a, b *socketio.SavedSession){
		"unchanged":      func(_, _ *socketio.SavedSession) {},
		"another pid":    func(a, b *socketio.SavedSession) { a.Sealed = b.Sealed },
		"a flipped bit":  func(a, _ *socketio.SavedSession) { a.Sealed[len(a.Sealed)-1] ^= 1 },
		"without a seal": func(a, _ *socketio.SavedSession) { a.Sealed = nil },
		"other rooms":    func(a, _ *socketio.SavedSession) { a.Rooms, a.ID = []string{"admins"}, "abcdefghijklmnopqrst" },
	} {
		t.Run(name, func(t *testing.T) {
			onNodes(t, recovering(), keyed, func(n *nodes) {
				one, two := n.at[0], n.at[1]
				p, q := one.recoverer("/", ada), one.recoverer("/", ada)
				p.take()
				q.take()
				sid := p.sid
				p.lose()
				q.lose()
				a, ok := n.hub.Saved(p.pid)
				b, _ := n.hub.Saved(q.pid)
				if text, _ := json.Marshal(a); !ok || bytes.Contains(text, []byte("ada")) || bytes.Contains(a.Sealed, []byte("ada")) {
					t.Errorf("the session shows the key: %s", text)
				}
				a.Sealed = slices.Clone(a.Sealed)
				change(&a, &b)
				n.hub.Save(a)
				p.moves(two)
				p.connect(ada)
				got, recovered := p.take(), p.sid == sid
				if want := name == "unchanged" || name == "other rooms"; recovered != want {
					t.Errorf("got %s", got)
				}
				if len(two.srv.To("admins").Sockets()) > 0 {
					t.Error("the socket is in another room")
				}
			})
		})
	}
}
