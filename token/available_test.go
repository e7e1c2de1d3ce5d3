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

// TestVerifyAsksTheIssuerOfTheToken checks that Available is called for unavailable keys
// that a token needs, while another issuer is available. A jwks.Set then fetches its keys
// again sooner.
func TestVerifyAsksTheIssuerOfTheToken(t *testing.T) {
	away := &awayKeys{away: true}
	here := newVerifier(t, token.Secret(secret), token.Options{Issuers: []string{"https://a.example"}})
	both, err := token.ByIssuer(here, newVerifier(t, away, token.Options{Issuers: []string{"https://b.example"}, Audiences: []string{"chat"}}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = both.Verify(t.Context(), signClaims(`{"iss":"https://b.example"}`))
	wantError(t, err, token.ErrKeysUnavailable)
	if away.asked == 0 {
		t.Error("the keys of the token's issuer were not asked whether they are available")
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
