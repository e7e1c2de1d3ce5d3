package auth_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio/sockettest"
)

// A list that changes without the gate is asked again for live leases, at most DenylistRecheck
// later.
func TestDenylistRecheck(t *testing.T) {
	list := auth.NewDenylist(auth.DenylistOptions{})
	inModes(t, setup{gate: auth.Options{Denylist: list, DenylistRecheck: time.Minute}}, func(f *fixture, mode string) {
		time.Sleep(time.Hour)
		p, other := f.enter(mode, sign(issued(mode))), f.enter(mode, sign(issued("8")))
		time.Sleep(10*time.Minute + 30*time.Second)
		if err := list.Add(f.ctx, auth.Revocation{Match: auth.ByTokenID("https://issuer", mode), Until: time.Now().Add(2 * time.Minute)}); err != nil {
			f.t.Error(err)
		}
		f.nothing(p)
		began := time.Now()
		if told, _ := f.unauthorized(p); told.Reason != "token_revoked" || time.Since(began) != 30*time.Second {
			f.t.Errorf("told %+v after %s", told, time.Since(began))
		}
		time.Sleep(10 * time.Minute)
		if got := f.whoami(other); got != "ada" {
			f.t.Errorf("the other one is %s", got)
		}
	})
}

// If the list fails for twice DenylistRecheck, leases end temporarily with FailClosed, and stay
// with FailOpen. A short failure does nothing.
func TestDenylistRecheckFails(t *testing.T) {
	for _, policy := range []auth.DenylistFailure{auth.FailClosed, auth.FailOpen} {
		list := &failing{Denylist: auth.NewDenylist(auth.DenylistOptions{})}
		bubble(t, setup{gate: auth.Options{Denylist: list, DenylistRecheck: time.Minute, DenylistFailure: policy}}, func(f *fixture) {
			p := f.dial(sockettest.Options{Auth: bearing(sign(claims{"exp": time.Now().Add(100 * time.Hour).Unix()}))})
			time.Sleep(5*time.Minute + time.Second)
			fail := func(d time.Duration) {
				list.mu.Lock()
				list.err = errors.New("away")
				list.mu.Unlock()
				time.Sleep(d)
				list.mu.Lock()
				list.err = nil
				list.mu.Unlock()
			}
			fail(70 * time.Second)
			time.Sleep(5*time.Minute - 10*time.Second)
			f.whoami(p)
			began := time.Now()
			go fail(time.Hour)
			if policy == auth.FailOpen {
				time.Sleep(2 * time.Hour)
				f.whoami(p)
				if log := f.log.String(); !strings.Contains(log, "the denylist failed, and a token was accepted without it") {
					t.Errorf("the log is silent:\n%s", log)
				}
				return
			}
			if told, _ := f.unauthorized(p); told.Reason != "auth_unavailable" {
				t.Errorf("told %+v", told)
			}
			if err := p.Ended(f.ctx); !errors.Is(err, sockettest.ErrClosed) {
				t.Errorf("ended with %v", err)
			}
			if took := time.Since(began); took > 2*time.Minute {
				t.Errorf("it ended after %s", took)
			}
			time.Sleep(2 * time.Hour)
			f.forgotten()
		})
	}
}
