package token_test

import (
	"context"
	"testing"

	"socketiojwt/token"
)

// awayKeys are keys with a method Available.
type awayKeys struct {
	away  bool
	asked int
}

func (k *awayKeys) Key(context.Context, token.Unverified) (token.Key, error) {
	return token.Key{}, token.ErrKeysUnavailable
}

func (k *awayKeys) Available() bool {
	k.asked++
	return !k.away
}

// A token whose keys are unavailable calls their Available, also while another issuer is
// available. A jwks.Set then fetches its keys again sooner.
func TestVerifyAsksTheIssuerOfTheToken(t *testing.T) {
	away := &awayKeys{away: true}
	here := newVerifier(t, token.Secret(secret), token.Options{Issuers: []string{"https://a.example"}})
	gone := newVerifier(t, away, token.Options{Issuers: []string{"https://b.example"}, Audiences: []string{"chat"}})
	both, err := token.ByIssuer(here, gone)
	if err != nil {
		t.Fatal(err)
	}
	byFunc := byIssuerFunc(t, func(context.Context, string) (*token.Verifier, error) { return gone, nil }, token.IssuerOptions{})
	compact := signClaims(`{"iss":"https://b.example"}`)
	_, err = both.Verify(t.Context(), compact)
	wantError(t, err, token.ErrKeysUnavailable)
	wantError(t, verify(byFunc, compact), token.ErrKeysUnavailable)
	if away.asked != 2 {
		t.Errorf("the keys of the token's issuer were asked %d times whether they are available, want 2", away.asked)
	}
	if !both.Available() {
		t.Error("not available, although one issuer is")
	}
}

// The outage of one issuer does not affect another.
func TestAvailable(t *testing.T) {
	verifier := func(keys token.Keys, issuer string) *token.Verifier {
		v, err := token.NewVerifier(keys, token.Options{Issuers: []string{issuer}})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	a, b := &awayKeys{}, &awayKeys{}
	both, err := token.ByIssuer(verifier(a, "https://a.example"), verifier(b, "https://b.example"))
	if err != nil {
		t.Fatal(err)
	}
	mixed, err := token.ByIssuer(verifier(a, "https://a.example"),
		verifier(token.Secret("a secret of at least 32 bytes, and more"), "https://c.example"))
	if err != nil {
		t.Fatal(err)
	}
	silent := verifier(token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) {
		return token.Key{}, token.ErrKeysUnavailable
	}), "https://d.example")
	for _, away := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
		a.away, b.away = away[0], away[1]
		if got := both.Available(); got != !(a.away && b.away) {
			t.Errorf("of issuers that are away: %v, available: %v", away, got)
		}
		if !mixed.Available() || !silent.Available() {
			t.Errorf("a secret, or a function that says nothing, is not available with %v", away)
		}
	}
}
