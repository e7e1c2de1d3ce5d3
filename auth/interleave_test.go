package auth_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// The tests of this file run one event in the life of a socket at each point of another one at
// which the gate calls code of the program: sources, keys, Authorize, hooks, the log and the
// server's clock. The clock is read before each decision, so there is a point between the
// check of the socket and the lock under which the decision is made.

// points counts the calls of the program's code, and runs a function in one of them.
type points struct {
	left atomic.Int64 // calls until the function runs
	run  atomic.Pointer[func()]
}

func (p *points) pass() {
	if p.left.Add(-1) == 0 {
		(*p.run.Load())()
		time.Sleep(time.Millisecond) // until what it began has come to a rest
	}
}

// arm makes the n-th point from now on run f.
func (p *points) arm(n int, f func()) {
	p.run.Store(&f)
	p.left.Store(int64(n))
}

// disarm reports whether the function has run.
func (p *points) disarm() bool { return p.left.Swap(-1<<40) <= 0 }

// meeting is a socket to which two events happen.
type meeting struct {
	*fixture
	points
	step     atomic.Int64 // of the wall clock
	mode     string
	old, new string // tokens
	peer     atomic.Pointer[sockettest.Peer]
	dialErr  error
	mustEnd  atomic.Bool // an event has ended the socket
	revoked  sync.Map    // IDs of tokens
	repeats  atomic.Int64
	acks     chan answer // one for each authenticate with an acknowledgement
}

const (
	oldLife = 3 * time.Second // less than Options.Timeout
	newLife = time.Hour
)

// meet runs a test with a gate of a mode: "handshake", "event", "guest" or "becomes guest".
func meet(t *testing.T, mode string, test func(m *meeting)) {
	t.Helper()
	m := &meeting{mode: mode, acks: make(chan answer, 8)}
	now := func() time.Time {
		m.pass()
		return time.Now().Add(time.Duration(m.step.Load()))
	}
	keys := token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) { m.pass(); return token.Secret(secret), nil })
	opts := auth.Options{
		Authorize: auth.Check(func(_ context.Context, tok *token.Token, _ *socketio.Handshake) error {
			m.pass()
			if tok.Subject == "eve" {
				return errors.New("no")
			}
			return nil
		}),
		OnRefresh: func(context.Context, *socketio.Socket, *auth.Lease) { m.pass() },
		OnRefuse:  func(context.Context, *socketio.Socket, *auth.Error) { m.pass() },
		Rooms:     []auth.RoomsFrom{auth.RoomsFunc("r:", func(context.Context, *token.Token) ([]string, error) { m.pass(); return []string{"x"}, nil })},
	}
	if mode == "guest" || mode == "becomes guest" {
		opts.Guests = &auth.GuestOptions{OnLogin: func(context.Context, *socketio.Socket) { m.pass() }, OnExpiry: func(context.Context, *socketio.Socket) { m.pass() }}
	}
	if mode == "becomes guest" {
		opts.AtExpiry = auth.BecomeGuest
	}
	bubble(t, setup{
		gate: opts, event: mode == "event", server: socketio.Options{Now: now}, verifier: verifierOf(t, keys, token.Options{Leeway: -1, Now: now}),
		furnish: func(f *fixture) {
			f.srv.OnConnect(func(_ context.Context, s *socketio.Socket) error { m.pass(); return nil })
			f.srv.OnEmit(func(socketio.Emitted) { m.pass() })
			f.srv.Handle("token", socketio.AckFunc(func(ctx context.Context, _ *socketio.Socket, _ struct{}) (string, error) {
				if tok := auth.Token(ctx); tok != nil {
					return tok.ID, nil
				}
				return "none", nil
			}))
		},
	}, func(f *fixture) {
		m.fixture = f
		life := func(id string, d time.Duration) string {
			return sign(claims{"iss": "https://issuer", "jti": id, "exp": time.Now().Add(d).Unix()})
		}
		m.old, m.new = life("old", oldLife), life("new", newLife)
		test(m)
	})
}

