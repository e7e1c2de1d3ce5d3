package socketio_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
)

// recovering are options with recovery, which restore all rooms.
func recovering() socketio.Options {
	return socketio.Options{Recovery: &socketio.Recovery{RestoreRoom: func(*socketio.Socket, string) bool { return true }}}
}

func check(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %s, want %s", what, got, want)
	}
}

// emits sends an event, which must not fail.
func emits(t *testing.T, b interface {
	Emit(event string, args ...any) error
}, event string, args ...any) {
	t.Helper()
	if err := b.Emit(event, args...); err != nil {
		t.Error(err)
	}
}

// socketOf returns the socket of an id.
func (f *fixture) socketOf(id string) *socketio.Socket {
	f.t.Helper()
	all := f.srv.To(id).Sockets()
	if len(all) != 1 {
		f.t.Fatalf("%d sockets with the id", len(all))
	}
	return all[0]
}

func TestRecovery(t *testing.T) {
	var seen record
	bubble(t, recovering(), func(srv *socketio.Server) {
		keyed(srv)
		data := socketio.NewKey[string]()
		srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
			value, _ := data.Value(s)
			seen.add(fmt.Sprintf("connected, recovered %v, data %q, rooms %d", s.Recovered(), value, len(s.Rooms())))
			data.Set(s, "data")
			return s.Join("room")
		})
		srv.OnDisconnect(func(_ context.Context, s *socketio.Socket, reason socketio.Reason) { seen.add(string(reason)) })
	}, func(f *fixture) {
		p := f.recoverer("/", ada)
		emits(t, f.srv, "first")
		synctest.Wait()
		emits(t, f.srv.To(p.sid).Volatile(), "volatile", "text")
		emits(t, f.socketOf(p.sid), "own", map[string]any{"a": 1})
		check(t, "before", p.take(), `connected 2["first","O"] 2["volatile","text",null] 2["own",{"a":1},"O"]`)
		sid, pid := p.sid, p.pid

		p.lose()
		emits(t, f.srv, "broadcast", 1)
		emits(t, f.srv.To("room"), "to its room")
		emits(t, f.srv.To(sid), "to itself", []byte{1})
		emits(t, f.srv.Except("room"), "not to its room")
		emits(t, f.srv.To("other"), "to another room")
		emits(t, f.srv.Volatile(), "volatile")
		p.connect(ada)
		check(t, "missed", p.take(), `2["broadcast",1,"O"] 2["to its room","O"] 51-["to itself",{"_placeholder":true,"num":0},"O"] `+"\x01"+` recovered`)
		check(t, "sid", p.sid, sid)
		check(t, "pid", p.pid, pid)

		emits(t, f.srv.To("room"), "again")
		check(t, "after", p.take(), `2["again","O"]`)
		want := []string{`connected, recovered false, data "", rooms 1`, "transport close", `connected, recovered true, data "data", rooms 2`}
		if got := seen.all(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// TestRecoveryAfterSilence recovers a session that has received no event, or none for a long
// time while others did.
func TestRecoveryAfterSilence(t *testing.T) {
	bubble(t, recovering(), keyed, func(f *fixture) {
		quiet, busy := f.recoverer("/", ada), f.recoverer("/", ada)
		for range 100 {
			emits(t, f.srv.To(busy.sid), "event")
			time.Sleep(10 * time.Second)
		}
		quiet.take()
		quiet.lose()
		time.Sleep(119 * time.Second)
		emits(t, f.srv, "missed")
		quiet.connect(ada)
		check(t, "quiet", quiet.take(), `2["missed","O"] recovered`)
	})
}

// TestRecoveryTwice loses the connection again before the missed events have arrived.
func TestRecoveryTwice(t *testing.T) {
	bubble(t, recovering(), keyed, func(f *fixture) {
		p := f.recoverer("/", ada)
		emits(t, f.srv, "first")
		p.take()
		p.lose()
		emits(t, f.srv, "second")
		offset := p.offset
		p.connect(ada)
		check(t, "once", p.take(), `2["second","O"] recovered`)
		emits(t, f.socketOf(p.sid), "third")
		p.take()
		p.lose()
		p.offset = offset // as if nothing had arrived
		emits(t, f.srv, "fourth")
		p.connect(ada)
		check(t, "twice", p.take(), `2["second","O"] 2["third","O"] 2["fourth","O"] recovered`)
	})
}

// TestNotRecovered lists what ends a session for good.
func TestNotRecovered(t *testing.T) {
	tests := map[string]struct {
		end  func(f *fixture, p *recoverer)
		more []string // of the second CONNECT
	}{
		"another key":    {more: []string{`"key":"eve"`}},
		"no key":         {more: []string{}},
		"the window":     {end: func(f *fixture, p *recoverer) { p.lose(); time.Sleep(2 * time.Minute) }},
		"foreign pid":    {end: func(f *fixture, p *recoverer) { p.lose(); p.pid = "x" }},
		"malformed pid":  {end: func(f *fixture, p *recoverer) { p.lose(); p.pid = `x","pid":"` }},
		"huge offset":    {end: func(f *fixture, p *recoverer) { p.lose(); p.offset = strings.Repeat("x", 50_000) }},
		"foreign offset": {end: func(f *fixture, p *recoverer) { p.lose(); p.offset = "AAAAAAAAAAAAAAAAAAAAAA" }},
		"left":           {end: func(f *fixture, p *recoverer) { p.send("1", ""); synctest.Wait(); p.lose() }},
		"disconnected":   {end: func(f *fixture, p *recoverer) { f.socketOf(p.sid).Disconnect(nil); synctest.Wait(); p.lose() }},
		"closed":         {end: func(f *fixture, p *recoverer) { f.socketOf(p.sid).Disconnect(&socketio.Ending{Temporary: true}) }},
		"closed with all": {end: func(f *fixture, p *recoverer) {
			_ = f.srv.DisconnectSockets(&socketio.Ending{Temporary: true, WholeConnection: true})
		}},
		"deadline":             {end: func(f *fixture, p *recoverer) { f.socketOf(p.sid).SetDeadline(time.Now(), nil); synctest.Wait() }},
		"violation":            {end: func(f *fixture, p *recoverer) { p.send("9", "") }},
		"key removed":          {end: func(f *fixture, p *recoverer) { f.socketOf(p.sid).SetRecoveryKey(""); p.lose() }},
		"pid of a live socket": {end: func(f *fixture, p *recoverer) {}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, recovering(), keyed, func(f *fixture) {
				p := f.recoverer("/", ada)
				emits(t, f.srv, "first")
				p.take()
				sid := p.sid
				if test.end == nil {
					p.lose()
				} else {
					test.end(f, p)
				}
				emits(t, f.srv.To(sid), "secret")
				synctest.Wait()
				p.packets = nil
				if test.more == nil {
					test.more = []string{ada}
				}
				p.connect(test.more...)
				check(t, "answer", p.take(), "connected")
				if p.sid == sid {
					t.Error("the socket id was reused")
				}
			})
		})
	}
}

