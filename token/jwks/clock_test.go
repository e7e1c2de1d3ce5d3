package jwks_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/jwks"
)

// stepped returns the time of the bubble plus a step by which a test sets the clock.
type stepped struct{ step atomic.Int64 }

func (c *stepped) now() time.Time         { return time.Now().Add(time.Duration(c.step.Load())) }
func (c *stepped) set(step time.Duration) { c.step.Store(int64(step)) }

// verifierBy returns a verifier for the keys at /keys. Both use a clock that can be set.
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

// After a machine wakes up after days, or its clock is set, the keys must be fetched again.
// The first token finds them, also if they have not changed.
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

// After the clock is set back, nothing waits for the previous time.
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

// Keys that were fetched while the clock was ahead still expire in time.
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

// A clock that passes the end of freshness is noticed within a minute, also without a
// token.
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

// Keys that expired are good again when the issuer confirms them.
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
