package socketio_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
)

// TestRecoveryLimits exceeds each limit. A session that was not kept is not recovered, so a
// client never misses an event without knowing it.
func TestRecoveryLimits(t *testing.T) {
	all := func(*socketio.Socket, string) bool { return true }
	for name, test := range map[string]struct {
		recovery socketio.Recovery
		away     func(f *fixture, p *recoverer) // while the connection is lost
		want     string
	}{
		"within all": {socketio.Recovery{RestoreRoom: all}, func(f *fixture, p *recoverer) {}, `2["missed","O"] recovered`},
		"window":     {socketio.Recovery{RestoreRoom: all, Window: time.Second}, func(f *fixture, p *recoverer) { time.Sleep(time.Second) }, "connected"},
		"sessions": {socketio.Recovery{RestoreRoom: all, MaxSessions: 2}, func(f *fixture, p *recoverer) {
			f.recoverer("/", ada).lose()
			f.recoverer("/", ada).lose()
		}, "connected"},
		"fewer sessions": {socketio.Recovery{RestoreRoom: all, MaxSessions: 2}, func(f *fixture, p *recoverer) { f.recoverer("/", ada).lose() }, `2["missed","O"] recovered`},
		"sessions of the key": {socketio.Recovery{RestoreRoom: all, MaxSessionsPerKey: 2}, func(f *fixture, p *recoverer) {
			f.recoverer("/", ada).lose()
			f.recoverer("/", ada).lose()
		}, "connected"},
		"sessions of other keys": {socketio.Recovery{RestoreRoom: all, MaxSessionsPerKey: 2}, func(f *fixture, p *recoverer) {
			for range 5 {
				f.recoverer("/", `"key":"eve"`).lose()
			}
		}, `2["missed","O"] recovered`},
		"bytes": {socketio.Recovery{RestoreRoom: all, MaxBytes: 10_000}, func(f *fixture, p *recoverer) {
			emits(f.t, f.srv.To("others"), "large", strings.Repeat("x", 5000))
		}, "connected"},
		"rooms": {socketio.Recovery{}, func(f *fixture, p *recoverer) {}, "connected"},
		"some rooms": {socketio.Recovery{RestoreRoom: func(_ *socketio.Socket, room string) bool { return room != "room" }},
			func(f *fixture, p *recoverer) {}, "connected"},
		"queue of the connection": {socketio.Recovery{RestoreRoom: all}, func(f *fixture, p *recoverer) {
			for range 10 {
				emits(f.t, f.srv, "large", strings.Repeat("x", 200_000))
			}
		}, "connected"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, socketio.Options{Recovery: &test.recovery}, func(srv *socketio.Server) {
				keyed(srv)
				srv.OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Join("room") })
			}, func(f *fixture) {
				p := f.recoverer("/", ada)
				emits(t, f.srv, "first")
				p.take()
				p.lose()
				emits(t, f.srv.To(p.sid), "missed")
				test.away(f, p)
				p.connect(ada)
				check(t, "answer", p.take(), test.want)
			})
		})
	}
}

// TestSessionBytes exceeds the bytes of events of Socket.Emit while the network is slow.
func TestSessionBytes(t *testing.T) {
	opts := recovering()
	opts.Recovery.MaxSessionBytes = 4000
	bubble(t, opts, keyed, func(f *fixture) {
		p := f.recoverer("/", ada)
		s := f.socketOf(p.sid)
		emits(t, s, "first")
		p.take()
		offset := p.offset
		for range 10 {
			emits(t, s, "own", strings.Repeat("x", 200))
		}
		p.take()
		received := p.offset
		p.lose()
		p.offset = offset // none of the ten has arrived
		p.connect(ada)
		check(t, "too many to keep", p.take(), "connected")

		p = f.recoverer("/", ada)
		emits(t, f.socketOf(p.sid), "own", strings.Repeat("x", 5000)) // larger than the limit
		p.take()
		p.lose()
		p.connect(ada)
		check(t, "received before it was forgotten", p.take(), "recovered")
		if p.offset == received {
			t.Error("the offset of another session")
		}
	})
}

