package auth_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// issued returns the claims of named, issued now. The fake clock begins at a whole second.
func issued(id string) claims {
	c := named(id)
	c["iat"] = time.Now().Unix()
	return c
}

// with returns c with a claim.
func (c claims) with(name string, value any) claims {
	c[name] = value
	return c
}

// enter connects a peer with a token in a mode: handshake, event or guest.
func (f *fixture) enter(mode, compact string) *sockettest.Peer {
	f.t.Helper()
	if mode == "handshake" {
		return f.dial(sockettest.Options{Auth: bearing(compact)})
	}
	p := f.dial(sockettest.Options{})
	f.login(p, compact)
	return p
}

// revoke revokes and checks the number of sockets that were ended.
func (f *fixture) revoke(m auth.Match, opts auth.RevokeOptions, want int) {
	f.t.Helper()
	if got, err := f.gate.Revoke(f.ctx, m, opts); err != nil || got.Sockets != want {
		f.t.Errorf("Revoke(%s) ended %d sockets, %v, want %d", m, got.Sockets, err, want)
	}
}

// revoked checks that a peer was told that its token is revoked, and that its socket has ended
// so that the JavaScript client stays away.
func (f *fixture) revoked(p *sockettest.Peer) {
	f.t.Helper()
	if told, _ := f.unauthorized(p); told.Reason != "token_revoked" || told.Code != "invalid_token" || told.Message != "jwt revoked" {
		f.t.Errorf("told %+v", told)
	}
	f.ended(p, sockettest.ErrDisconnected, 0)
}

// modes are the ways in which a socket gets a lease.
var modes = []string{"handshake", "event", "guest"}

// inModes runs a test in each of the modes.
func inModes(t *testing.T, s setup, test func(f *fixture, mode string)) {
	t.Helper()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			s.event, s.gate.Guests = mode == "event", guests(mode == "guest")
			bubble(t, s, func(f *fixture) { test(f, mode) })
		})
	}
}

// Each kind of Match ends the sockets of its tokens and no others, and the tokens stay bad until
// the entry ends. A token that is issued later gets in.
func TestRevoke(t *testing.T) {
	inModes(t, setup{}, func(f *fixture, mode string) {
		for i, m := range []auth.Match{
			auth.BySubject("https://issuer", "ada"), auth.ByTokenID("https://issuer", "7"), auth.BySession("https://issuer", "session of ada"),
			auth.ByIssuer("https://issuer"), auth.ByClaim("tenant", "acme"), auth.ByClaim("level", 5), auth.ByHash([32]byte{}),
		} {
			compact := sign(issued("7").with("tenant", []string{"other", "acme"}).with("level", 5.0).with("n", i))
			ada := f.enter(mode, compact)
			eve := f.enter(mode, sign(claims{"iss": "https://elsewhere", "sub": "eve", "jti": "8", "sid": "session of eve", "tenant": "other", "level": "5"}))
			if m == (auth.Match{}) {
				for l := range f.gate.LeasesOf(auth.BySubject("https://issuer", "ada")) {
					m = auth.ByHash(l.TokenHash)
				}
			}
			f.revoke(m, auth.RevokeOptions{Until: time.Now().Add(time.Minute)}, 1)
			f.revoked(ada)
			if got := f.whoami(eve); got != "eve" {
				f.t.Errorf("%s: the other one is %s", m, got)
			}
			f.refusedAs(mode, compact, "token_revoked")
			f.refusedAs(mode, sign(issued("7").with("tenant", "acme").with("level", 5).with("n", i)), map[bool]string{true: "", false: "token_revoked"}[strings.HasPrefix(m.String(), "hash")])
			time.Sleep(time.Second)
			later := issued("9").with("tenant", "acme").with("level", 5).with("sid", "another").with("n", i)
			f.refusedAs(mode, sign(later), "")
			time.Sleep(time.Minute)
			f.refusedAs(mode, compact, "")
			_ = eve.Close()
		}
		if got := f.gate.Stats().Revoked; got != 7 {
			f.t.Errorf("Stats().Revoked is %d, want 7", got)
		}
	})
}

// refusedAs shows a token and checks the reason of the refusal. An empty reason means that the
// token is accepted.
func (f *fixture) refusedAs(mode, compact, reason string) {
	f.t.Helper()
	opts := sockettest.Options{}
	if mode == "handshake" {
		opts.Auth = bearing(compact)
	}
	switch {
	case reason == "":
		_ = f.enter(mode, compact).Close()
	case mode == "handshake":
		if told := f.refused(opts); told.Reason != reason {
			f.t.Errorf("refused: %+v, want %s", told, reason)
		}
	default:
		p := f.dial(opts)
		f.emit(p, "authenticate", bearing(compact))
		if told, _ := f.unauthorized(p); told.Reason != reason {
			f.t.Errorf("refused: %+v, want %s", told, reason)
		}
		_ = p.Close()
	}
	synctest.Wait()
}