// TestRefusedBeforeRecovery refuses the new socket. Nothing is replayed, and the session can
// still be recovered.
func TestRefusedBeforeRecovery(t *testing.T) {
	bubble(t, recovering(), keyed, func(f *fixture) {
		p := f.recoverer("/", ada)
		emits(t, f.srv, "first")
		p.take()
		p.lose()
		emits(t, f.srv, "missed")
		p.connect(ada, `"refuse":"no"`)
		check(t, "refused", p.take(), `4{"message":"no"}`)
		p.lose()
		p.connect(ada)
		check(t, "admitted", p.take(), `2["missed","O"] recovered`)
	})
}

// TestRecoveryOfOtherNamespace shows a pid in a namespace that did not issue it.
func TestRecoveryOfOtherNamespace(t *testing.T) {
	bubble(t, recovering(), func(srv *socketio.Server) {
		keyed(srv)
		srv.Of("/other").Use(setKey)
	}, func(f *fixture) {
		p := f.recoverer("/", ada)
		emits(t, f.srv, "first")
		p.take()
		p.lose()
		p.namespace = "/other"
		p.connect(ada)
		check(t, "other namespace", p.take(), "connected")
	})
}

// TestTwoRecoverAtOnce has many connections show one pid at the same moment.
func TestTwoRecoverAtOnce(t *testing.T) {
	bubble(t, recovering(), keyed, func(f *fixture) {
		p := f.recoverer("/", ada)
		emits(t, f.srv, "first")
		p.take()
		p.lose()
		emits(t, f.srv, "missed")
		var all []*recoverer
		for range 10 {
			copied := &recoverer{f: f, namespace: "/", pid: p.pid, offset: p.offset}
			all = append(all, copied)
			copied.begin(ada)
		}
		synctest.Wait()
		recovered := 0
		ids := map[string]bool{}
		for _, each := range all {
			if got := each.take(); got == `2["missed","O"] recovered` {
				recovered++
			} else if got != "connected" {
				t.Errorf("got %s", got)
			}
			ids[each.sid] = true
		}
		if recovered != 1 || len(ids) != len(all) {
			t.Errorf("%d recovered, %d ids; want 1 and %d", recovered, len(ids), len(all))
		}
	})
}

// TestRecoveryWaitsForOnDisconnect does not admit a socket with the id of another one whose
// OnDisconnect has not returned.
func TestRecoveryWaitsForOnDisconnect(t *testing.T) {
	var seen record
	release := make(chan struct{})
	bubble(t, recovering(), func(srv *socketio.Server) {
		release = make(chan struct{})
		keyed(srv)
		srv.OnConnect(func(context.Context, *socketio.Socket) error { seen.add("connected"); return nil })
		srv.OnDisconnect(func(context.Context, *socketio.Socket, socketio.Reason) { <-release; seen.add("disconnected") })
	}, func(f *fixture) {
		p := f.recoverer("/", ada)
		emits(t, f.srv, "first")
		p.take()
		p.lose()
		p.connect(ada)
		check(t, "while OnDisconnect runs", p.take(), "")
		p.lose()
		p.connect(ada)
		later := &recoverer{f: f, namespace: "/", pid: p.pid, offset: p.offset}
		later.connect(ada)
		check(t, "earlier of two", p.take(), "connected")
		close(release)
		check(t, "later of two", later.take(), "recovered")
		want := []string{"connected", "connected", "disconnected", "connected"}
		if got := seen.all(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// TestNoRecoveryAfterTheDeadline loses a connection after the socket's deadline, which the clock
// has reached and no timer has noticed yet.
func TestNoRecoveryAfterTheDeadline(t *testing.T) {
	var ahead atomic.Int64
	opts := recovering()
	opts.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	bubble(t, opts, keyed, func(f *fixture) {
		p := f.recoverer("/", ada)
		f.socketOf(p.sid).SetDeadline(time.Now().Add(time.Hour), nil)
		p.take()
		ahead.Store(int64(time.Hour))
		p.lose()
		p.connect(ada)
		check(t, "answer", p.take(), "connected")
	})
}
