package hostile_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/mint"
	"socketiojwt/token/tokentest/hostile"
)

// Every hostile token is refused with its error, for every kind of key and by every
// kind of verifier. The valid token that they are made from is accepted.
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
				return // the cases below need a key that signs fast
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

// attack fails for each hostile token that v accepts or refuses with another error.
func attack(t *testing.T, what string, key mint.SigningKey, v *token.Verifier, claims map[string]any, header mint.Header) {
	t.Helper()
	good, err := mint.Sign(key, claims, header)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), good); err != nil {
		t.Fatalf("%s: the valid token: %v", what, err)
	}
	names := make(map[string]bool)
	for _, h := range hostile.Tokens(t, key, claims, header) {
		if names[h.Name] || h.Compact == good {
			t.Errorf("%s: %q occurs twice, or equals the valid token", what, h.Name)
		}
		names[h.Name] = true
		tok, err := v.Verify(t.Context(), h.Compact)
		if tok != nil || !errors.Is(err, h.Want) {
			t.Errorf("%s: %s: got %v and %v, want %v", what, h.Name, tok, err, h.Want)
		}
	}
	if len(names) < 250 {
		t.Errorf("%s: only %d hostile tokens", what, len(names))
	}
}

// Claims that the valid token lacks are not attacked: a verifier with a shared secret and
// without Issuers accepts any issuer.
func TestOnlyTheGivenClaimsAreAttacked(t *testing.T) {
	key := generate(t, token.HS256)
	for name, test := range map[string]struct {
		opts   token.Options
		claims map[string]any
	}{
		"exp only": {token.Options{}, map[string]any{"exp": time.Now().Add(time.Hour).Unix()}},
		"nothing":  {token.Options{InsecureNoExpiry: true}, nil},
	} {
		v := newVerifier(t, key.Key(), test.opts)
		claims := test.claims
		if claims == nil {
			claims = map[string]any{}
		}
		if _, err := v.Verify(t.Context(), sign(t, key, claims)); err != nil {
			t.Fatal(name, err)
		}
		for _, h := range hostile.Tokens(t, key, claims, mint.Header{}) {
			if _, err := v.Verify(t.Context(), h.Compact); !errors.Is(err, h.Want) {
				t.Errorf("%s: %s: %v, want %v", name, h.Name, err, h.Want)
			}
		}
	}
}

// Every verb prints the name, because no token may reach a log, and these might also
// corrupt it.
func TestHostileTokensPrintTheirNames(t *testing.T) {
	h := hostile.Tokens(t, generate(t, token.HS256), map[string]any{}, mint.Header{})[0]
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if got := fmt.Sprintf(verb, h); got != h.Name {
			t.Errorf("%s: %s", verb, got)
		}
	}
}

// A key that cannot sign fails the test that uses it.
func TestUnusableKeyFailsTheTest(t *testing.T) {
	f := &failed{TB: t}
	defer func() {
		if r := recover(); r != any(f) {
			t.Errorf("recovered %v, want a failed test", r)
		}
	}()
	hostile.Tokens(f, mint.SigningKey{}, nil, mint.Header{})
}

// A failed test does not end this one.
type failed struct{ testing.TB }

func (f *failed) Helper()               {}
func (f *failed) Fatalf(string, ...any) { panic(f) }

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
