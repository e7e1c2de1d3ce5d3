package token_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/token"
)

// tenants is a table of issuers that changes while a test runs.
type tenants struct {
	mu    sync.Mutex
	known map[string]*token.Verifier
	down  error
	calls atomic.Int64
	slow  time.Duration
}

func (ts *tenants) find(ctx context.Context, issuer string) (*token.Verifier, error) {
	ts.calls.Add(1)
	ts.mu.Lock()
	v, err := ts.known[issuer], ts.down // as they were when the call began
	ts.mu.Unlock()
	select {
	case <-time.After(ts.slow):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	switch {
	case err != nil:
		return nil, err
	case v == nil:
		return nil, token.ErrIssuer
	}
	return v, nil
}

func (ts *tenants) set(issuer string, v *token.Verifier) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.known == nil {
		ts.known = make(map[string]*token.Verifier)
	}
	ts.known[issuer] = v
}

func (ts *tenants) setDown(err error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.down = err
}

// since returns the number of calls since the last call of since.
func (ts *tenants) since() int64 { return ts.calls.Swap(0) }

func byIssuerFunc(t testing.TB, find token.IssuerFunc, opts token.IssuerOptions) *token.Issuers {
	t.Helper()
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	issuers, err := token.ByIssuerFunc(find, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = issuers.Close() })
	return issuers
}

// tenant returns a verifier whose keys and audience are those of one issuer.
func tenant(t testing.TB, issuer, key string) *token.Verifier {
	return newVerifier(t, token.Secret(key), token.Options{Issuers: []string{issuer}, Audiences: []string{"chat"}, Now: time.Now})
}

const acme, globex = "https://acme.example", "https://globex.example"

// keyOf returns the secret of an issuer.
func keyOf(issuer string) string { return issuer + strings.Repeat(" secret", 5) }

// tokenOf returns a token signed by an issuer.
func tokenOf(issuer string) string {
	return signTextWith(keyOf(issuer), hs256, fmt.Sprintf(`{"iss":%q,"sub":"ada","aud":"chat","exp":%d}`, issuer, time.Now().Add(time.Hour).Unix()))
}

func verify(issuers *token.Issuers, compact string) error {
	_, err := issuers.Verify(context.Background(), compact)
	return err
}

