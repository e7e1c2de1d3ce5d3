package jwks_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"socketiojwt/token"
	"socketiojwt/token/jwks"
	"socketiojwt/token/tokentest"
)

// If an issuer also publishes keys of other kinds, tokens of keys that are not public keys
// for signatures are refused, and so are hostile tokens.
func TestUnusableKeysOfAnIssuer(t *testing.T) {
	for _, alg := range []token.Algorithm{token.ES256, token.RS256, token.EdDSA, token.Ed25519} {
		synctest.Test(t, func(t *testing.T) {
			issuer := tokentest.NewIssuer(t, tokentest.Options{Algorithm: alg})
			_, v := discovered(t, issuer)
			claims := map[string]any{"aud": "chat", "sub": "ada"}
			issuer.Misbehave(tokentest.Fault{Keys: []tokentest.OddKey{
				tokentest.SharedSecret, tokentest.PrivateKey, tokentest.EncryptionKey, tokentest.UnknownType,
				tokentest.NoAlgorithm, tokentest.ForeignCertificate,
			}})
			want(t, "its own key", verify(v, issuer.Sign(claims)), nil)
			want(t, "one without alg", verify(v, issuer.SignBy(tokentest.NoAlgorithm, claims)), nil)
			for _, kind := range []tokentest.OddKey{
				tokentest.SharedSecret, tokentest.PrivateKey, tokentest.EncryptionKey, tokentest.UnknownType, tokentest.ForeignCertificate,
			} {
				err := verify(v, issuer.SignBy(kind, claims))
				if !errors.Is(err, token.ErrKeyNotFound) && !errors.Is(err, token.ErrAlgorithm) {
					t.Errorf("%s key: %v", kind, err)
				}
			}
			// A further key is unknown until it is published.
			young := issuer.Rotate()
			issuer.Retire(young)
			want(t, "not published yet", verify(v, issuer.Sign(claims)), token.ErrKeyNotFound)
		})
	}
}

// When the issuer withdraws a key, the tokens that it signed are refused, also those that
// were verified before and are remembered.
func TestWithdrawnKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := tokentest.NewIssuer(t, tokentest.Options{})
		set, v := discovered(t, issuer)
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

// discovered returns the keys of an issuer, and a verifier of its tokens for "chat".
func discovered(t *testing.T, issuer *tokentest.Issuer) (*jwks.Set, *token.Verifier) {
	t.Helper()
	set, err := jwks.Discover(issuer.URL(), jwks.Options{Client: issuer.Client()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = set.Close() })
	v, err := token.NewVerifier(set, token.Options{Issuers: []string{issuer.URL()}, Audiences: []string{"chat"}})
	if err != nil {
		t.Fatal(err)
	}
	return set, v
}
