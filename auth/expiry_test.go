package auth_test

import (
	"context"
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

// asking returns the auth payload with a token of a peer that asks for its lease.
func asking(compact string) map[string]any { return map[string]any{"token": compact, "lease": true} }

// warning waits for "token_expiring" and returns the seconds that it tells.
func (f *fixture) warning(p *sockettest.Peer) int64 {
	f.t.Helper()
	var told struct{ ExpiresIn int64 }
	f.expect(p, "token_expiring", &told)
	return told.ExpiresIn
}

// The warning comes between WarnBefore and half of it before the end, at different times for
// different sockets, and only to peers that asked.
func TestWarning(t *testing.T) {
	bubble(t, setup{gate: auth.Options{WarnBefore: 10 * time.Minute}}, func(f *fixture) {
		silent := f.dial(sockettest.Options{Auth: bearing(sign(nil))})
		var peers []*sockettest.Peer
		for range 20 {
			p := f.dial(sockettest.Options{Auth: asking(sign(nil))})
			f.expect(p, "authenticated")
			peers = append(peers, p)
		}
		acknowledging := f.dial(sockettest.Options{Auth: bearing(sign(nil))})
		f.authenticate(acknowledging, sign(nil))
		told := map[int64]bool{}
		for _, p := range append(peers, acknowledging) {
			left := f.warning(p)
			told[left] = true
			if left < 300 || left > 600 {
				t.Errorf("warned %d s before the end", left)
			}
		}
		if len(told) < 10 {
			t.Errorf("20 peers were warned at %d different times", len(told))
		}
		f.unauthorized(silent)
		f.nothing(silent)
	})
}

// A refresh moves the warning. A lease that is shorter than WarnBefore is not warned about in
// its first half.
func TestWarningAfterRefresh(t *testing.T) {
	bubble(t, setup{gate: auth.Options{WarnBefore: 10 * time.Minute}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: asking(expiring(time.Minute))})
		f.expect(p, "authenticated")
		if left := f.warning(p); left < 15 || left > 30 {
			t.Errorf("warned %d s before the end of a lease of a minute", left)
		}
		f.authenticate(p, sign(nil))
		time.Sleep(20 * time.Minute)
		f.nothing(p)
		if left := f.warning(p); left < 300 || left > 600 {
			t.Errorf("warned %d s before the end", left)
		}
	})
}

// A peer that asks for its lease only when it has one is warned, although nothing else changes the
// lease.
func TestWarningWithoutRefresh(t *testing.T) {
	other := sign(claims{"sub": "eve"})
	for name, ask := range map[string]func(f *fixture, p *sockettest.Peer){
		"a refused refresh": func(f *fixture, p *sockettest.Peer) {
			if a := f.authenticate(p, other); a.Error == nil {
				f.t.Errorf("refreshed: %+v", a)
			}
		},
		"too many refreshes": func(f *fixture, p *sockettest.Peer) {
			for range 10 {
				f.emit(p, "authenticate", bearing(other))
				f.unauthorized(p)
			}
			if a := f.authenticate(p, sign(nil)); a.Error == nil {
				f.t.Errorf("refreshed: %+v", a)
			}
		},
		"no acknowledgement": func(f *fixture, p *sockettest.Peer) {
			f.emit(p, "authenticate", asking(sign(nil)))
			f.expect(p, "authenticated")
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{gate: auth.Options{WarnBefore: 10 * time.Minute}}, func(f *fixture) {
				p := f.dial(sockettest.Options{Auth: bearing(sign(nil))})
				ask(f, p)
				for _, event := range p.Events() {
					if event == "token_expiring" {
						t.Error("warned early")
					}
				}
				if left := f.warning(p); left < 300 || left > 600 {
					t.Errorf("warned %d s before the end", left)
				}
			})
		})
	}
}

// With a grace the lease ends later than what the peer is told, the socket may refresh
// meanwhile, and an expired token is admitted nowhere.
func TestExpiryGrace(t *testing.T) {
	bubble(t, setup{gate: auth.Options{ExpiryGrace: time.Minute}}, func(f *fixture) {
		compact := expiring(time.Minute)
		p := f.dial(sockettest.Options{Auth: bearing(compact)})
		time.Sleep(90 * time.Second)
		f.whoami(p)
		if told := f.refused(sockettest.Options{Auth: bearing(compact)}); told.Reason != "token_expired" {
			t.Errorf("told %+v", told)
		}
		if a := f.authenticate(p, compact); a.reason() != "token_expired" {
			t.Errorf("refresh by the old token: %+v", a)
		}
		if a := f.authenticate(p, expiring(time.Minute)); a.left() != 60 {
			t.Errorf("answer %+v", a)
		}
		f.ended(p, sockettest.ErrClosed, 2*time.Minute)
	})
}

