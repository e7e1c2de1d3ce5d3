package mint_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/mint"
)

var opts = token.Options{InsecureNoIssuer: true, InsecureNoAudience: true}

func inAnHour() map[string]any {
	return map[string]any{"sub": "ada", "exp": time.Now().Add(time.Hour).Unix()}
}

// verify returns the result of package token for a token signed with key.
func verify(t *testing.T, key token.Key, compact string) (*token.Token, error) {
	t.Helper()
	o := opts
	if strings.HasPrefix(string(key.Algorithms()[0]), "HS") {
		o = token.Options{}
	}
	v, err := token.NewVerifier(key, o)
	if err != nil {
		t.Fatal(err)
	}
	return v.Verify(context.Background(), compact)
}

func TestGenerate(t *testing.T) {
	for _, alg := range []token.Algorithm{token.HS256, token.HS384, token.HS512, token.RS256, token.RS384, token.RS512,
		token.PS256, token.PS384, token.PS512, token.ES256, token.ES384, token.ES512, token.EdDSA, token.Ed25519} {
		key, err := mint.Generate(alg)
		if err != nil {
			t.Fatal(alg, err)
		}
		compact, err := mint.Sign(key.WithID("k1"), inAnHour(), mint.Header{})
		if err != nil {
			t.Fatal(alg, err)
		}
		tok, err := verify(t, key.WithID("k1").Key(), compact)
		if err != nil || tok.Header().Algorithm != alg || tok.Header().KeyID != "k1" || tok.Header().Type != "JWT" || tok.Subject != "ada" {
			t.Errorf("%s: %v, %v", alg, tok, err)
		}
		text, err := key.PublicPEM()
		if shared := strings.HasPrefix(string(alg), "HS"); shared != (err != nil) {
			t.Errorf("%s: PublicPEM: %v", alg, err)
		}
		if err == nil {
			if _, err := verify(t, token.PEM(text, alg), compact); err != nil {
				t.Errorf("%s: its PublicPEM: %v", alg, err)
			}
		}
	}
	for _, alg := range []token.Algorithm{"", "none", "HS1", "ES256K"} {
		if key, err := mint.Generate(alg); err == nil {
			t.Errorf("%q: %v", alg, key)
		}
	}
}