// events are what can happen to the socket. The second of a pair runs at a point of the first.
var events = map[string]func(m *meeting){
	"admission": func(m *meeting) {
		opts := sockettest.Options{NetDial: m.in.Dial}
		if m.mode != "event" && m.mode != "guest" {
			opts.Auth = asking(m.old)
		}
		ctx, cancel := context.WithTimeout(m.ctx, time.Minute)
		defer cancel()
		p, err := sockettest.Dial(ctx, "http://server", opts)
		if m.dialErr = err; err != nil {
			return
		}
		m.peer.Store(p)
		if opts.Auth == nil {
			m.show(m.old, true)
		}
	},
	"refresh":        func(m *meeting) { m.show(m.new, true) },
	"repeat":         func(m *meeting) { m.repeats.Add(1); m.show(m.new, false) },
	"refused":        func(m *meeting) { m.show(sign(claims{"iss": "https://issuer", "jti": "eve", "sub": "eve"}), true) },
	"expiry":         func(*meeting) { time.Sleep(oldLife + time.Second) },
	"clock set":      func(m *meeting) { m.step.Store(int64(time.Minute)) },
	"old is revoked": func(m *meeting) { m.revoke("old") },
	"new is revoked": func(m *meeting) { m.revoke("new") },
	"disconnect": func(m *meeting) {
		for _, s := range m.srv.Sockets() {
			m.mustEnd.Store(true)
			s.Disconnect(nil)
		}
	},
	"leave": func(m *meeting) {
		if p := m.peer.Load(); p != nil {
			m.mustEnd.Store(true)
			_ = p.Close()
		}
	},
}

// show sends "authenticate" and does not wait for the answer.
func (m *meeting) show(compact string, ack bool) {
	p := m.peer.Load()
	if p == nil {
		return
	}
	if !ack {
		_ = p.Emit("authenticate", bearing(compact))
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(m.ctx, time.Minute)
		defer cancel()
		args, err := p.EmitWithAck(ctx, "authenticate", bearing(compact))
		if err != nil {
			return
		}
		var a answer
		_ = args.Scan(&a)
		m.acks <- a
	}()
}

// revoke revokes a token. When it returns, no socket may have the token.
func (m *meeting) revoke(id string) {
	if _, err := m.gate.Revoke(m.ctx, auth.ByTokenID("https://issuer", id), auth.RevokeOptions{}); err != nil {
		m.t.Error(err)
	}
	m.revoked.Store(id, true)
	m.noneRevoked()
}

// noneRevoked checks that no socket has a token that was revoked.
func (m *meeting) noneRevoked() {
	for _, s := range m.srv.Sockets() {
		if lease := auth.Current(s); lease != nil && s.Context().Err() == nil {
			if _, revoked := m.revoked.Load(lease.Token.ID); revoked {
				m.t.Errorf("a socket has the token %s, which was revoked", lease.Token.ID)
			}
		}
	}
}

// Each pair of events meets at each point, in each mode. The first one that ends the socket, or
// the token, decides: the peer is told one reason at most, the socket is what the peer was told,
// and in the end the gate has forgotten it.
func TestEveryTwoEventsMeet(t *testing.T) {
	for _, mode := range []string{"handshake", "event", "guest", "becomes guest"} {
		for first := range events {
			for second := range events {
				if second == "admission" {
					continue
				}
				t.Run(mode+", "+first+", "+second, func(t *testing.T) {
					t.Parallel()
					for n := 1; n < 1000 && meetAt(t, mode, first, second, n); n++ {
					}
				})
			}
		}
	}
}

// meetAt makes the second event happen at the n-th point of the first one. It reports false if
// there are fewer points.
func meetAt(t *testing.T, mode, first, second string, n int) (fired bool) {
	t.Helper()
	meet(t, mode, func(m *meeting) {
		if first != "admission" {
			events["admission"](m)
			time.Sleep(time.Millisecond)
		}
		m.arm(n, func() { events[second](m) })
		events[first](m)
		time.Sleep(100 * time.Millisecond)
		fired = m.disarm()
		m.noneRevoked()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		m.check()
		if p := m.peer.Load(); p != nil {
			_ = p.Close()
		}
		m.forgotten()
		if t.Failed() {
			t.Logf("at point %d\n%s", n, m.log.String())
			fired = false
		}
	})
	return fired
}
