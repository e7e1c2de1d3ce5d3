package jwks_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/jwks"
)

// stepped tells the time of the bubble, and what somebody has set it forward or back.
type stepped struct{ step atomic.Int64 }

func (c *stepped) now() time.Time         { return time.Now().Add(time.Duration(c.step.Load())) }
func (c *stepped) set(step time.Duration) { c.step.Store(int64(step)) }

// verifierBy returns one for the keys at /keys, both by a clock that can be set.
func (i *issuer) verifierBy(clock *stepped, opts jwks.Options) *token.Verifier {
	i.t.Helper()
	opts.Client, opts.Now = i.client, clock.now
	set, err := jwks.New(home+"/keys", opts)
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { _ = set.Close() })
	byClock := rules
	byClock.Now, byClock.Leeway = clock.now, -1
	v, err := token.NewVerifier(set, byClock)
	if err != nil {
		i.t.Fatal(err)
	}
	return v
}

// A machine that wakes up after days, or whose clock is set, has to ask for the keys
// again; and the first token finds them, also when they are what they were.
func TestClockSetForward(t *testing.T) {
	for name, etag := range map[string]string{"with an ETag": `"one"`, "without": ""} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(i *issuer) {
				i.header = map[string]string{"ETag": etag}
				var clock stepped
				v := i.verifierBy(&clock, jwks.Options{})
				want(t, "before", verify(v, i.sign("1")), nil)
				time.Sleep(10 * time.Second)
				clock.set(72 * time.Hour)
				begun := time.Now()
				want(t, "afterwards", verify(v, i.sign("1")), nil)
				if took := time.Since(begun); took > time.Second {
					t.Errorf("it took %s", took)
				}
				i.wantAsked(2, "afterwards")
			})
		})
	}
	bubble(t, func(i *issuer) { // by less than what the keys are good for
		var clock stepped
		v := i.verifierBy(&clock, jwks.Options{})
		want(t, "before", verify(v, i.sign("1")), nil)
		time.Sleep(10 * time.Second)
		clock.set(2 * time.Hour)
		i.publish("1", "2")
		begun := time.Now()
		want(t, "a new key", verify(v, i.sign("2")), nil)
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// When the clock is set back nothing waits for the time that it was.
func TestClockSetBack(t *testing.T) {
	const back = -24 * time.Hour
	bubble(t, func(i *issuer) {
		var clock stepped
		v := i.verifierBy(&clock, jwks.Options{Stale: -1})
		want(t, "before", verify(v, i.sign("1")), nil)
		want(t, "missing", verify(v, junk(t, "2")), token.ErrKeyNotFound)
		time.Sleep(time.Minute)
		clock.set(back)
		i.publish("2")
		begun := time.Now()
		want(t, "a new key", verify(v, i.sign("2")), nil)
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it took %s", took)
		}
	})
	bubble(t, func(i *issuer) {
		var clock stepped
		v := i.verifierBy(&clock, jwks.Options{Stale: -1})
		compact := i.sign("1")
		want(t, "before", verify(v, compact), nil)
		clock.set(back)
		want(t, "set back", verify(v, compact), nil)
		i.publish("2")
		time.Sleep(time.Hour + time.Minute)
		want(t, "a key that was retired since", verify(v, compact), token.ErrKeyNotFound)
	})
	bubble(t, func(i *issuer) { // no token comes that would notice
		var clock stepped
		v := i.verifierBy(&clock, jwks.Options{})
		want(t, "before", verify(v, i.sign("1")), nil)
		clock.set(back)
		time.Sleep(time.Hour + 2*time.Minute)
		i.wantAsked(2, "an hour later")
	})
	bubble(t, func(i *issuer) {
		var clock stepped
		v := i.verifierBy(&clock, jwks.Options{})
		i.answers(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusBadGateway) })
		want(t, "down", verify(v, i.sign("1")), token.ErrKeysUnavailable)
		clock.set(back)
		i.answers(nil)
		want(t, "not yet", verify(v, i.sign("1")), token.ErrKeysUnavailable)
		time.Sleep(2 * time.Second)
		want(t, "back", verify(v, i.sign("1")), nil)
	})
}

