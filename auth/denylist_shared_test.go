package auth_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio/sockettest"
)

// shared is a SharedDenylist of one process.
type shared struct {
	*auth.MemoryDenylist
	sweep     func(context.Context, auth.Revocation) (int, error)
	panics    bool
	err       error
	available bool
}

func newShared() *shared {
	return &shared{MemoryDenylist: auth.NewDenylist(auth.DenylistOptions{}), available: true}
}

func (s *shared) Watch(sweep func(context.Context, auth.Revocation) (int, error)) { s.sweep = sweep }

func (s *shared) Available() bool { return s.available }

func (s *shared) Spread(ctx context.Context, r auth.Revocation, wait time.Duration) (receipt auth.Receipt, err error) {
	if s.panics {
		panic("broken")
	}
	if err := s.Add(ctx, r); err != nil {
		return receipt, err
	}
	receipt.Sockets, err = s.sweep(ctx, r)
	if wait > 0 {
		receipt.Confirmed, receipt.Missing = []auth.Confirmation{{Node: "b", Sockets: 7}}, []string{"c"}
	}
	return receipt, errors.Join(s.err, err)
}

// A gate revokes by a shared list, which ends the sockets, and returns its receipt and its errors.
func TestSharedDenylist(t *testing.T) {
	list := newShared()
	bubble(t, setup{gate: auth.Options{Denylist: list, LongestToken: time.Hour}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(sign(named("7")))})
		got, err := f.gate.Revoke(f.ctx, ada, auth.RevokeOptions{Wait: time.Second})
		if err != nil || got.Sockets != 1 || len(got.Confirmed) != 1 || got.Confirmed[0].Sockets != 7 || len(got.Missing) != 1 {
			t.Errorf("%+v, %v", got, err)
		}
		f.revoked(p)
		f.refusedAs("handshake", sign(named("7")), "token_revoked")
		if log := f.log.String(); !strings.Contains(log, "confirmed=1 missing=[c]") {
			t.Errorf("log:\n%s", log)
		}

		bob := f.dial(sockettest.Options{Auth: bearing(sign(claims{"iss": "https://issuer", "sub": "bob"}))})
		list.err = errors.New("Redis is away")
		if got, err := f.gate.Block(f.ctx, "https://issuer", "bob", auth.RevokeOptions{}); !errors.Is(err, list.err) || got.Sockets != 1 {
			t.Errorf("%+v, %v", got, err)
		}
		f.revoked(bob)

		eve := f.dial(sockettest.Options{Auth: bearing(sign(claims{"iss": "https://issuer", "sub": "eve"}))})
		list.panics = true
		if got, err := f.gate.Revoke(f.ctx, auth.BySubject("https://issuer", "eve"), auth.RevokeOptions{}); err == nil || got.Sockets != 1 {
			t.Errorf("with a list that panics: %+v, %v", got, err)
		}
		f.revoked(eve)
	})
}

// A gate is not available while its list is not, unless it fails open or admits guests.
func TestListIsNotAvailable(t *testing.T) {
	for name, c := range map[string]struct {
		opts auth.Options
		want bool
	}{
		"fails closed": {auth.Options{}, false},
		"fails open":   {auth.Options{DenylistFailure: auth.FailOpen}, true},
		"guests":       {auth.Options{Guests: &auth.GuestOptions{}}, true},
	} {
		list := newShared()
		c.opts.Denylist, c.opts.LongestToken = list, time.Hour
		bubble(t, setup{gate: c.opts}, func(f *fixture) {
			if !f.gate.Available() {
				t.Errorf("%s: not available before", name)
			}
			if list.available = false; f.gate.Available() != c.want {
				t.Errorf("%s: Available is %t", name, !c.want)
			}
		})
	}
}
