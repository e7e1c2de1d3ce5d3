package token_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/mint"
)

const secret = "a secret of 32 bytes for testing"

// now is the current time of verifiers made by newVerifier.
var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) int64 { return now.Add(d).Unix() }

// signText signs header and claims unchanged with HS256. It uses no code of the package
// under test, so that hostile texts can have a valid signature.
func signText(header, claims string) string { return signTextWith(secret, header, claims) }

func signTextWith(key, header, claims string) string {
	input := encode(header) + "." + encode(claims)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(input))
	return input + "." + encode(string(mac.Sum(nil)))
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

const hs256 = `{"alg":"HS256","typ":"JWT"}`

// signClaims signs claims with a plain header.
func signClaims(claims string) string { return signText(hs256, claims) }

func newVerifier(t testing.TB, keys token.Keys, opts token.Options) *token.Verifier {
	t.Helper()
	if opts.Now == nil {
		opts.Now = func() time.Time { return now }
	}
	v, err := token.NewVerifier(keys, opts)
	if err != nil {
		t.Fatalf("NewVerifier: %v", err)
	}
	return v
}

// secretVerifier verifies tokens of signText.
func secretVerifier(t testing.TB, opts token.Options) *token.Verifier {
	t.Helper()
	return newVerifier(t, token.Secret(secret), opts)
}

// wantError fails unless err matches want and no other sentinel.
func wantError(t testing.TB, err, want error) {
	t.Helper()
	if want == nil {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if err == nil {
		t.Errorf("accepted, want %v", want)
		return
	}
	for _, sentinel := range token.Sentinels {
		if got := errors.Is(err, sentinel); got != (sentinel == want) {
			t.Errorf("errors.Is(%q, %q) = %v, want the sentinel %q alone", err, sentinel, got, want)
		}
	}
}

func wantRefused(t testing.TB, v *token.Verifier, compact string, want error) {
	t.Helper()
	tok, err := v.Verify(context.Background(), compact)
	wantError(t, err, want)
	if (tok == nil) != (err != nil) {
		t.Errorf("Verify returned %v and %v", tok, err)
	}
}

func generate(t testing.TB, alg token.Algorithm) mint.SigningKey {
	t.Helper()
	key, err := mint.Generate(alg)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, key mint.SigningKey, claims any) string {
	t.Helper()
	compact, err := mint.Sign(key, claims, mint.Header{})
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

var (
	rsaKey   = must(rsa.GenerateKey(rand.Reader, 2048))
	ecKey    = must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	edPublic = must(x509.MarshalPKIXPublicKey(ed25519.PublicKey(make([]byte, 32))))
	rsaSPKI  = must(x509.MarshalPKIXPublicKey(&rsaKey.PublicKey))
	ecSPKI   = must(x509.MarshalPKIXPublicKey(&ecKey.PublicKey))
)

func certificate(signer crypto.Signer) []byte {
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	return must(x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer))
}
