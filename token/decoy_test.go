package token_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// choosing is a verifier whose key the token chooses, with the ID or the user "ada".
type choosing struct {
	name     string
	verifier *token.Verifier
	there    string // a token that chooses a key, with a wrong signature
	missing  string // the same for a key that does not exist
	other    string // one that chooses a key, and names an algorithm which that is not for
}

// choosers are all ways in which a token can choose its key.
func choosers(t testing.TB, alg token.Algorithm) []choosing {
	key, stranger := generate(t, alg), generate(t, alg)
	claims := benchClaims()
	forged := func(kid, issuer, user string, as token.Algorithm) string {
		header := map[string]any{"kid": kid}
		if as != "" {
			header["alg"] = as
		}
		c := map[string]any{"user": user}
		for name, value := range claims {
			c[name] = value
		}
		c["iss"] = issuer
		compact, err := mint.Sign(stranger, c, mint.Header{Extra: header})
		if err != nil {
			t.Fatal(err)
		}
		return compact
	}
	const home = "https://issuer.example"
	other := token.HS512
	if alg == other {
		other = token.HS256
	}
	set := token.NewKeySet(key.Key().WithID("ada"))
	byUser := token.KeyFunc(func(_ context.Context, u token.Unverified) (token.Key, error) {
		var user string
		if err := u.Claim("user", &user); err != nil {
			return token.Key{}, err
		}
		if user != "ada" {
			return token.Key{}, token.ErrKeyNotFound
		}
		return key.Key(), nil
	})
	byIssuer, err := token.ByIssuer(newVerifier(t, key.Key(), publicOptions))
	if err != nil {
		t.Fatal(err)
	}
	all := []choosing{
		{"set", newVerifier(t, set, publicOptions), forged("ada", home, "", ""), forged("bob", home, "", ""), forged("ada", home, "", other)},
		{"key with an ID", newVerifier(t, key.Key().WithID("ada"), publicOptions), forged("ada", home, "", ""), forged("bob", home, "", ""), forged("ada", home, "", other)},
		{"function", newVerifier(t, byUser, publicOptions), forged("", home, "ada", ""), forged("", home, "bob", ""), forged("", home, "ada", other)},
		{"issuer", byIssuer, forged("", home, "", ""), forged("", "https://tenant.example", "", ""), forged("", home, "", other)},
	}
	for _, c := range all { // verifiers learn from the keys that are chosen
		if _, err := c.verifier.Verify(context.Background(), c.there); !errors.Is(err, token.ErrSignature) {
			t.Fatalf("%s: %v, want a wrong signature", c.name, err)
		}
	}
	return all
}

// Whether a token has chosen a key that exists is only for the log. The peer must not find
// out.
func TestRevealsKeys(t *testing.T) {
	for _, alg := range []token.Algorithm{token.HS256, token.RS256, token.ES256, token.EdDSA} {
		for _, c := range choosers(t, alg) {
			for compact, want := range map[string]error{c.there: token.ErrSignature, c.missing: token.ErrKeyNotFound, c.other: token.ErrAlgorithm} {
				_, err := c.verifier.Verify(t.Context(), compact)
				if c.name == "issuer" && want == token.ErrKeyNotFound {
					want = token.ErrIssuer
				}
				wantError(t, err, want)
				if !token.RevealsKeys(err) {
					t.Errorf("%s, %s: %v could be told", alg, c.name, err)
				}
			}
		}
	}

	hour := fmt.Sprint(at(time.Hour))
	set := token.NewKeySet(token.Secret(secret).WithID("ada"), token.Secret(strings.Repeat("x", 32)).WithID("old").WithNotAfter(now))
	claim := func(_ context.Context, u token.Unverified) (token.Key, error) {
		return token.Secret(secret), u.Claim("user", new(string))
	}
	fails := func(err error) token.Keys {
		return token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) { return token.Secret("short"), err })
	}
	good := signText(`{"alg":"HS256","kid":"ada"}`, `{"exp":`+hour+`}`)
	for _, test := range []struct {
		name, compact string
		keys          token.Keys
		opts          token.Options
		want          error
		reveals       bool
	}{
		{"one key, a wrong signature", signTextWith("x", hs256, `{}`), token.Secret(secret), token.Options{}, token.ErrSignature, false},
		{"one key, another algorithm", signText(`{"alg":"HS512"}`, `{}`), token.Secret(secret), token.Options{}, token.ErrAlgorithm, false},
		{"one key that has ended", signClaims(`{}`), token.Secret(secret).WithNotAfter(now), token.Options{}, token.ErrKeyNotFound, false},
		{"a key that has ended", signText(`{"alg":"HS256","kid":"old"}`, `{}`), set, token.Options{}, token.ErrKeyNotFound, true},
		{"a key that cannot be used", good, fails(nil), token.Options{}, token.ErrKey, true},
		{"another issuer, before the signature", good, fails(token.ErrIssuer), token.Options{}, token.ErrIssuer, true},
		{"no database", good, fails(errors.New("down")), token.Options{}, token.ErrKeysUnavailable, false},
		{"no claim to choose by", good, token.KeyFunc(claim), token.Options{}, token.ErrClaimMissing, false},
		{"a claim that is no name", signClaims(`{"user":7}`), token.KeyFunc(claim), token.Options{}, token.ErrClaim, false},
		{"well signed, expired", signText(`{"alg":"HS256","kid":"ada"}`, `{"exp":1}`), set, token.Options{}, token.ErrExpired, false},
		{"well signed, of another issuer", good, set, token.Options{Issuers: []string{"i"}}, token.ErrIssuer, false},
		{"no token", "x", set, token.Options{}, token.ErrMalformed, false},
	} {
		_, err := newVerifier(t, test.keys, test.opts).Verify(t.Context(), test.compact)
		wantError(t, err, test.want)
		if got := token.RevealsKeys(err); got != test.reveals {
			t.Errorf("%s: reveals keys: %t, want %t", test.name, got, test.reveals)
		}
	}
	if token.RevealsKeys(nil) {
		t.Error("nil reveals keys")
	}
}

