package jwks_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/jwks"
)

// While there are no keys and a fetch runs, tokens wait for it, and do not get the error of
// the previous fetch.
func TestFetchAfterAFailure(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, _ := i.verifier(jwks.Options{})
		i.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		want(t, "down", verify(v, i.sign("1")), token.ErrKeysUnavailable)
		time.Sleep(2 * time.Second)
		i.answers(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Second)
			i.mu.Lock()
			defer i.mu.Unlock()
			_, _ = w.Write([]byte(i.set()))
		})
		first := make(chan error, 1)
		go func() { first <- verify(v, i.sign("1")) }()
		time.Sleep(500 * time.Millisecond)
		want(t, "the second", verify(v, i.sign("1")), nil)
		want(t, "the first", <-first, nil)
	})
}

// A token whose key is in the response of a running fetch does not wait for the next fetch.
func TestKeyOfTheFetchUnderWay(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, _ := i.verifier(jwks.Options{})
		want(t, "before", verify(v, i.sign("1")), nil)
		time.Sleep(time.Minute)
		i.answers(func(w http.ResponseWriter, _ *http.Request) {
			i.mu.Lock()
			set := i.set()
			i.mu.Unlock()
			time.Sleep(3 * time.Second)
			_, _ = w.Write([]byte(set))
		})
		i.publish("1", "2")
		first := make(chan error, 1)
		go func() { first <- verify(v, i.sign("2")) }()
		time.Sleep(time.Second)
		want(t, "the second", verify(v, i.sign("2")), nil)
		want(t, "the first", <-first, nil)
		i.wantAsked(2, "for both")
	})
}

// A token that waited for a slow fetch that failed does not wait for another.
func TestSlowFailure(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, _ := i.verifier(jwks.Options{Timeout: 2 * time.Second})
		i.answers(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		first := make(chan error, 1)
		go func() { first <- verify(v, i.sign("1")) }()
		time.Sleep(500 * time.Millisecond)
		begun := time.Now()
		err := verify(v, i.sign("1"))
		if took := time.Since(begun); took > 1600*time.Millisecond {
			t.Errorf("it took %s", took)
		}
		want(t, "the second", err, token.ErrKeysUnavailable)
		want(t, "the first", <-first, token.ErrKeysUnavailable)
		if !strings.Contains(err.Error(), "deadline") {
			t.Errorf("no cause: %v", err)
		}
	})
}

// Refresh returns the result of a fetch that began after the call, not of one that was
// failing.
func TestRefreshDuringAFailure(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, set := i.verifier(jwks.Options{})
		i.answers(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Second)
			w.WriteHeader(http.StatusBadGateway)
		})
		first := make(chan error, 1)
		go func() { first <- verify(v, i.sign("1")) }()
		time.Sleep(500 * time.Millisecond)
		i.answers(nil)
		want(t, "Refresh", set.Refresh(i.t.Context()), nil)
		want(t, "the token before", <-first, token.ErrKeysUnavailable)
	})
}

// Refresh does not return the result of a running fetch either, because its keys may be
// older than the call.
func TestRefreshDuringAFetch(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, set := i.verifier(jwks.Options{})
		i.answers(func(w http.ResponseWriter, _ *http.Request) {
			i.mu.Lock()
			keys := i.set()
			i.mu.Unlock()
			time.Sleep(time.Second)
			_, _ = w.Write([]byte(keys))
		})
		first := make(chan error, 1)
		go func() { first <- verify(v, i.sign("1")) }()
		time.Sleep(500 * time.Millisecond)
		i.publish("2")
		begun := time.Now()
		want(t, "Refresh", set.Refresh(i.t.Context()), nil)
		if took := time.Since(begun); took != 1500*time.Millisecond {
			t.Errorf("it took %s", took)
		}
		want(t, "the token before", <-first, nil)
		want(t, "a new key", verify(v, i.sign("2")), nil)
		i.wantAsked(2, "in all")
	})
}

// Without tokens an issuer gets no requests: before there are keys, and after the keys have
// expired. An issuer that was available again gets a request soon after its next failure.
func TestRetries(t *testing.T) {
	down := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
	bubble(t, func(i *issuer) {
		v, _ := i.verifier(jwks.Options{Stale: time.Hour})
		i.answers(down)
		want(t, "down", verify(v, i.sign("1")), token.ErrKeysUnavailable)
		time.Sleep(time.Hour)
		i.wantAsked(1, "without keys and tokens")
		i.answers(nil)
		want(t, "up", verify(v, i.sign("1")), nil)
		i.answers(down)
		time.Sleep(3 * time.Hour)
		n := len(i.asked())
		if n < 50 {
			t.Errorf("asked %d times before the keys were given up", n)
		}
		time.Sleep(10 * time.Hour)
		i.wantAsked(n, "after the keys were given up")
	})
	bubble(t, func(i *issuer) {
		v, set := i.verifier(jwks.Options{})
		want(t, "before", verify(v, i.sign("1")), nil)
		i.answers(down)
		time.Sleep(3 * time.Hour)
		i.answers(nil)
		time.Sleep(2 * time.Minute)
		i.answers(down)
		n := len(i.asked())
		want(t, "Refresh", set.Refresh(i.t.Context()), token.ErrKeysUnavailable)
		time.Sleep(4 * time.Second)
		i.wantAsked(n+3, "after 0, 1 and 3 seconds of the next outage")
	})
}
