package auth_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// In both modes a token is in the index, under all of its keys, before Authorize is called.
func TestTokensAreListedBeforeTheyAreAdmitted(t *testing.T) {
	for _, event := range []bool{false, true} {
		var f *fixture
		authorize := func(_ context.Context, tok *token.Token, _ *socketio.Handshake) error {
			for _, m := range []auth.Match{auth.BySubject("https://issuer", "ada"), auth.ByTokenID("https://issuer", "7"),
				auth.BySession("https://issuer", "session of ada"), auth.ByHash(tok.Hash)} {
				f.ran.add(states(f.gate, m))
			}
			return nil
		}
		bubble(t, setup{event: event, gate: auth.Options{Authorize: auth.Check(authorize)}}, func(fixed *fixture) {
			f = fixed
			p := f.dial(sockettest.Options{Auth: bearing(sign(named("7")))})
			if event {
				f.login(p, sign(named("7")))
			}
			f.happened("examining", "examining", "examining", "examining", "connected ada")
			if got := states(f.gate, auth.BySession("https://issuer", "session of ada")); got != "running" {
				t.Errorf("after the admission: %q", got)
			}
			_ = p.Close()
			f.forgotten()
		})
	}
}

// A LeaseInfo describes a lease, without its token.
func TestLeaseInfo(t *testing.T) {
	bubble(t, setup{}, func(f *fixture) {
		came := time.Now()
		compact := sign(named("7"))
		p := f.dial(sockettest.Options{Auth: bearing(compact)})
		time.Sleep(time.Minute)
		var all []auth.LeaseInfo
		for l := range f.gate.Leases() {
			all = append(all, l)
		}
		if len(all) != 1 {
			t.Fatalf("listed: %+v", all)
		}
		l, tok := all[0], auth.Current(f.srv.Sockets()[0]).Token
		if l.SocketID != p.ID() || l.Namespace != "/" || l.State != auth.LeaseRunning || l.Issuer != "https://issuer" || l.Subject != "ada" ||
			l.TokenID != "7" || l.SessionID != "session of ada" || l.TokenHash != tok.Hash || !l.Since.Equal(came) || !l.Until.Equal(tok.ExpiresAt()) {
			t.Errorf("got %+v", l)
		}
		if text := fmt.Sprintf("%+v %#v", l, l); jwt.MatchString(text) {
			t.Errorf("it prints the token: %s", text)
		}
	})
}

// slowHook takes a second, and refuses the token "bad".
var slowHook = auth.Check(func(_ context.Context, tok *token.Token, _ *socketio.Handshake) error {
	time.Sleep(time.Second)
	if tok.ID == "bad" {
		return &auth.Error{Message: "no"}
	}
	return nil
})

// In event mode a socket is listed as soon as it connects. A token is listed only while it is
// examined or admitted.
func TestLeasesOfHeldSockets(t *testing.T) {
	bubble(t, setup{event: true, gate: auth.Options{Timeout: time.Minute, Authorize: slowHook}, mode: auth.EventOptions{Attempts: 3}}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		f.lists("held / ")
		f.emit(p, "authenticate", bearing("junk"))
		f.unauthorized(p)
		f.lists("held / ")
		f.emit(p, "authenticate", bearing(sign(named("bad"))))
		f.lists("examining https://issuer/ada bad")
		f.unauthorized(p)
		f.lists("held / ")
		if got := states(f.gate, auth.ByTokenID("https://issuer", "bad")); got != "" {
			t.Errorf("the refused token is found: %q", got)
		}
		f.login(p, sign(named("7")))
		f.lists("running https://issuer/ada 7")
		_ = p.Close()
		f.forgotten()
	})
}

// A refused socket is listed as ending while its peer is given time to acknowledge.
func TestLeasesOfEndingSockets(t *testing.T) {
	bubble(t, setup{event: true}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		f.emit(p, "authenticate", bearing(sign(claims{"exp": 1})))
		f.lists("ending / ")
		f.ended(p, sockettest.ErrDisconnected, 2*time.Second)
		f.forgotten()
	})
}

// A guest is listed without a token. A guest that logs in is listed twice until the login is
// decided, and once after that.
func TestLeasesOfGuests(t *testing.T) {
	for _, event := range []bool{false, true} {
		bubble(t, setup{event: event, gate: auth.Options{Guests: &auth.GuestOptions{Attempts: 2}, Authorize: slowHook}}, func(f *fixture) {
			p := f.dial(sockettest.Options{})
			f.lists("guest / ")
			f.emit(p, "authenticate", bearing(sign(named("bad"))))
			f.lists("examining https://issuer/ada bad", "guest / ")
			f.unauthorized(p)
			f.lists("guest / ")
			f.emit(p, "authenticate", bearing(sign(named("7"))))
			f.lists("examining https://issuer/ada 7", "guest / ")
			f.expect(p, "authenticated")
			f.lists("running https://issuer/ada 7")
			if got := states(f.gate, auth.BySubject("https://issuer", "ada")); got != "running" {
				t.Errorf("found: %q", got)
			}
			_ = p.Close()
			f.forgotten()
		})
	}
}

// watchedLog calls a function for each line of a log.
type watchedLog struct {
	slog.Handler
	line func(slog.Record)
}

func (l watchedLog) Handle(ctx context.Context, r slog.Record) error {
	l.line(r)
	return l.Handler.Handle(ctx, r)
}