// Keys that were fetched while the clock was ahead are given up in time all the same.
func TestClockWasAhead(t *testing.T) {
	bubble(t, func(i *issuer) {
		var clock stepped
		clock.set(48 * time.Hour)
		v := i.verifierBy(&clock, jwks.Options{Stale: time.Hour})
		want(t, "before", verify(v, i.sign("1")), nil)
		clock.set(0)
		i.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		want(t, "set back", verify(v, i.sign("1")), nil)
		time.Sleep(2*time.Hour + time.Minute)
		want(t, "too old", verify(v, i.sign("1")), token.ErrKeysUnavailable)
	})
}

// A clock that goes past the end of what is fresh is noticed in a minute, whenever that is,
// and without a token that would notice.
func TestClockSetForwardBetweenTokens(t *testing.T) {
	bubble(t, func(i *issuer) {
		var clock stepped
		v := i.verifierBy(&clock, jwks.Options{})
		want(t, "before", verify(v, i.sign("1")), nil)
		time.Sleep(10*time.Minute + 30*time.Second)
		clock.set(2 * time.Hour)
		time.Sleep(time.Minute)
		i.wantAsked(2, "a minute later")
	})
}

// While there are no keys, and the fetch that is to bring them runs at last, tokens wait
// for it, and are not told of the one before.
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

// Keys that were given up for their age are good again when their issuer says so.
func TestUnchangedAfterAnOutage(t *testing.T) {
	bubble(t, func(i *issuer) {
		i.header = map[string]string{"ETag": `"one"`}
		v, _ := i.verifier(jwks.Options{Stale: -24 * time.Hour})
		want(t, "before", verify(v, i.sign("1")), nil)
		want(t, "again", verify(v, i.sign("1")), nil)
		i.wantAsked(1, "while they are fresh")
		i.answers(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusBadGateway) })
		time.Sleep(2 * time.Hour)
		want(t, "in the outage", verify(v, i.sign("1")), token.ErrKeysUnavailable)
		i.answers(nil)
		time.Sleep(2 * time.Minute)
		want(t, "when it is back", verify(v, i.sign("1")), nil)
	})
	bubble(t, func(i *issuer) { // whose answer comes when they are just too old
		i.header = map[string]string{"ETag": `"one"`}
		v, set := i.verifier(jwks.Options{Stale: -1, Refresh: 10 * time.Second})
		want(t, "before", verify(v, i.sign("1")), nil)
		time.Sleep(8 * time.Second)
		i.answers(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(4 * time.Second)
			if r.Header.Get("If-None-Match") != `"one"` {
				t.Error("it was not asked for what is new")
			}
			w.WriteHeader(http.StatusNotModified)
		})
		refreshed := make(chan error, 1)
		go func() { refreshed <- set.Refresh(i.t.Context()) }()
		time.Sleep(3 * time.Second)
		want(t, "meanwhile", verify(v, i.sign("1")), nil)
		want(t, "Refresh", <-refreshed, nil)
	})
}

// A token of a key that a slow answer under way brings has not to wait for the next.
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

// Who waits for a fetch that takes its time to fail waits for no other.
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

// Refresh tells of a fetch that began after it was called, not of one that was failing.
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

// Nor of one that was already bringing keys, which may be older than what Refresh is for.
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

// An issuer that nobody asks for is left alone: before there are keys, and when those
// there were are given up. One that was back is asked again soon when it fails again.
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

// Close ends the wait of a Refresh for the fetch after one that hangs.
func TestCloseEndsRefresh(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, set := i.verifier(jwks.Options{})
		i.answers(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		waiting := make(chan error, 2)
		go func() { waiting <- verify(v, i.sign("1")) }()
		synctest.Wait()
		go func() { waiting <- set.Refresh(i.t.Context()) }()
		synctest.Wait()
		begun := time.Now()
		_ = set.Close()
		want(t, "one", <-waiting, token.ErrKeysUnavailable)
		want(t, "the other", <-waiting, token.ErrKeysUnavailable)
		if took := time.Since(begun); took != 0 {
			t.Errorf("it took %s", took)
		}
	})
}

// What is done with the Options afterwards changes nothing.
func TestOptionsAreCopied(t *testing.T) {
	bubble(t, func(i *issuer) {
		algorithms := []token.Algorithm{token.EdDSA}
		v, _ := i.verifier(jwks.Options{Algorithms: algorithms})
		algorithms[0] = token.ES256
		want(t, "a token", verify(v, i.sign("1")), nil)
	})
}
