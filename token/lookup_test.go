package token_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/token"
)

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