// Nothing moves the end that MaxLifetime sets: not a refresh, and not a login after the socket
// became a guest.
func TestMaxLifetime(t *testing.T) {
	for _, expiry := range []auth.Expiry{auth.CloseTransport, auth.LeaveNamespace, auth.BecomeGuest} {
		want := sockettest.ErrClosed
		if expiry == auth.LeaveNamespace {
			want = sockettest.ErrDisconnected
		}
		opts := auth.Options{MaxLifetime: 10 * time.Minute, ExpiryGrace: time.Hour, AtExpiry: expiry, Guests: guests(true)}
		bubble(t, setup{gate: opts}, func(f *fixture) {
			p := f.dial(sockettest.Options{Auth: asking(sign(nil))})
			if told := f.expect(p, "authenticated"); told.Len() != 1 || string(told.Args()[0].(socketio.Raw).JSON()) != `{"expiresIn":600,"refresh":false}` {
				t.Errorf("told %s", told.Args())
			}
			time.Sleep(4 * time.Minute)
			if a := f.authenticate(p, sign(nil)); a.left() != 360 || a.Refresh {
				t.Errorf("answer %+v", a)
			}
			f.ended(p, want, 6*time.Minute)
			f.forgotten()
		})
	}
	bubble(t, setup{gate: auth.Options{MaxLifetime: 10 * time.Minute, AtExpiry: auth.BecomeGuest, Guests: guests(true)}}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		time.Sleep(time.Hour) // a guest that was never logged in
		f.login(p, expiring(time.Minute))
		f.unauthorized(p)
		time.Sleep(2 * time.Minute)
		if a := f.authenticate(p, expiring(time.Minute)); a.left() != 60 || !a.Refresh {
			t.Errorf("second login: %+v", a)
		}
		f.expect(p, "authenticated")
		f.unauthorized(p)
		f.ended(p, sockettest.ErrClosed, 6*time.Minute) // as a guest
		if told, _ := f.unauthorized(p); told.Reason != "token_expired" {
			t.Errorf("told %+v", told)
		}
	})
}

// Authorize can end a lease earlier than its token, and each refresh decides anew.
func TestEndAt(t *testing.T) {
	gate := auth.Options{Authorize: auth.Check(func(ctx context.Context, tok *token.Token, _ *socketio.Handshake) error {
		var minutes int
		if tok.Claim("minutes", &minutes) == nil {
			auth.EndAt(ctx, time.Now().Add(time.Hour)) // the earlier of the two applies
			auth.EndAt(ctx, time.Now().Add(time.Duration(minutes)*time.Minute))
			auth.EndAt(ctx, time.Time{})
		}
		return nil
	})}
	for _, event := range []bool{false, true} {
		bubble(t, setup{gate: gate, event: event}, func(f *fixture) {
			compact := sign(claims{"minutes": 5})
			p := f.dial(sockettest.Options{Auth: bearing(compact)})
			if event {
				f.login(p, compact)
			}
			time.Sleep(4 * time.Minute)
			if a := f.authenticate(p, sign(claims{"minutes": 10})); a.left() != 600 {
				t.Errorf("answer %+v", a)
			}
			if a := f.authenticate(p, sign(claims{"minutes": -1})); a.reason() != "token_expired" {
				t.Errorf("answer %+v", a)
			}
			if l := auth.Current(f.srv.Sockets()[0]); !l.Until.Equal(time.Now().Add(10 * time.Minute)) {
				t.Errorf("until %v", l.Until)
			}
			f.ended(p, sockettest.ErrClosed, 10*time.Minute)
		})
	}
	bubble(t, setup{gate: gate}, func(f *fixture) {
		if told := f.refused(sockettest.Options{Auth: bearing(sign(claims{"minutes": -1}))}); told.Reason != "token_expired" {
			t.Errorf("told %+v", told)
		}
	})
	defer func() {
		if recover() == nil {
			t.Error("EndAt accepts any context")
		}
	}()
	auth.EndAt(t.Context(), time.Now())
}

func TestLifeOptions(t *testing.T) {
	for want, opts := range map[string]auth.Options{
		"WarnBefore":  {WarnBefore: -1},
		"ExpiryGrace": {ExpiryGrace: -1},
		"MaxLifetime": {MaxLifetime: -1},
		"AtExpiry is": {AtExpiry: 9},
		"BecomeGuest": {AtExpiry: auth.BecomeGuest},
	} {
		if _, err := auth.NewGate(verifier(t), opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// The wall clock that is set forward ends a lease in its warning time and in its grace, too.
func TestClockSetDuringAWarning(t *testing.T) {
	step, now, v := wallClock(t)
	gate := auth.Options{WarnBefore: 10 * time.Minute, ExpiryGrace: time.Minute}
	bubble(t, setup{verifier: v, gate: gate, server: socketio.Options{Now: now}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: asking(sign(nil))})
		f.expect(p, "authenticated")
		step.Store(int64(30 * 24 * time.Hour))
		start := time.Now()
		f.unauthorized(p)
		if err := p.Ended(f.ctx); err == nil || time.Since(start) > 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if events := p.Events(); slices.Contains(events, "token_expiring") {
			t.Errorf("warned after the end: %q", events)
		}
	})
}

// A socket ends while its first refresh is examined.
func TestEndDuringTheFirstRefresh(t *testing.T) {
	var f *fixture
	calls := 0
	authorize := auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error {
		if calls++; calls > 1 {
			_ = f.srv.DisconnectSockets(nil)
		}
		return nil
	})
	bubble(t, setup{gate: auth.Options{WarnBefore: time.Minute, Authorize: authorize}}, func(current *fixture) {
		f = current
		p := f.dial(sockettest.Options{Auth: bearing(sign(nil))})
		if _, err := p.EmitWithAck(f.ctx, "authenticate", bearing(sign(nil))); err == nil {
			t.Error("the refresh was answered")
		}
		f.ended(p, sockettest.ErrDisconnected, 0)
		synctest.Wait()
		if strings.Contains(f.log.String(), "panic") {
			t.Errorf("panic:\n%s", f.log.String())
		}
	})
}