// Each issuer has its own keys and rules, and the result of the function is checked.
func TestByIssuerFunc(t *testing.T) {
	soon := time.Now().Add(time.Hour).Unix()
	claims := func(issuer, more string) string { return fmt.Sprintf(`{"iss":%q,"exp":%d%s}`, issuer, soon, more) }
	const aud = `,"aud":"chat"`
	others := map[string]func() (*token.Verifier, error){
		"https://none.example":     func() (*token.Verifier, error) { return nil, nil },
		"https://zero.example":     func() (*token.Verifier, error) { return new(token.Verifier), nil },
		"https://wrong.example":    func() (*token.Verifier, error) { return tenant(t, acme, keyOf(acme)), nil },
		"https://anyone.example":   func() (*token.Verifier, error) { return secretVerifier(t, token.Options{}), nil },
		"https://down.example":     func() (*token.Verifier, error) { return nil, errors.New("connection refused") },
		"https://badkey.example":   func() (*token.Verifier, error) { return token.NewVerifier(token.Secret("short"), token.Options{}) },
		"https://panic.example":    func() (*token.Verifier, error) { panic("a secret") },
		"https://goexit.example":   func() (*token.Verifier, error) { runtime.Goexit(); return nil, nil },
		"https://wrapping.example": func() (*token.Verifier, error) { return nil, fmt.Errorf("no row: %w", token.ErrIssuer) },
	}
	issuers := byIssuerFunc(t, func(_ context.Context, issuer string) (*token.Verifier, error) {
		switch {
		case issuer == acme || issuer == globex:
			return tenant(t, issuer, keyOf(issuer)), nil
		case others[issuer] != nil:
			return others[issuer]()
		}
		return nil, token.ErrIssuer
	}, token.IssuerOptions{})
	for name, c := range map[string]struct {
		compact string
		want    error
		hidden  bool // RevealsKeys
	}{
		"one issuer":               {tokenOf(acme), nil, false},
		"the other":                {tokenOf(globex), nil, false},
		"the key of the other":     {signTextWith(keyOf(globex), hs256, claims(acme, aud)), token.ErrSignature, true},
		"the audience":             {signTextWith(keyOf(acme), hs256, claims(acme, `,"aud":"shop"`)), token.ErrAudience, false},
		"no audience":              {signTextWith(keyOf(acme), hs256, claims(acme, "")), token.ErrAudience, false},
		"no expiry":                {signTextWith(keyOf(acme), hs256, `{"iss":"`+acme+`","aud":"chat"}`), token.ErrClaimMissing, false},
		"another algorithm":        {signTextWith(keyOf(acme), `{"alg":"HS512"}`, claims(acme, aud)), token.ErrAlgorithm, true},
		"unsigned":                 {encode(`{"alg":"none"}`) + "." + encode(claims(acme, aud)) + ".", token.ErrUnsigned, false},
		"an unknown issuer":        {tokenOf("https://mallory.example"), token.ErrIssuer, true},
		"a slash more":             {tokenOf(acme + "/"), token.ErrIssuer, true},
		"no issuer":                {signClaims(fmt.Sprintf(`{"exp":%d}`, soon)), token.ErrIssuer, true},
		"an issuer that is null":   {signClaims(fmt.Sprintf(`{"iss":null,"exp":%d}`, soon)), token.ErrIssuer, true},
		"an issuer of 1,025 bytes": {tokenOf(strings.Repeat("x", 1025)), token.ErrIssuer, true},
		"too large":                {strings.Repeat("x", 20_000), token.ErrTooLarge, false},
		"no verifier":              {tokenOf("https://none.example"), token.ErrIssuer, true},
		"the zero Verifier":        {tokenOf("https://zero.example"), token.ErrOptions, true},
		"another's verifier":       {tokenOf("https://wrong.example"), token.ErrOptions, true},
		"a verifier for anyone":    {tokenOf("https://anyone.example"), token.ErrOptions, true},
		"a failure":                {tokenOf("https://down.example"), token.ErrKeysUnavailable, false},
		"an error of NewVerifier":  {tokenOf("https://badkey.example"), token.ErrKey, true},
		"a panic":                  {tokenOf("https://panic.example"), token.ErrKey, true},
		"an exit":                  {tokenOf("https://goexit.example"), token.ErrKey, true},
		"a wrapped ErrIssuer":      {tokenOf("https://wrapping.example"), token.ErrIssuer, true},
	} {
		t.Run(name, func(t *testing.T) {
			tok, err := issuers.Verify(context.Background(), c.compact)
			wantError(t, err, c.want)
			if (tok == nil) != (err != nil) {
				t.Errorf("Verify returned %v and %v", tok, err)
			}
			if got := token.RevealsKeys(err); got != c.hidden {
				t.Errorf("RevealsKeys(%v) = %v", err, got)
			}
		})
	}
	if printed := fmt.Sprintf("%+v %#v", issuers, issuers); strings.Contains(printed, "secret") {
		t.Errorf("printed %s", printed)
	}
}

func TestByIssuerFuncChecksItsOptions(t *testing.T) {
	find := func(context.Context, string) (*token.Verifier, error) { return nil, token.ErrIssuer }
	if _, err := token.ByIssuerFunc(nil, token.IssuerOptions{}); !errors.Is(err, token.ErrOptions) {
		t.Errorf("without a function: got %v", err)
	}
	for name, opts := range map[string]token.IssuerOptions{
		"KeepFor": {KeepFor: -1}, "KeepUnknownFor": {KeepUnknownFor: -1}, "Timeout": {Timeout: -1},
		"MaxIssuers": {MaxIssuers: -1}, "MaxLookups": {MaxLookups: -1}, "MaxSize": {MaxSize: -1},
	} {
		if _, err := token.ByIssuerFunc(find, opts); !errors.Is(err, token.ErrOptions) || !strings.Contains(err.Error(), name+" must not be negative") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// An answer is used for the documented time, and no longer.
func TestIssuersAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ts := &tenants{}
		ts.set(acme, tenant(t, acme, keyOf(acme)))
		issuers := byIssuerFunc(t, ts.find, token.IssuerOptions{})
		step := func(name string, after time.Duration, issuer string, want error, calls int64) {
			t.Helper()
			time.Sleep(after)
			t.Log(name)
			wantError(t, verify(issuers, tokenOf(issuer)), want)
			if got := ts.since(); got != calls {
				t.Errorf("%s: %d calls, want %d", name, got, calls)
			}
		}
		step("the first token", 0, acme, nil, 1)
		step("another", time.Minute, acme, nil, 0)
		step("after KeepFor", 9*time.Minute, acme, nil, 1)
		ts.set(acme, nil)
		step("withdrawn without a word", 10*time.Minute-1, acme, nil, 0)
		step("and noticed", 1, acme, token.ErrIssuer, 1)

		step("an unknown issuer", 0, globex, token.ErrIssuer, 1)
		step("again", 9*time.Second, globex, token.ErrIssuer, 0)
		ts.set(globex, tenant(t, globex, keyOf(globex)))
		step("added", time.Second, globex, nil, 1)

		ts.setDown(errors.New("the database is down"))
		step("while the answer is kept", 9*time.Minute, globex, nil, 0)
		step("when it is over", time.Minute, globex, token.ErrKeysUnavailable, 1)
		step("a moment later", time.Second-1, globex, token.ErrKeysUnavailable, 0)
		step("a second later", 1, globex, token.ErrKeysUnavailable, 1)
		ts.setDown(nil)
		step("when it is back", time.Second, globex, nil, 1)
	})
}

func TestIssuersForgetAndRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ts := &tenants{}
		issuers := byIssuerFunc(t, ts.find, token.IssuerOptions{})
		ctx := context.Background()
		wantError(t, verify(issuers, tokenOf(acme)), token.ErrIssuer)
		ts.set(acme, tenant(t, acme, keyOf(acme)))
		wantError(t, issuers.Refresh(ctx, acme), nil)
		wantError(t, verify(issuers, tokenOf(acme)), nil)
		ts.set(acme, nil)
		issuers.Forget(acme)
		wantError(t, verify(issuers, tokenOf(acme)), token.ErrIssuer)
		wantError(t, issuers.Refresh(ctx, acme), token.ErrIssuer)
		wantError(t, issuers.Refresh(ctx, ""), token.ErrIssuer)
		if known, unknown := issuers.Kept(); known != 0 || unknown != 1 {
			t.Errorf("kept %d and %d", known, unknown)
		}

		// The result of a call that began before Forget is not kept.
		ts.set(acme, tenant(t, acme, keyOf(acme)))
		ts.slow = time.Second
		issuers.Forget(acme)
		var before sync.WaitGroup
		before.Go(func() { wantError(t, verify(issuers, tokenOf(acme)), nil) })
		synctest.Wait()
		ts.set(acme, nil)
		issuers.Forget(acme)
		wantError(t, verify(issuers, tokenOf(acme)), token.ErrIssuer)
		before.Wait()
		wantError(t, verify(issuers, tokenOf(acme)), token.ErrIssuer)

		ts.set(acme, tenant(t, acme, keyOf(acme)))
		issuers.Forget(acme)
		before.Go(func() { wantError(t, verify(issuers, tokenOf(acme)), nil) })
		synctest.Wait()
		ts.set(acme, nil)
		issuers.Forget(acme)
		before.Wait()
		wantError(t, verify(issuers, tokenOf(acme)), token.ErrIssuer)

		// Refresh does not use the result of a call that runs already.
		issuers.Forget(acme)
		before.Go(func() { wantError(t, verify(issuers, tokenOf(acme)), token.ErrIssuer) })
		synctest.Wait()
		time.Sleep(time.Millisecond)
		ts.set(acme, tenant(t, acme, keyOf(acme)))
		wantError(t, issuers.Refresh(ctx, acme), nil)
		before.Wait()
		wantError(t, verify(issuers, tokenOf(acme)), nil)
	})
}

// Tokens of one issuer that arrive together wait for one call, which does not end with the
// verification of the token that began it.
func TestIssuersAreLookedUpOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ts := &tenants{slow: time.Second}
		ts.set(acme, tenant(t, acme, keyOf(acme)))
		issuers := byIssuerFunc(t, ts.find, token.IssuerOptions{})
		var all sync.WaitGroup
		first, leave := context.WithCancelCause(context.Background())
		all.Go(func() {
			_, err := issuers.Verify(first, tokenOf(acme))
			wantError(t, err, token.ErrKeysUnavailable)
		})
		synctest.Wait()
		for range 100 {
			all.Go(func() { wantError(t, verify(issuers, tokenOf(acme)), nil) })
		}
		synctest.Wait()
		leave(errors.New("the peer is gone"))
		all.Wait()
		if n := ts.since(); n != 1 {
			t.Errorf("%d calls", n)
		}
	})
}

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

// Close ends the running calls.
func TestIssuersClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ts := &tenants{slow: time.Hour}
		issuers := byIssuerFunc(t, ts.find, token.IssuerOptions{Timeout: time.Hour})
		var waiting sync.WaitGroup
		waiting.Go(func() { wantError(t, verify(issuers, tokenOf(acme)), token.ErrKeysUnavailable) })
		synctest.Wait()
		begun := time.Now()
		_ = issuers.Close()
		waiting.Wait()
		if took := time.Since(begun); took > 0 {
			t.Errorf("took %v", took)
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