// When Revoke returns, the socket is in no room, no broadcast reaches it, and none of its
// events, also of those that have arrived, reaches a handler.
func TestRevokedSocketsAreGone(t *testing.T) {
	var release chan struct{}
	furnish := func(f *fixture) {
		release = make(chan struct{})
		f.srv.Handle("slow", func(ctx context.Context, _ *socketio.Socket, _ *socketio.Event) error {
			<-release
			f.ran.add(fmt.Sprintf("slow ended: %v", ctx.Err()))
			return nil
		})
	}
	inModes(t, setup{furnish: furnish}, func(f *fixture, mode string) {
		p := f.enter(mode, sign(issued("7")))
		f.emit(p, "slow")
		f.emit(p, "after")
		synctest.Wait()
		f.revoke(auth.BySubject("https://issuer", "ada"), auth.RevokeOptions{}, 1)
		if n := len(f.srv.To("lobby").Sockets()); n != 0 {
			f.t.Errorf("%d sockets are in the room", n)
		}
		_ = f.srv.Emit("news")
		close(release)
		f.revoked(p)
		f.nothing(p)
		f.happened(append(map[string][]string{"guest": {"connected guest"}}[mode], append(map[string][]string{"handshake": {"connected ada"}, "event": {"connected ada"}}[mode],
			"slow ended: context canceled", "disconnected: server namespace disconnect")...)...)
		f.forgotten()
	})
}

// Only the socket ends. Another namespace of the connection stays, unless the same gate guards
// it.
func TestRevokeEndsOnlyTheSocket(t *testing.T) {
	furnish := func(f *fixture) {
		f.furnish(f.srv.Of("/same"), f.gate.Handshake)
		f.furnish(f.srv.Of("/other"), newGate(t, verifier(t), auth.Options{}).Handshake)
	}
	bubble(t, setup{furnish: furnish}, func(f *fixture) {
		compact := sign(issued("7"))
		p := f.dial(sockettest.Options{Auth: bearing(compact)})
		same, err := p.Join(f.ctx, "/same", bearing(compact))
		other, err2 := p.Join(f.ctx, "/other", bearing(compact))
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		f.revoke(auth.BySubject("https://issuer", "ada"), auth.RevokeOptions{}, 2)
		f.revoked(p)
		f.revoked(same)
		if got := f.whoami(other); got != "ada" {
			t.Errorf("the other namespace: %s", got)
		}
	})
}

// A token that is being examined is refused, and its socket ends at once unless it is admitted
// already: a guest stays a guest, and a lease stays.
func TestRevokeDuringExamination(t *testing.T) {
	slow := auth.Check(func(_ context.Context, tok *token.Token, _ *socketio.Handshake) error {
		if tok.ID == "7" {
			time.Sleep(time.Second)
		}
		return nil
	})
	inModes(t, setup{gate: auth.Options{Authorize: slow}}, func(f *fixture, mode string) {
		go func() {
			time.Sleep(500 * time.Millisecond)
			f.revoke(auth.ByTokenID("https://issuer", "7"), auth.RevokeOptions{}, map[bool]int{true: 0, false: 1}[mode == "guest"])
		}()
		start := time.Now()
		f.refusedAs(mode, sign(issued("7")), "token_revoked")
		if took, want := time.Since(start), map[bool]time.Duration{true: time.Second, false: 500 * time.Millisecond}[mode == "guest"]; took != want {
			f.t.Errorf("refused after %s, want %s", took, want)
		}
		time.Sleep(5 * time.Second)
		if ran := f.ran.all(); slices.Contains(ran, "connected ada") {
			f.t.Errorf("it was admitted: %q", ran)
		}
		f.forgotten()
	})
}

// A guest whose login is refused because the token was revoked meanwhile may log in with another
// token, if it has attempts left. Its socket is in its rooms all the time.
func TestRevokedLoginLeavesAGuest(t *testing.T) {
	slow := auth.Check(func(_ context.Context, tok *token.Token, _ *socketio.Handshake) error {
		time.Sleep(time.Second)
		return nil
	})
	bubble(t, setup{event: true, gate: auth.Options{Authorize: slow, Guests: &auth.GuestOptions{Attempts: 2}}}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		f.emit(p, "authenticate", bearing(sign(issued("7"))))
		synctest.Wait()
		f.revoke(auth.ByTokenID("https://issuer", "7"), auth.RevokeOptions{}, 0)
		if told, _ := f.unauthorized(p); told.Reason != "token_revoked" {
			t.Errorf("told %+v", told)
		}
		if got := f.whoami(p); got != "guest" || len(f.srv.To("lobby").Sockets()) != 1 {
			t.Errorf("it is %s", got)
		}
		f.login(p, sign(issued("8")))
		if got := f.whoami(p); got != "ada" {
			t.Errorf("it is %s", got)
		}
	})
}
