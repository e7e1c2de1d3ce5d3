package token_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/token"
)

// IssuerOptions.Now is called without a lock, so it may use the Issuers.
func TestIssuersCallNowWithoutALock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ts := &tenants{}
		ts.set(acme, tenant(t, acme, keyOf(acme)))
		var issuers *token.Issuers
		issuers = byIssuerFunc(t, ts.find, token.IssuerOptions{Now: func() time.Time {
			issuers.Forget(globex)
			return time.Now()
		}})
		if err := verify(issuers, tokenOf(acme)); err != nil {
			t.Error(err)
		}
		if err := issuers.Refresh(context.Background(), acme); err != nil {
			t.Error(err)
		}
	})
}

// Calls that read the clock before another one, and come after it, neither refill the lookups
// of a second nor ask again for an issuer whose answer has come.
func TestIssuersWithTimesOutOfOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ts := &tenants{}
		ts.set(acme, tenant(t, acme, keyOf(acme)))
		var mu sync.Mutex
		late := false
		issuers := byIssuerFunc(t, ts.find, token.IssuerOptions{MaxLookups: 2, Now: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			if late = !late; late {
				return time.Now().Add(-time.Millisecond)
			}
			return time.Now()
		}})
		for range 10 {
			if err := verify(issuers, tokenOf(acme)); err != nil {
				t.Error(err)
			}
		}
		if n := ts.since(); n != 1 {
			t.Errorf("%d calls for one issuer", n)
		}
		for i := range 100 {
			_ = verify(issuers, tokenOf("https://invented.example/"+string(rune('a'+i))))
		}
		if n := ts.since(); n > 1 {
			t.Errorf("%d more calls in a second, with MaxLookups 2", n)
		}
	})
}

// An answer is not kept longer if the clock is set back, and ends if it is set forward.
func TestIssuersAndTheClock(t *testing.T) {
	clock := atomic.Int64{}
	ts := &tenants{}
	ts.set(acme, tenant(t, acme, keyOf(acme)))
	issuers := byIssuerFunc(t, ts.find, token.IssuerOptions{Now: func() time.Time { return time.Now().Add(time.Duration(clock.Load())) }})
	for _, step := range []time.Duration{0, -time.Hour, 2 * time.Hour} {
		clock.Add(int64(step))
		wantError(t, verify(issuers, tokenOf(acme)), nil)
		if n := ts.since(); n != 1 {
			t.Errorf("%v: %d calls", step, n)
		}
	}
}
