package auth_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// figures keeps the last figures of a gate, for comparison.
type figures struct {
	f   *fixture
	was auth.Stats
}

// moved checks that exactly the figures of want have changed since the last call.
func (fs *figures) moved(what string, want func(*auth.Stats)) {
	fs.f.t.Helper()
	synctest.Wait()
	got := fs.f.gate.Stats()
	if fs.was.Refusals == nil {
		fs.was.Refusals = map[auth.Reason]uint64{}
	}
	fs.was.LeaseEnds = got.LeaseEnds // see TestStatsOfLeaseEnds
	want(&fs.was)
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", fs.was) {
		fs.f.t.Errorf("%s:\ngot  %+v\nwant %+v", what, got, fs.was)
	}
	fs.was = got
}

// In handshake mode each event changes the figures that count it, and no other ones.
func TestStatsInHandshakeMode(t *testing.T) {
	bubble(t, setup{gate: auth.Options{
		Authorize: auth.Check(func(_ context.Context, t *token.Token, _ *socketio.Handshake) error {
			switch t.Subject {
			case "mallory":
				return errors.New("of the test")
			case "panic":
				panic("of the test")
			}
			return nil
		}),
	}}, func(f *fixture) {
		fs := &figures{f: f}
		fs.moved("nothing", func(*auth.Stats) {})
		p := f.dial(sockettest.Options{Auth: bearing(expiring(time.Minute))})
		fs.moved("an admission", func(s *auth.Stats) { s.Leased, s.Admissions, s.Verified = 1, 1, 1 })
		f.login(p, sign(nil))
		fs.moved("another token", func(s *auth.Stats) { s.Verified = 2 })
		time.Sleep(2 * time.Minute)
		fs.moved("the end of the lease", func(s *auth.Stats) { s.Leased, s.Expired = 0, 1 })
		p = f.dial(sockettest.Options{Auth: bearing(sign(nil))})
		fs.moved("another admission", func(s *auth.Stats) { s.Leased, s.Admissions, s.Verified = 1, 2, 3 })
		_ = p.Close()
		fs.moved("its end", func(s *auth.Stats) { s.Leased = 0 })
		f.refused(sockettest.Options{})
		fs.moved("no token", func(s *auth.Stats) { s.Refusals[auth.ReasonTokenMissing] = 1 })
		f.refused(sockettest.Options{Auth: bearing(sign(claims{"sub": "mallory"}))})
		fs.moved("a user that is not authorized", func(s *auth.Stats) { s.Verified, s.Refusals[auth.ReasonNotAuthorized] = 4, 1 })
		f.refused(sockettest.Options{Auth: bearing(sign(claims{"sub": "panic"}))})
		fs.moved("a panic", func(s *auth.Stats) { s.Verified, s.Panics, s.Refusals[auth.ReasonInternal] = 5, 1, 1 })

		route := f.gate.HTTP(http.NotFoundHandler())
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		route.ServeHTTP(httptest.NewRecorder(), r)
		fs.moved("a request without a token", func(s *auth.Stats) { s.Refusals[auth.ReasonTokenMissing] = 2 })
		r.Header.Set("Authorization", "Bearer "+sign(nil))
		route.ServeHTTP(httptest.NewRecorder(), r)
		fs.moved("a request with a token", func(s *auth.Stats) { s.Verified = 6 })
	})
}

// In event mode each event changes the figures that count it, and no other ones.
func TestStatsInEventMode(t *testing.T) {
	bubble(t, setup{event: true, mode: auth.EventOptions{Attempts: 2}}, func(f *fixture) {
		fs := &figures{f: f}
		p := f.dial(sockettest.Options{})
		fs.moved("a held socket", func(s *auth.Stats) { s.Held = 1 })
		f.emit(p, "authenticate", bearing("no.to.ken"))
		fs.moved("an attempt that fails", func(s *auth.Stats) { s.Refusals[auth.ReasonTokenMalformed] = 1 })
		f.login(p, sign(nil))
		fs.moved("an admission", func(s *auth.Stats) { s.Held, s.Leased, s.Admissions, s.Verified = 0, 1, 1, 1 })
		_ = p.Close()
		fs.moved("its end", func(s *auth.Stats) { s.Leased = 0 })
		f.dial(sockettest.Options{})
		fs.moved("another held socket", func(s *auth.Stats) { s.Held = 1 })
		time.Sleep(time.Minute)
		fs.moved("its deadline", func(s *auth.Stats) { s.Held, s.Refusals[auth.ReasonAuthTimeout] = 0, 1 })
	})
}