// TestRecoveryOfDynamicNamespace sends an event to a dynamic namespace whose only socket is lost.
func TestRecoveryOfDynamicNamespace(t *testing.T) {
	bubble(t, recovering(), func(srv *socketio.Server) {
		srv.OfPattern(regexp.MustCompile("/doc-[0-9]+")).Use(setKey)
	}, func(f *fixture) {
		p := f.recoverer("/doc-1", ada)
		emits(t, f.srv.BroadcastIn("/doc-1"), "first")
		p.take()
		p.lose()
		emits(t, f.srv.BroadcastIn("/doc-1"), "missed")
		p.connect(ada)
		check(t, "answer", p.take(), `2/doc-1,["missed","O"] recovered`)
		p.lose()
		if f.srv.Lookup("/doc-1") == nil {
			t.Error("the namespace has a session, and is gone")
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if f.srv.Lookup("/doc-1") != nil {
			t.Error("the namespace has no session, and is still there")
		}
	})
}

// TestLostSessionsAreForgotten checks that nothing is left of 10,000 lost sessions after the
// window, and that each keeps little until then.
func TestLostSessionsAreForgotten(t *testing.T) {
	const n = 10_000
	bubble(t, recovering(), keyed, func(f *fixture) {
		before := heap()
		for i := range n {
			f.srv.LoseSession(fmt.Sprint("ada", i))
		}
		kept, bytes := f.srv.LostSessions()
		each := (heap() - before) / n
		t.Logf("%d sessions, %d bytes of the budget, %d bytes each", kept, bytes, each)
		if kept != n {
			t.Errorf("%d sessions are kept", kept)
		}
		const most = 1200
		if each > most {
			t.Errorf("a lost session keeps %d bytes, want at most %d", each, most)
		}
		emits(t, f.srv, "event")
		time.Sleep(3 * time.Minute)
		if kept, bytes := f.srv.LostSessions(); kept != 0 || bytes != 0 {
			t.Errorf("%d sessions and %d bytes are kept after the window", kept, bytes)
		}
	})
}

// TestNothingIsRecoveredAfterShutdown leaves no session and no timer behind.
func TestNothingIsRecoveredAfterShutdown(t *testing.T) {
	bubble(t, recovering(), keyed, func(f *fixture) {
		p, q := f.recoverer("/", ada), f.recoverer("/", ada)
		emits(t, f.srv, "first")
		p.lose()
		if err := f.srv.Shutdown(f.ctx); err != nil {
			t.Error(err)
		}
		q.lose()
		if kept, bytes := f.srv.LostSessions(); kept != 0 || bytes != 0 {
			t.Errorf("%d sessions and %d bytes are kept", kept, bytes)
		}
	})
}

// TestNoRecoveryBeforeOnConnectHasReturned loses a connection while OnConnect runs. What OnConnect
// sends and joins from then on would be missing, so the client must get a new socket.
func TestNoRecoveryBeforeOnConnectHasReturned(t *testing.T) {
	for name, finish := range map[string]func(s *socketio.Socket) error{
		"which ignores errors": func(s *socketio.Socket) error { _ = s.Emit("state"); return nil },
		"which returns them":   func(s *socketio.Socket) error { return s.Join("room") },
	} {
		t.Run(name, func(t *testing.T) {
			var release chan struct{}
			bubble(t, recovering(), func(srv *socketio.Server) {
				release = make(chan struct{})
				keyed(srv)
				srv.OnConnect(func(_ context.Context, s *socketio.Socket) error { <-release; return finish(s) })
			}, func(f *fixture) {
				p := f.recoverer("/", ada)
				emits(t, f.srv, "first")
				check(t, "before", p.take(), `connected 2["first","O"]`)
				p.lose()
				close(release)
				synctest.Wait()
				p.connect(ada)
				check(t, "after a loss while OnConnect runs", strings.Fields(p.take())[0], "connected")
				emits(t, f.srv, "second")
				p.take()
				p.lose()
				p.connect(ada)
				check(t, "after a later loss", strings.Fields(p.take())[0], "recovered")
			})
		})
	}
}

// TestRecoveryUnderLoad broadcasts from many goroutines to peers that lose their connections. Each
// peer whose session is recovered receives each event once.
func TestRecoveryUnderLoad(t *testing.T) {
	bubble(t, recovering(), keyed, func(f *fixture) {
		peers := make([]*recoverer, 8)
		for i := range peers {
			peers[i] = f.recoverer("/", ada)
		}
		var running sync.WaitGroup
		for g := range 4 {
			running.Go(func() {
				for i := range 100 {
					emits(t, f.srv, fmt.Sprintf("event-%d-%d", g, i), 1)
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		recovered := 0
		for range 20 {
			time.Sleep(30 * time.Millisecond)
			for _, p := range peers[:4] {
				pid := p.pid
				p.lose()
				time.Sleep(time.Millisecond)
				p.connect(ada)
				if p.pid == pid {
					recovered++
				} else {
					t.Error("not recovered")
				}
			}
		}
		running.Wait()
		for i, p := range peers {
			counts := map[string]int{}
			for _, event := range strings.Fields(p.take()) {
				counts[event]++
			}
			events := 0
			for event, count := range counts {
				if strings.HasPrefix(event, "2[") {
					events++
					if count != 1 {
						t.Errorf("peer %d received %s %d times", i, event, count)
					}
				}
			}
			if events != 400 {
				t.Errorf("peer %d received %d events, want 400", i, events)
			}
		}
		t.Logf("%d recovered", recovered)
	})
}
