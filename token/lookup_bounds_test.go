package token_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/token"
)

// Peers that invent issuers cause a bounded number of calls, use bounded memory, and do not
// delay known issuers.
func TestIssuersBoundLookups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ts := &tenants{}
		ts.set(acme, tenant(t, acme, keyOf(acme)))
		issuers := byIssuerFunc(t, ts.find, token.IssuerOptions{KeepFor: time.Minute})
		wantError(t, verify(issuers, tokenOf(acme)), nil)
		time.Sleep(2 * time.Minute)
		ts.since()
		n := 0
		flood := func(most int64) {
			t.Helper()
			for range 200 {
				n++
				if err := verify(issuers, tokenOf(fmt.Sprintf("https://%d.example", n))); !errors.Is(err, token.ErrIssuer) && !errors.Is(err, token.ErrKeysUnavailable) {
					t.Fatal(err)
				}
			}
			if calls := ts.since(); calls > most {
				t.Errorf("%d calls, want at most %d", calls, most)
			}
		}
		flood(50)
		for range 25 {
			time.Sleep(time.Second)
			flood(50)
			wantError(t, verify(issuers, tokenOf(acme)), nil) // once with a call
			ts.since()
			issuers.Forget(globex)
			ts.set(globex, tenant(t, globex, keyOf(globex)))
			wantError(t, issuers.Refresh(context.Background(), globex), nil)
			wantError(t, verify(issuers, tokenOf(globex)), nil)
			ts.since()
		}
		if known, unknown := issuers.Kept(); known != 2 || unknown > 1000 || unknown < 900 {
			t.Errorf("kept %d and %d", known, unknown)
		}
	})
}

// A function that never returns does not accumulate goroutines.
func TestIssuersThatAreNeverFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never, calls := make(chan struct{}), atomic.Int64{}
		issuers := byIssuerFunc(t, func(context.Context, string) (*token.Verifier, error) {
			calls.Add(1)
			<-never
			return nil, token.ErrIssuer
		}, token.IssuerOptions{MaxLookups: 5})
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		var all sync.WaitGroup
		for n := range 1000 {
			all.Go(func() {
				time.Sleep(time.Duration(n) * time.Second)
				_, err := issuers.Verify(ctx, tokenOf(fmt.Sprintf("https://%d.example", n)))
				wantError(t, err, token.ErrKeysUnavailable)
			})
		}
		all.Wait()
		if n := calls.Load(); n != 5 {
			t.Errorf("%d calls", n)
		}
		close(never)
	})
}

// The number of kept verifiers is bounded. The least recently used one is dropped.
func TestIssuersDropVerifiers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ts := &tenants{}
		var dropped []string
		issuers := byIssuerFunc(t, ts.find, token.IssuerOptions{MaxIssuers: 2, OnDrop: func(issuer string, v *token.Verifier) {
			if v == nil {
				t.Error("dropped nil")
			}
			dropped = append(dropped, issuer)
			if len(dropped) == 1 {
				panic("at the first")
			}
		}})
		want := func(what string, all ...string) {
			t.Helper()
			synctest.Wait()
			if got := strings.Join(dropped, " "); got != strings.Join(all, " ") {
				t.Errorf("%s: dropped %q, want %q", what, got, all)
			}
			dropped = nil
		}
		for _, issuer := range []string{"a", "b", "c"} {
			ts.set(issuer, tenant(t, issuer, keyOf(issuer)))
		}
		ctx := context.Background()
		wantError(t, verify(issuers, tokenOf("a")), nil)
		wantError(t, verify(issuers, tokenOf("b")), nil)
		wantError(t, verify(issuers, tokenOf("a")), nil)
		want("two")
		wantError(t, verify(issuers, tokenOf("c")), nil)
		want("too many", "b")
		wantError(t, issuers.Refresh(ctx, "a"), nil)
		want("the same again")
		ts.set("a", tenant(t, "a", keyOf("a")))
		wantError(t, issuers.Refresh(ctx, "a"), nil)
		want("another", "a")
		ts.setDown(errors.New("down"))
		wantError(t, issuers.Refresh(ctx, "a"), token.ErrKeysUnavailable)
		want("a failure")
		ts.setDown(nil)
		ts.set("a", nil)
		wantError(t, issuers.Refresh(ctx, "a"), token.ErrIssuer)
		want("withdrawn", "a")
		issuers.Forget("c")
		issuers.Forget("c")
		want("forgotten", "c")
		wantError(t, verify(issuers, tokenOf("b")), nil)
		want("back")
		for range 2 {
			if err := issuers.Close(); err != nil {
				t.Error(err)
			}
		}
		want("closed", "b")
		wantError(t, verify(issuers, tokenOf("b")), token.ErrKeysUnavailable)
		wantError(t, issuers.Refresh(ctx, "b"), token.ErrKeysUnavailable)
	})
}