// A guest that logs in is not counted as a guest any more.
func TestStatsOfGuests(t *testing.T) {
	bubble(t, setup{gate: auth.Options{Guests: &auth.GuestOptions{}}}, func(f *fixture) {
		fs := &figures{f: f}
		p := f.dial(sockettest.Options{})
		fs.moved("a guest", func(s *auth.Stats) { s.Guests, s.GuestAdmissions = 1, 1 })
		f.login(p, sign(nil))
		fs.moved("its login", func(s *auth.Stats) { s.Guests, s.Leased, s.Admissions, s.Verified = 0, 1, 1, 1 })
		q := f.dial(sockettest.Options{})
		fs.moved("another guest", func(s *auth.Stats) { s.Guests, s.GuestAdmissions = 1, 2 })
		_, _ = p.Close(), q.Close()
		fs.moved("their ends", func(s *auth.Stats) { s.Guests, s.Leased = 0, 0 })
	})
}

// Stats shows an outage from the first refusal until tokens are verified again.
func TestStatsOfAnOutage(t *testing.T) {
	away := true
	keys := token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) {
		if away {
			return token.Key{}, errors.New("of the test")
		}
		return token.Secret(secret), nil
	})
	bubble(t, setup{verifier: verifierOf(t, keys, token.Options{Leeway: -1})}, func(f *fixture) {
		fs := &figures{f: f}
		began := time.Now()
		_, _ = f.try(sockettest.Options{Auth: bearing(sign(nil))})
		fs.moved("a refusal", func(s *auth.Stats) {
			s.Outage, s.Refusals[auth.ReasonKeysUnavailable] = fs.f.gate.Stats().Outage, 1
		})
		if got := fs.was.Outage; got.Before(began) || got.After(time.Now()) {
			t.Errorf("an outage since %v, want %v", got, began)
		}
		away = false
		f.dial(sockettest.Options{Auth: bearing(sign(nil))})
		fs.moved("a verification", func(s *auth.Stats) { s.Leased, s.Admissions, s.Verified = 1, 1, 1 })
		time.Sleep(time.Minute)
		fs.moved("a minute without refusals", func(s *auth.Stats) { s.Outage = time.Time{} })
	})
}

// Each end of a lease is counted once, by its cause. A refresh ends none, and neither does the
// end of a socket without one.
func TestStatsOfLeaseEnds(t *testing.T) {
	for _, guests := range []bool{false, true} {
		opts := auth.Options{}
		if guests {
			opts.Guests, opts.AtExpiry = &auth.GuestOptions{}, auth.BecomeGuest
		}
		bubble(t, setup{gate: opts}, func(f *fixture) {
			enter := func(compact string) *sockettest.Peer { return f.dial(sockettest.Options{Auth: bearing(compact)}) }
			enter(expiring(time.Minute))
			f.authenticate(enter(sign(claims{"sub": "bob"})), sign(claims{"sub": "bob", "x": 1}))
			_ = enter(sign(nil)).Close()
			left := enter(sign(nil))
			_ = left.Leave()
			synctest.Wait()
			time.Sleep(2 * time.Minute)
			f.revoke(auth.BySubject("", "bob"), auth.RevokeOptions{}, 1)
			enter(sign(claims{"sub": "eve"}))
			for info := range f.gate.Leases() {
				f.gate.Disconnect(info.ID, nil)
			}
			synctest.Wait()
			want := map[string]uint64{"token_expired": 1, "transport close": 1, "client namespace disconnect": 1, "token_revoked": 1, "server namespace disconnect": 1}
			if got := f.gate.Stats().LeaseEnds; !maps.Equal(got, want) {
				t.Errorf("guests %v: got %v, want %v", guests, got, want)
			}
		})
	}
}