// A token for a key that does not exist asks the Limiter and is checked, like a token with a
// wrong signature.
func TestMissingKeyAsksTheLimiter(t *testing.T) {
	for _, alg := range []token.Algorithm{token.RS256, token.PS512, token.ES256, token.EdDSA} {
		for _, c := range choosers(t, alg) {
			for _, compact := range []string{c.there, c.missing} {
				err := without(t, c.verifier, compact)
				wantError(t, err, token.ErrKeysUnavailable)
				if token.RevealsKeys(err) {
					t.Errorf("%s, %s: a temporary refusal is final", alg, c.name)
				}
			}
		}
	}
}

// An algorithm that no key of a set is for costs no arithmetic, whatever key a token names.
func TestNoDecoyWithoutSuchAKey(t *testing.T) {
	v := newVerifier(t, token.NewKeySet(token.Secret(secret).WithID("ada")), token.Options{})
	compact := sign(t, generate(t, token.ES512).WithID("bob"), benchClaims())
	wantError(t, without(t, v, compact), token.ErrKeyNotFound)
}

// TestMissingKeyCostsTheSameArithmetic checks that a token for a key that does not exist is
// checked with a key of the same size as one with a wrong signature, and by a signature
// that is not refused before any arithmetic. For RSA this includes signatures that are too
// short, or not below the modulus. The bench row decoy measures the time.
func TestMissingKeyCostsTheSameArithmetic(t *testing.T) {
	for _, alg := range []token.Algorithm{token.HS256, token.RS256, token.PS512, token.ES256, token.EdDSA} {
		for _, c := range choosers(t, alg) {
			replaced := func(signature string) func(string) string {
				return func(s string) string { return s[:strings.LastIndexByte(s, '.')+1] + encode(signature) }
			}
			for name, change := range map[string]func(string) string{
				"as it is": func(s string) string { return s }, "short": replaced("x"), "large": replaced(strings.Repeat("\xff", 256)),
			} {
				var work []string
				for _, compact := range []string{c.there, c.missing} {
					checks := token.RecordSignatureChecks(func() { wantAnyError(t, c.verifier, change(compact)) })
					if len(checks) != 1 {
						t.Fatalf("%s, %s, signature %s: %d signature checks, want 1", alg, c.name, name, len(checks))
					}
					work = append(work, arithmetic(t, checks[0]))
				}
				if work[0] != work[1] {
					t.Errorf("%s, %s, signature %s: %s for a key that exists, %s for one that does not", alg, c.name, name, work[0], work[1])
				}
			}
		}
	}
}

func wantAnyError(t *testing.T, v *token.Verifier, compact string) {
	t.Helper()
	if _, err := v.Verify(t.Context(), compact); err == nil {
		t.Error("accepted")
	}
}

// arithmetic describes what the time of a signature check depends on. It fails for an RSA
// signature that is refused before any arithmetic.
func arithmetic(t *testing.T, c token.SignatureCheck) string {
	t.Helper()
	size := 0
	switch key := c.Key.(type) {
	case []byte:
		size = max(512, 8*len(key)) // HMAC pads a shorter key to a block
	case *rsa.PublicKey:
		size = key.N.BitLen()
		if len(c.Signature) != key.Size() || new(big.Int).SetBytes([]byte(c.Signature)).Cmp(key.N) >= 0 {
			t.Errorf("%s: a signature of %d bytes is refused without arithmetic", c.Algorithm, len(c.Signature))
		}
	case *ecdsa.PublicKey:
		size = key.Curve.Params().BitSize
	case ed25519.PublicKey:
		size = 8 * len(key)
	}
	return fmt.Sprintf("%s with a key of %d bits and a signature of %d bytes", c.Algorithm, size, len(c.Signature))
}

// BenchmarkUnknownKey compares the refusal of a wrong signature by a key that exists with
// that of a token for a key which does not.
func BenchmarkUnknownKey(b *testing.B) {
	for _, alg := range []token.Algorithm{token.HS256, token.RS256, token.ES256, token.EdDSA} {
		for _, c := range choosers(b, alg) {
			for _, path := range []struct{ name, compact string }{{"wrong-signature", c.there}, {"no-key", c.missing}} {
				b.Run(fmt.Sprintf("%s/%s/%s", alg, strings.ReplaceAll(c.name, " ", "-"), path.name), func(b *testing.B) {
					for b.Loop() {
						if _, err := c.verifier.Verify(context.Background(), path.compact); err == nil {
							b.Fatal("accepted")
						}
					}
				})
			}
		}
	}
}
