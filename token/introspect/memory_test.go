package introspect_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/introspect"
)

// A revocation at the issuer is noticed when the remembered verdict is too old, and a token
// that becomes active likewise, but earlier.
func TestMemoryIsBoundedInTime(t *testing.T) {
	with(t, introspect.Options{}, func(s *server, v *introspect.Verifier) {
		want(t, "good", verify(v, "good"), nil)
		want(t, "late", verify(v, "late"), token.ErrRevoked)
		s.revoke("good")
		s.activate("late", nil)
		time.Sleep(4 * time.Second)
		want(t, "good, remembered", verify(v, "good"), nil)
		want(t, "late, remembered", verify(v, "late"), token.ErrRevoked)
		s.wantAsked(2, "two tokens")
		time.Sleep(time.Second)
		want(t, "late", verify(v, "late"), nil)
		time.Sleep(25 * time.Second)
		want(t, "good", verify(v, "good"), token.ErrRevoked)
		s.wantAsked(2, "again")
		if got := v.Stats(); got.AcceptedHits != 1 || got.RefusedHits != 1 || got.Requests != 4 {
			t.Errorf("%+v", got)
		}
	})
}

// A token that ends before MaxAge is not accepted after its end.
func TestMemoryEndsWithTheToken(t *testing.T) {
	with(t, introspect.Options{MaxAge: time.Hour}, func(s *server, v *introspect.Verifier) {
		s.activate("short", members{"exp": time.Now().Add(10 * time.Second).Unix()})
		want(t, "short", verify(v, "short"), nil)
		time.Sleep(10 * time.Second)
		want(t, "ended", verify(v, "short"), token.ErrExpired)
		s.wantAsked(2, "the endpoint was wrong about it")
	})
}

// A clock that is set back does not prolong a verdict.
func TestClockSetBack(t *testing.T) {
	r := rules
	var mu sync.Mutex
	var step time.Duration
	r.Now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Add(step)
	}
	with(t, introspect.Options{Rules: r}, func(s *server, v *introspect.Verifier) {
		want(t, "good", verify(v, "good"), nil)
		mu.Lock()
		step = -time.Hour
		mu.Unlock()
		want(t, "good", verify(v, "good"), nil)
		s.wantAsked(2, "asked again")
		s.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
		for n := range 3 {
			want(t, "failing", verify(v, fmt.Sprint("x", n)), token.ErrKeysUnavailable)
		}
		mu.Lock()
		step = -2 * time.Hour
		mu.Unlock()
		s.answers(nil)
		s.wantAsked(3, "failing")
		want(t, "the pause does not last an hour", verify(v, "y"), token.ErrRevoked)
	})
}

// Without memory each call asks.
func TestNoMemory(t *testing.T) {
	with(t, introspect.Options{MaxAge: -1, RefusedMaxAge: -1}, func(s *server, v *introspect.Verifier) {
		for range 2 {
			want(t, "good", verify(v, "good"), nil)
			want(t, "bad", verify(v, "bad"), token.ErrRevoked)
		}
		s.wantAsked(4, "four calls")
		if got := v.Stats(); got.Accepted+got.Refused != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// Junk does not displace accepted tokens, and both memories are bounded. The least recently
// used token is forgotten first.
func TestMemoryIsBoundedInNumber(t *testing.T) {
	with(t, introspect.Options{MaxAccepted: 2, MaxRefused: 3}, func(s *server, v *introspect.Verifier) {
		for _, good := range []string{"a", "b", "c"} {
			s.activate(good, nil)
		}
		want(t, "a", verify(v, "a"), nil)
		want(t, "b", verify(v, "b"), nil)
		for n := range 10 {
			want(t, "junk", verify(v, fmt.Sprint("junk", n)), token.ErrRevoked)
		}
		want(t, "a", verify(v, "a"), nil)
		s.wantAsked(12, "a is remembered")
		if got := v.Stats(); got.Accepted != 2 || got.Refused != 3 {
			t.Errorf("%+v", got)
		}
		want(t, "c", verify(v, "c"), nil) // displaces b
		want(t, "a", verify(v, "a"), nil)
		s.wantAsked(1, "a was used after b")
		want(t, "b", verify(v, "b"), nil)
		s.wantAsked(1, "b was forgotten")
	})
}
