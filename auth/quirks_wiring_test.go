package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/engineio"
	"socketiojwt/internal/memnet"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// npm: events before the login reached the listeners of `connection`, or were lost. Here they
// are kept, within bounds, until the login, or dropped if an option says so.
func TestQ23EarlyEventsAreKeptOrDropped(t *testing.T) {
	events := func(p *sockettest.Peer, n int) {
		for i := range n {
			_ = p.Emit(fmt.Sprintf("e%d", i))
		}
	}
	bubble(t, setup{event: true}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		events(p, 16)
		f.login(p, sign(nil))
		f.emit(p, "after")
		want := []string{"connected ada"}
		for i := range 16 {
			want = append(want, fmt.Sprintf("event e%d", i))
		}
		f.happened(append(want, "event after")...)
	})
	bubble(t, setup{event: true}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		events(p, 17)
		f.ended(p, sockettest.ErrClosed, 0)
		f.happened()
	})
	bubble(t, setup{event: true, mode: auth.EventOptions{EarlyEvents: 2, EarlyBytes: 1000}}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		f.emit(p, "big", strings.Repeat("x", 1000))
		f.ended(p, sockettest.ErrClosed, 0)
	})
	bubble(t, setup{event: true, mode: auth.EventOptions{DropEarly: true}}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		events(p, 100)
		f.login(p, sign(nil))
		f.emit(p, "after")
		f.happened("connected ada", "event after")
	})
}

// npm: the timer outlived the socket, and one of more than 2^31-1 ms fired at once. Here the
// timer ends with its socket, and has the length that was set.
func TestQ24DeadlineHasTheLengthThatWasSet(t *testing.T) {
	const month = 30 * 24 * time.Hour // 2^31 ms are 25 days
	rare := socketio.Options{Engine: engineio.Options{PingInterval: 24 * time.Hour}, ConnectTimeout: 2 * month}
	bubble(t, setup{server: rare, event: true, gate: auth.Options{Timeout: month}}, func(f *fixture) {
		p, late := f.dial(sockettest.Options{}), f.dial(sockettest.Options{})
		time.Sleep(month - time.Second)
		f.nothing(p)
		f.login(p, sign(nil))
		if told, _ := f.unauthorized(late); told.Reason != "auth_timeout" {
			t.Errorf("told %+v", told)
		}
		f.happened("connected ada")
	})
	for _, leave := range []func(*sockettest.Peer){func(p *sockettest.Peer) { _ = p.Leave() }, func(p *sockettest.Peer) { _ = p.Close() }} {
		var refused record
		gate := auth.Options{OnRefuse: func(_ context.Context, _ *socketio.Socket, e *auth.Error) { refused.add(string(e.Reason)) }}
		bubble(t, setup{event: true, gate: gate}, func(f *fixture) {
			leave(f.dial(sockettest.Options{}))
			time.Sleep(time.Minute)
			if got := refused.all(); len(got) > 0 || strings.Contains(f.log.String(), "auth: refused") {
				t.Errorf("refused though it was gone: %q\n%s", got, f.log.String())
			}
		})
	}
}

// npm: two round trips did not work on dynamic namespaces, where the event never fired, or with
// Socket.IO 3 and later. Here they work with each, and each namespace has its own sockets.
func TestQ25EventModeOnDynamicNamespaces(t *testing.T) {
	bubble(t, setup{furnish: func(f *fixture) {
		f.furnish(f.srv.OfPattern(regexp.MustCompile(`/room-\d`)), f.gate.Event(auth.EventOptions{}))
	}}, func(f *fixture) {
		one, two := f.dial(sockettest.Options{Namespace: "/room-1"}), f.dial(sockettest.Options{Namespace: "/room-2"})
		held := f.dial(sockettest.Options{Namespace: "/room-1"})
		f.login(one, sign(nil))
		f.happened("connected ada")
		f.login(two, sign(claims{"sub": "bob"}))
		f.happened("connected ada", "connected bob")
		if a, b := f.whoami(one), f.whoami(two); a != "ada" || b != "bob" {
			t.Errorf("whoami: %q and %q", a, b)
		}
		_ = f.srv.Of("/").Emit("news")
		f.nothing(one)
		f.nothing(held)
		f.emit(held, "authenticate", bearing("junk"))
		if told, _ := f.unauthorized(held); told.Reason != "token_malformed" {
			t.Errorf("told %+v", told)
		}
		f.ended(held, sockettest.ErrDisconnected, 2*time.Second)
		f.whoami(one)
	})
}

