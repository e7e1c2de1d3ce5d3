package tokentest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/mint"
	"socketiojwt/token/tokentest"
)

// Every hostile token is refused, with its error, for every kind of key and by every
// kind of verifier; and the good token that they are made from is not.
func TestHostileTokensAreRefused(t *testing.T) {
	opts := token.Options{Issuers: []string{"https://issuer.example"}, Audiences: []string{"chat"}}
	claims := map[string]any{"iss": "https://issuer.example", "aud": []string{"chat", "shop"}, "sub": "ada", "iat": 1, "exp": time.Now().Add(time.Hour).Unix()}
	for _, alg := range []token.Algorithm{
		token.HS256, token.HS384, token.HS512, token.RS256, token.PS384, token.ES256, token.ES512, token.EdDSA, token.Ed25519,
	} {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			key, other := generate(t, alg), generate(t, token.EdDSA).WithID("other").Key()
			named := key.WithID("key")
			attack(t, "one key", key, newVerifier(t, key.Key(), opts), claims, mint.Header{})
			if alg != token.HS256 && alg != token.ES256 && alg != token.EdDSA {
				return // the rest takes a quick key
			}
			attack(t, "one key with an ID", named, newVerifier(t, named.Key(), opts), claims, mint.Header{})
			attack(t, "a set", named, newVerifier(t, token.NewKeySet(other, named.Key()), opts), claims, mint.Header{})
			chosen := token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) { return key.Key(), nil })
			attack(t, "a KeyFunc", key, newVerifier(t, chosen, opts), claims, mint.Header{})
			byIssuer, err := token.ByIssuer(newVerifier(t, named.Key(), opts),
				newVerifier(t, other, token.Options{Issuers: []string{"https://other.example"}, Audiences: []string{"chat"}}))
			if err != nil {
				t.Fatal(err)
			}
			attack(t, "by issuer", named, byIssuer, claims, mint.Header{})
			typed := opts
			typed.Type = "at+jwt"
			attack(t, "a type", key, newVerifier(t, key.Key(), typed), claims, mint.Header{Type: "at+jwt"})
		})
	}
}

// attack fails for each hostile token that v lets in or refuses for another reason.
func attack(t *testing.T, what string, key mint.SigningKey, v *token.Verifier, claims map[string]any, header mint.Header) {
	t.Helper()
	good, err := mint.Sign(key, claims, header)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), good); err != nil {
		t.Fatalf("%s: the good token: %v", what, err)
	}
	names := make(map[string]bool)
	for _, hostile := range tokentest.Hostile(t, key, claims, header) {
		if names[hostile.Name] || hostile.Compact == good {
			t.Errorf("%s: %q is there twice, or the good token", what, hostile.Name)
		}
		names[hostile.Name] = true
		tok, err := v.Verify(t.Context(), hostile.Compact)
		if tok != nil || !errors.Is(err, hostile.Want) {
			t.Errorf("%s: %s: got %v and %v, want %v", what, hostile.Name, tok, err, hostile.Want)
		}
	}
	if len(names) < 250 {
		t.Errorf("%s: only %d hostile tokens", what, len(names))
	}
}

// What the good token has not is not attacked: a verifier of a shared secret that asks
// for no issuer need not refuse others.
func TestHostileAsksForNoMoreThanTheClaims(t *testing.T) {
	key := generate(t, token.HS256)
	for name, test := range map[string]struct {
		opts   token.Options
		claims map[string]any
	}{
		"exp alone": {token.Options{}, map[string]any{"exp": time.Now().Add(time.Hour).Unix()}},
		"nothing":   {token.Options{InsecureNoExpiry: true}, nil},
	} {
		v := newVerifier(t, key.Key(), test.opts)
		claims := test.claims
		if claims == nil {
			claims = map[string]any{}
		}
		if _, err := v.Verify(t.Context(), sign(t, key, claims)); err != nil {
			t.Fatal(name, err)
		}
		for _, hostile := range tokentest.Hostile(t, key, claims, mint.Header{}) {
			if _, err := v.Verify(t.Context(), hostile.Compact); !errors.Is(err, hostile.Want) {
				t.Errorf("%s: %s: %v, want %v", name, hostile.Name, err, hostile.Want)
			}
		}
	}
}

// The name is what is printed, by every verb: a token has no place in a log, least of
// all one that is there to disturb it.
func TestHostileTokensPrintTheirNames(t *testing.T) {
	hostile := tokentest.Hostile(t, generate(t, token.HS256), map[string]any{}, mint.Header{})[0]
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if got := fmt.Sprintf(verb, hostile); got != hostile.Name {
			t.Errorf("%s: %s", verb, got)
		}
	}
	issuer := tokentest.NewIssuer(t, tokentest.Options{})
	if got := fmt.Sprintf("%v %+v %#v", issuer, issuer, issuer); strings.Contains(got, "{") {
		t.Errorf("the issuer prints %s", got)
	}
}

func generate(t *testing.T, alg token.Algorithm) mint.SigningKey {
	t.Helper()
	key, err := mint.Generate(alg)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, key mint.SigningKey, claims any) string {
	t.Helper()
	compact, err := mint.Sign(key, claims, mint.Header{})
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func newVerifier(t *testing.T, keys token.Keys, opts token.Options) *token.Verifier {
	t.Helper()
	v, err := token.NewVerifier(keys, opts)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
