package jwks_test

import (
	"testing"
	"testing/synctest"

	"socketiojwt/token"
	"socketiojwt/token/jwks"
	"socketiojwt/token/tokentest"
)

// A key that the issuer withdraws takes with it the tokens that it has signed, those
// too that were verified before and are remembered.
func TestWithdrawnKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := tokentest.NewIssuer(t, tokentest.Options{})
		set, err := jwks.Discover(issuer.URL(), jwks.Options{Client: issuer.Client()})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = set.Close() }()
		v, err := token.NewVerifier(set, token.Options{Issuers: []string{issuer.URL()}, Audiences: []string{"chat"}})
		if err != nil {
			t.Fatal(err)
		}
		first, old := issuer.Key().Key().ID(), issuer.Sign(map[string]any{"aud": "chat"})
		want(t, "before", verify(v, old), nil)
		issuer.Rotate()
		want(t, "while both are published", verify(v, issuer.Sign(map[string]any{"aud": "chat"})), nil)
		want(t, "while both are published, the old one", verify(v, old), nil)
		issuer.Retire(first)
		want(t, "until that is known", verify(v, old), nil)
		if err := set.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		want(t, "withdrawn", verify(v, old), token.ErrKeyNotFound)
		issuer.Publish(first)
		if err := set.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		want(t, "published again", verify(v, old), nil)
	})
}