// A token that a socket with a lease shows by another authenticate is listed while it is
// examined. The lease does not change.
func TestLeasesDuringAnotherAuthenticate(t *testing.T) {
	for _, event := range []bool{false, true} {
		var f *fixture
		var during []string
		log := slog.New(watchedLog{slog.NewTextHandler(&lockedBuffer{}, nil), func(r slog.Record) {
			if r.Message == "auth: refused" {
				during = listed(f.gate)
			}
		}})
		bubble(t, setup{event: event, gate: auth.Options{Logger: log}}, func(fixed *fixture) {
			f = fixed
			p := f.dial(sockettest.Options{Auth: bearing(sign(named("7")))})
			if event {
				f.login(p, sign(named("7")))
			}
			eve := named("8")
			eve["sub"] = "eve"
			f.emit(p, "authenticate", bearing(sign(eve)))
			if told, _ := f.unauthorized(p); told.Reason != "subject_changed" {
				t.Errorf("told %+v", told)
			}
			if want := []string{"examining https://issuer/eve 8", "running https://issuer/ada 7"}; !slices.Equal(during, want) {
				t.Errorf("while it was examined: %q, want %q", during, want)
			}
			f.lists("running https://issuer/ada 7")
			f.login(p, sign(named("9")))
			f.lists("running https://issuer/ada 7")
			_ = p.Close()
			f.forgotten()
		})
	}
}

// A socket is removed from the index in whatever way it ends.
func TestLeasesEnd(t *testing.T) {
	hang := func(ctx context.Context, _ *token.Token, _ *socketio.Handshake) error {
		<-ctx.Done()
		return ctx.Err()
	}
	deaf := func(context.Context, *token.Token, *socketio.Handshake) error {
		time.Sleep(time.Minute)
		return nil
	}
	type end struct {
		gate auth.Options
		use  socketio.ConnectMiddleware // after the gate
		end  func(f *fixture, p *sockettest.Peer)
	}
	for name, c := range map[string]end{
		"connection lost": {end: func(f *fixture, p *sockettest.Peer) { _ = p.Close() }},
		"left":            {end: func(f *fixture, p *sockettest.Peer) { _ = p.Leave() }},
		"disconnected":    {end: func(f *fixture, p *sockettest.Peer) { f.srv.Sockets()[0].Disconnect(nil) }},
		"closed": {end: func(f *fixture, p *sockettest.Peer) {
			f.srv.Sockets()[0].Disconnect(&socketio.Ending{Temporary: true, WholeConnection: true})
		}},
		"expired":        {end: func(f *fixture, p *sockettest.Peer) { time.Sleep(2 * time.Hour) }},
		"left at expiry": {gate: auth.Options{AtExpiry: auth.LeaveNamespace}, end: func(f *fixture, p *sockettest.Peer) { time.Sleep(2 * time.Hour) }},
		"shutdown":       {end: func(f *fixture, p *sockettest.Peer) { _ = f.srv.Shutdown(f.ctx) }},
		"refused": {gate: auth.Options{Authorize: auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error {
			return &auth.Error{Message: "no"}
		})}},
		"refused for a time": {gate: auth.Options{Authorize: auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error {
			return &auth.Error{Message: "no", Temporary: true, RetryAfter: 3 * time.Second}
		})}},
		"a panic": {gate: auth.Options{Authorize: auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error { panic("x") })}},
		"Goexit": {gate: auth.Options{Authorize: auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error {
			runtime.Goexit()
			return nil
		})}},
		"too late":                {gate: auth.Options{Authorize: auth.Check(hang)}},
		"too late without an end": {gate: auth.Options{Authorize: auth.Check(deaf)}},
		"lost during Authorize":   {gate: auth.Options{Authorize: auth.Check(hang)}, end: func(f *fixture, p *sockettest.Peer) { _ = p.Close() }},
		"closed during Authorize": {gate: auth.Options{Authorize: auth.Check(hang)}, end: func(f *fixture, p *sockettest.Peer) { _ = f.srv.Close() }},
		"refused by later middleware": {use: func(context.Context, *socketio.Socket) error {
			return &socketio.Ending{Message: "no"}
		}},
		"a panic in later middleware": {use: func(context.Context, *socketio.Socket) error { panic("x") }},
	} {
		for _, mode := range []string{"handshake", "event", "guest"} {
			t.Run(name+" "+mode, func(t *testing.T) {
				c.gate.Guests = guests(mode == "guest")
				furnish := func(f *fixture) {
					if c.use != nil {
						f.srv.Use(c.use)
					}
				}
				bubble(t, setup{event: mode == "event", gate: c.gate, furnish: furnish}, func(f *fixture) {
					ctx, cancel := context.WithTimeout(f.ctx, time.Second) // in some cases the socket is still connecting
					defer cancel()
					opts := sockettest.Options{NetDial: f.in.Dial}
					if mode == "handshake" {
						opts.Auth = bearing(sign(named("7")))
					}
					p, err := sockettest.Dial(ctx, "http://server", opts)
					if err == nil {
						defer p.Close()
						if mode != "handshake" {
							f.emit(p, "authenticate", bearing(sign(named("7"))))
						}
						time.Sleep(time.Second)
						if c.end != nil {
							c.end(f, p)
						}
						time.Sleep(time.Minute)
						_ = p.Close() // a guest that was refused temporarily may stay until then
					}
					time.Sleep(2 * time.Minute)
					f.forgotten()
				})
			})
		}
	}
}