func TestPEM(t *testing.T) {
	block := func(kind string, der []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	ecKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	dhKey, _ := ecdh.X25519().GenerateKey(rand.Reader)
	rsa8, err8 := x509.MarshalPKCS8PrivateKey(rsaKey)
	ec1, err1 := x509.MarshalECPrivateKey(ecKey)
	ec8, errEC := x509.MarshalPKCS8PrivateKey(ecKey)
	ed8, errED := x509.MarshalPKCS8PrivateKey(edKey)
	dh8, errDH := x509.MarshalPKCS8PrivateKey(dhKey)
	for name, test := range map[string]struct {
		text []byte
		alg  token.Algorithm
		ok   bool
	}{
		"PKCS #8 RSA":       {block("PRIVATE KEY", rsa8, err8), token.PS256, true},
		"PKCS #1":           {block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), nil), token.RS256, true},
		"SEC 1":             {block("EC PRIVATE KEY", ec1, err1), token.ES256, true},
		"PKCS #8 EC":        {block("PRIVATE KEY", ec8, errEC), token.ES256, true},
		"PKCS #8 Ed25519":   {block("PRIVATE KEY", ed8, errED), token.EdDSA, true},
		"escaped":           {bytes.ReplaceAll(block("PRIVATE KEY", ec8, errEC), []byte("\n"), []byte(`\n`)), token.ES256, true},
		"on one line":       {bytes.ReplaceAll(block("PRIVATE KEY", ec8, errEC), []byte("\n"), []byte(" ")), token.ES256, true},
		"wrong curve":       {block("PRIVATE KEY", ec8, errEC), token.ES384, false},
		"wrong family":      {block("PRIVATE KEY", ec8, errEC), token.RS256, false},
		"as a secret":       {block("PRIVATE KEY", ec8, errEC), token.HS256, false},
		"key agreement":     {block("PRIVATE KEY", dh8, errDH), token.EdDSA, false},
		"mislabelled":       {block("RSA PRIVATE KEY", ec1, err1), token.RS256, false},
		"a public key":      {block("PUBLIC KEY", ec1, err1), token.ES256, false},
		"no PEM":            {[]byte("PRIVATE KEY"), token.ES256, false},
		"unknown algorithm": {block("PRIVATE KEY", ed8, errED), "none", false},
	} {
		key, err := mint.PEM(test.text, test.alg)
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			continue
		}
		compact, err := mint.Sign(key, inAnHour(), mint.Header{})
		if err != nil {
			t.Fatal(name, err)
		}
		if _, err := verify(t, key.Key(), compact); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSign(t *testing.T) {
	key, err := mint.Secret("a secret of 32 bytes for testing", token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	// A struct, by its tags; a header with all members.
	compact, err := mint.Sign(key, struct {
		Subject string `json:"sub,omitempty"`
		Issuer  string `json:"iss,omitempty"`
		Expiry  int64  `json:"exp"`
	}{Subject: "ada", Expiry: time.Now().Add(time.Hour).Unix()}, mint.Header{Type: "at+jwt", Extra: map[string]any{"kid": "other", "x": 1}})
	if err != nil {
		t.Fatal(err)
	}
	tok, err := verify(t, key.Key(), compact)
	if err != nil || tok.Header().Type != "at+jwt" || tok.Header().KeyID != "other" || strings.Contains(string(tok.RawClaims()), "iss") {
		t.Errorf("%v, %v", tok, err)
	}
	// It accepts an exp that has passed, and leaves the refusal to the Verifier.
	compact, err = mint.Sign(key, map[string]any{"exp": 1}, mint.Header{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify(t, key.Key(), compact); !errors.Is(err, token.ErrExpired) {
		t.Errorf("got %v, want %v", err, token.ErrExpired)
	}
	one, _ := mint.Sign(key, map[string]any{"a": 1, "b": 2, "c": 3}, mint.Header{})
	two, _ := mint.Sign(key, map[string]any{"c": 3, "b": 2, "a": 1}, mint.Header{})
	if one != two {
		t.Error("the same claims make different tokens")
	}
	for _, claims := range []any{nil, 1, "x", []string{"a"}, func() {}, map[string]any{"x": make(chan int)}} {
		if compact, err := mint.Sign(key, claims, mint.Header{}); err == nil {
			t.Errorf("%T signed: %s", claims, compact)
		}
	}
	if _, err := mint.Sign(key, inAnHour(), mint.Header{Extra: map[string]any{"x": func() {}}}); err == nil {
		t.Error("a header that cannot be encoded was signed")
	}
}

func TestUnusableKeys(t *testing.T) {
	if key, err := mint.Secret("short", token.HS256); err == nil || strings.Contains(err.Error(), "short\"") {
		t.Errorf("%v, %v", key, err)
	}
	if _, err := mint.Secret("a secret of 32 bytes for testing", token.ES256); err == nil {
		t.Error("a secret for ES256")
	}
	var zero mint.SigningKey
	if _, err := mint.Sign(zero, inAnHour(), mint.Header{}); err == nil {
		t.Error("the zero SigningKey signs")
	}
	if _, err := zero.PublicPEM(); err == nil {
		t.Error("the zero SigningKey has a public key")
	}
	if _, err := zero.Signature("a.b"); err == nil {
		t.Error("the zero SigningKey has a signature")
	}
	if zero.WithID("a").Key().Err() == nil {
		t.Error("the zero SigningKey verifies")
	}
	key, err := mint.Generate(token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mint.Sign(key.WithID("a\nb"), inAnHour(), mint.Header{}); err == nil {
		t.Error("signed with a key ID that no Verifier takes")
	}
}

func TestInsecureShortSecret(t *testing.T) {
	key, err := mint.InsecureShortSecret("short", token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := mint.Sign(key.WithID("old"), map[string]any{"sub": "ada", "exp": time.Now().Add(time.Hour).Unix()}, mint.Header{})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := token.NewVerifier(key.Key(), token.Options{}); err == nil {
		t.Errorf("the key makes a verifier without InsecureShortSecret: %v", v)
	}
	verifier, err := token.NewVerifier(token.Secret("short"), token.Options{InsecureShortSecret: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := verifier.Verify(t.Context(), compact); err != nil || got.Subject != "ada" {
		t.Errorf("got %v, %v", got, err)
	}
	for name, make := range map[string]func() (mint.SigningKey, error){
		"an empty secret":   func() (mint.SigningKey, error) { return mint.InsecureShortSecret("", token.HS256) },
		"a public key":      func() (mint.SigningKey, error) { return mint.InsecureShortSecret("ssh-rsa AAAA", token.HS256) },
		"another algorithm": func() (mint.SigningKey, error) { return mint.InsecureShortSecret("short", token.ES256) },
	} {
		if key, err := make(); err == nil || strings.Contains(fmt.Sprint(err), "short\"") {
			t.Errorf("%s: %v, %v", name, key, err)
		}
	}
}
