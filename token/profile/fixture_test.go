package profile_test

import (
	"testing"

	"socketiojwt/token"
	"socketiojwt/token/jwks"
	"socketiojwt/token/tokentest"
)

func rulesOf(t *testing.T, name string, n names) token.Options {
	t.Helper()
	for _, p := range profiles {
		if p.name == name {
			return p.rules(n)
		}
	}
	t.Fatalf("there is no profile %q", name)
	return token.Options{}
}

// publish returns an issuer and the keys that it publishes.
func publish(t *testing.T, url string) (*tokentest.Issuer, *jwks.Set) {
	t.Helper()
	issuer := tokentest.NewIssuer(t, tokentest.Options{URL: url, Algorithm: token.RS256})
	keys, err := jwks.Discover(url, jwks.Options{Client: issuer.Client()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = keys.Close() })
	return issuer, keys
}

func verifier(t *testing.T, keys token.Keys, rules token.Options) *token.Verifier {
	t.Helper()
	v, err := token.NewVerifier(keys, rules)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