// npm: the middleware read a variable that the whole process shared. Here two servers in one
// process share nothing, even if they have the same address.
func TestQ26TwoServersHaveNothingInCommon(t *testing.T) {
	other := "another secret, just as long as the first"
	bubble(t, setup{mode: auth.EventOptions{MaxHeld: 1}, event: true}, func(first *fixture) {
		second := &fixture{t: first.t, ctx: first.ctx, in: memnet.Listen()}
		gate := newGate(t, verifierOf(t, token.Secret(other), token.Options{Leeway: -1}), auth.Options{})
		var err error
		if second.srv, err = socketio.NewServer(socketio.Options{}); err != nil {
			t.Fatal(err)
		}
		second.furnish(second.srv.Namespace, gate.Event(auth.EventOptions{MaxHeld: 1}))
		handler, err := second.srv.Handler()
		if err != nil {
			t.Fatal(err)
		}
		web := &http.Server{Handler: handler}
		go func() { _ = web.Serve(second.in) }()
		defer func() { _ = second.srv.Close(); _ = web.Close() }()

		a, b := first.dial(sockettest.Options{}), second.dial(sockettest.Options{}) // each gate has its own MaxHeld
		for _, f := range []*fixture{first, second} {
			if _, err := f.try(sockettest.Options{}); !errors.Is(err, sockettest.ErrClosed) {
				t.Errorf("got %v, want a closed transport", err)
			}
		}
		ours := sign(nil)
		theirs := signWith(other, map[string]any{"alg": "HS256"}, claims{"sub": "bob", "exp": time.Now().Add(time.Hour).Unix()})
		first.login(a, ours)
		second.login(b, theirs)
		first.happened("connected ada")
		second.happened("connected bob")
		for f, compact := range map[*fixture]string{first: theirs, second: ours} {
			p := f.dial(sockettest.Options{})
			f.emit(p, "authenticate", bearing(compact))
			if told, _ := f.unauthorized(p); told.Reason != "token_signature" {
				t.Errorf("told %+v", told)
			}
			f.ended(p, sockettest.ErrDisconnected, 2*time.Second)
		}
		_ = first.srv.Emit("news")
		_ = first.srv.Close()
		second.nothing(b)
		if got := second.whoami(b); got != "bob" {
			t.Errorf("whoami: %q", got)
		}
	})
}

// npm: the server was not notified of a refusal or a timeout. Here OnRefuse runs for each, in
// both modes, with the reason, and the log has a line.
func TestQ27ServerIsNotifiedOfRefusals(t *testing.T) {
	var heard record
	gate := auth.Options{OnRefuse: func(_ context.Context, s *socketio.Socket, e *auth.Error) {
		heard.add(fmt.Sprint(e.Reason, " from ", s.Handshake().RemoteAddr != "", " ", e.ID != "", " ", e.Err != nil))
	}}
	bubble(t, setup{gate: gate, event: true, mode: auth.EventOptions{Attempts: 2}, furnish: func(f *fixture) { f.furnish(f.srv.Of("/one"), f.gate.Handshake) }}, func(f *fixture) {
		silent := f.dial(sockettest.Options{})
		f.ended(silent, sockettest.ErrDisconnected, 7*time.Second)
		p := f.dial(sockettest.Options{})
		f.emit(p, "authenticate", bearing(expiring(-time.Minute)))
		f.unauthorized(p)
		f.emit(p, "authenticate")
		f.unauthorized(p)
		f.ended(p, sockettest.ErrDisconnected, 2*time.Second)
		f.refused(sockettest.Options{Namespace: "/one"})
		f.refused(sockettest.Options{Namespace: "/one", Auth: bearing("junk")})
		var want []string
		for _, reason := range []string{"auth_timeout", "token_expired", "token_missing", "token_missing", "token_malformed"} {
			want = append(want, reason+" from true true true")
			if !strings.Contains(f.log.String(), "reason="+reason) {
				t.Errorf("%s is not in the log", reason)
			}
		}
		got := heard.all()
		slices.Sort(got) // the hooks ran concurrently
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("OnRefuse heard %q, want %q", got, want)
		}
	})
}

// npm: one round trip silently ignored timeout, required, cookie and additional_auth. Here
// options apply in both modes, and an option that cannot apply is an error when the gate is
// made.
func TestQ28OptionsHoldInBothModes(t *testing.T) {
	for _, event := range []bool{false, true} {
		show := func(f *fixture, opts sockettest.Options) (*sockettest.Peer, error) {
			payload := opts.Auth
			p, err := f.try(opts)
			if event && err == nil {
				f.emit(p, "authenticate", payload)
			}
			return p, err
		}
		bubble(t, setup{event: event, verifier: slow(t, time.Minute), gate: auth.Options{Timeout: time.Second}}, func(f *fixture) {
			start := time.Now()
			p, err := show(f, sockettest.Options{Auth: bearing(sign(nil))})
			if err == nil {
				err = p.Ended(f.ctx)
			}
			if !errors.Is(err, sockettest.ErrClosed) || time.Since(start) != time.Second {
				t.Errorf("Timeout: ended by %v after %v", err, time.Since(start))
			}
			time.Sleep(time.Hour) // the late result
			f.happened()
		})
		bubble(t, setup{event: event, gate: auth.Options{Guests: &auth.GuestOptions{}}}, func(f *fixture) {
			if got := f.whoami(f.dial(sockettest.Options{})); got != "guest" {
				t.Errorf("Guests: whoami: %q", got)
			}
		})
		bubble(t, setup{event: event, gate: auth.Options{Sources: []auth.Source{auth.FromCookie("jwt")}}}, func(f *fixture) {
			p, err := show(f, sockettest.Options{Header: http.Header{"Cookie": {"jwt=" + sign(nil)}}})
			if err != nil || f.whoami(p) != "ada" {
				t.Errorf("FromCookie: %v", err)
			}
		})
		refuse := func(context.Context, *token.Token, *socketio.Handshake) error { return errors.New("no") }
		bubble(t, setup{event: event, gate: auth.Options{Authorize: auth.Check(refuse)}}, func(f *fixture) {
			p, err := show(f, sockettest.Options{Auth: bearing(sign(nil))})
			if err == nil {
				err = p.Ended(f.ctx)
			}
			if err == nil {
				t.Error("Authorize: admitted")
			}
			f.happened()
		})
		bubble(t, setup{event: event, gate: auth.Options{Guests: &auth.GuestOptions{Grace: -1, Attempts: 2}}}, func(f *fixture) {
			p := f.dial(sockettest.Options{})
			for range 2 {
				f.emit(p, "authenticate", bearing("junk"))
				f.unauthorized(p)
			}
			f.ended(p, sockettest.ErrDisconnected, 0)
		})
	}
}
