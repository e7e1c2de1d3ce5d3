package jwks_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/jwks"
)

// Nothing is fetched until a token arrives, and then once for all waiting tokens.
func TestFirstFetch(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, _ := i.verifier(jwks.Options{})
		time.Sleep(time.Hour)
		i.wantAsked(0, "before any token")
		compact := i.sign("1")
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if err := verify(v, compact); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		i.wantAsked(1, "after a hundred tokens")
		want(t, "another algorithm", verify(v, hs256(t)), token.ErrAlgorithm)
		i.wantAsked(1, "after an algorithm that no public key is for")
	})
}

// Keys are fetched again before they get old, at the issuer's interval within bounds. A set
// that has not changed is not sent again.
func TestRefresh(t *testing.T) {
	for cacheControl, c := range map[string]struct{ least, most time.Duration }{
		"":                            {54 * time.Minute, time.Hour},
		"public, max-age=600":         {9 * time.Minute, 10 * time.Minute},
		"max-age=600, no-cache":       {54 * time.Second, time.Minute},
		"max-age=1":                   {54 * time.Second, time.Minute},
		"max-age=99999999":            {21*time.Hour + 36*time.Minute, 24 * time.Hour},
		"max-age=nonsense":            {54 * time.Minute, time.Hour},
		"max-age=-5, must-revalidate": {54 * time.Minute, time.Hour},
	} {
		t.Run(cacheControl, func(t *testing.T) {
			bubble(t, func(i *issuer) {
				i.header = map[string]string{"Cache-Control": cacheControl, "ETag": `"one"`}
				v, set := i.verifier(jwks.Options{})
				want(t, "the first", verify(v, i.sign("1")), nil)
				time.Sleep(c.least - time.Second)
				i.wantAsked(1, "before its time")
				time.Sleep(c.most - c.least + time.Second)
				i.wantAsked(2, "in its time")
				time.Sleep(c.most)
				if n := len(i.asked()); n < 3 {
					t.Errorf("%d requests, want more after a set that had not changed", n)
				}
				want(t, "after that", verify(v, i.sign("1")), nil)
				_ = set.Close()
				n := len(i.asked())
				time.Sleep(48 * time.Hour)
				i.wantAsked(n, "after Close")
			})
		})
	}
}

// While the issuer is down its keys are used, up to a bound. It is asked again at growing
// intervals. When it is available again, its keys are confirmed.
func TestOutage(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, _ := i.verifier(jwks.Options{Stale: 2 * time.Hour})
		compact := i.sign("1")
		want(t, "before", verify(v, compact), nil)
		i.answers(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusBadGateway) })
		time.Sleep(3*time.Hour - time.Minute)
		want(t, "in the outage", verify(v, compact), nil)
		want(t, "an unknown key", verify(v, junk(t, "x")), token.ErrKeysUnavailable)
		if n := len(i.asked()); n < 60 || n > 200 {
			t.Errorf("%d requests in two hours", n)
		}
		time.Sleep(2 * time.Minute)
		want(t, "after the bound", verify(v, compact), token.ErrKeysUnavailable)
		i.answers(nil)
		time.Sleep(2 * time.Minute)
		want(t, "when it is back", verify(v, compact), nil)
	})
}

// Before there are keys, tokens are refused temporarily, and an issuer that is down does
// not get a request for each of them.
func TestNoKeysYet(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, set := i.verifier(jwks.Options{})
		i.answers(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusInternalServerError) })
		compact := i.sign("1")
		for range 600 {
			want(t, "down", verify(v, compact), token.ErrKeysUnavailable)
			time.Sleep(100 * time.Millisecond)
		}
		if n := len(i.asked()); n < 4 || n > 8 {
			t.Errorf("%d requests in a minute: %q", n, i.asked())
		}
		want(t, "Refresh", set.Refresh(i.t.Context()), token.ErrKeysUnavailable)
		i.answers(nil)
		want(t, "Refresh when it is back", set.Refresh(i.t.Context()), nil)
		want(t, "back", verify(v, compact), nil)
	})
}

// A key ID that is known to be missing costs nothing for a while, because tokens of a
// retired key arrive repeatedly.
func TestMissesAreRemembered(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, _ := i.verifier(jwks.Options{})
		want(t, "known", verify(v, i.sign("1")), nil)
		retired := junk(t, "retired")
		for range 100 {
			want(t, "retired", verify(v, retired), token.ErrKeyNotFound)
			time.Sleep(50 * time.Millisecond)
		}
		i.wantAsked(2, "for five seconds of the same miss")
		nameless := nameless(t)
		for range 100 {
			want(t, "of no key", verify(v, nameless), token.ErrKeyNotFound)
			time.Sleep(50 * time.Millisecond)
		}
		i.wantAsked(3, "for tokens that name no key")
		// But only for a short time, because a new key may have that ID.
		i.publish("1", "retired")
		time.Sleep(10 * time.Second)
		want(t, "published at last", verify(v, i.sign("retired")), nil)
	})
}

// Close ends a running fetch, also for waiting callers.
func TestClose(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, set := i.verifier(jwks.Options{})
		compact := i.sign("1")
		want(t, "before", verify(v, compact), nil)
		i.answers(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		time.Sleep(time.Minute)
		var waiting sync.WaitGroup
		for n := range 3 { // the first two wait for a fetch that hangs, the last for the one after it
			waiting.Go(func() { want(t, "waiting", verify(v, junk(t, fmt.Sprint("x", n))), token.ErrKeysUnavailable) })
			time.Sleep(time.Duration(n) * 700 * time.Millisecond)
		}
		begun := time.Now()
		_ = set.Close()
		_ = set.Close()
		waiting.Wait()
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it took %s", took)
		}
		want(t, "a key that is there", verify(v, compact), nil)
		want(t, "a key that is not", verify(v, junk(t, "x")), token.ErrKeysUnavailable)
		want(t, "Refresh", set.Refresh(i.t.Context()), token.ErrKeysUnavailable)
		time.Sleep(26 * time.Hour)
		want(t, "keys that got old", verify(v, compact), token.ErrKeysUnavailable)
	})
	bubble(t, func(i *issuer) {
		_, set := i.verifier(jwks.Options{})
		_ = set.Close() // before anything was fetched
	})
}

// A Set without keys is unavailable after its fetch has failed. Asking for keys fetches
// them again soon, however long the outage was.
func TestAvailable(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, set := i.verifier(jwks.Options{Stale: time.Hour})
		available := func(when string, is bool) {
			t.Helper()
			if set.Available() != is || v.Available() != is {
				t.Errorf("%s: available %v, %v by the verifier", when, set.Available(), v.Available())
			}
		}
		available("before anybody has asked", true)
		i.answers(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusInternalServerError) })
		compact := i.sign("1")
		want(t, "down", verify(v, compact), token.ErrKeysUnavailable)
		for range 600 {
			available("in the outage", false)
			time.Sleep(100 * time.Millisecond)
		}
		if n := len(i.asked()); n < 15 || n > 25 {
			t.Errorf("%d requests in a minute", n)
		}
		i.answers(nil)
		set.Available()
		time.Sleep(3 * time.Second)
		available("afterwards", true)

		i.answers(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusInternalServerError) })
		time.Sleep(90 * time.Minute)
		want(t, "while the old keys are used", verify(v, compact), nil)
		want(t, "an unknown key meanwhile", verify(v, junk(t, "x")), token.ErrKeysUnavailable)
		available("while the old keys are used", true)
		time.Sleep(time.Hour)
		available("when they are too old", false)
		_ = set.Close()
		available("closed", false)
	})
}
