package token_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// RefusedToken describes the token only if the signature was valid.
func TestRefusedToken(t *testing.T) {
	key, err := mint.Generate(token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	other, err := mint.Generate(token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(key.Key(), token.Options{Audiences: []string{"chat"}})
	if err != nil {
		t.Fatal(err)
	}
	// A KeyFunc reads unverified claims, and may refuse the token because of them.
	byKeyFunc, err := token.NewVerifier(token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) {
		return token.Key{}, token.ErrExpired
	}), token.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		verifier *token.Verifier
		key      mint.SigningKey
		claims   map[string]any
		want     error
		subject  string
	}{
		"expired":          {verifier, key, map[string]any{"sub": "ada", "exp": 1, "aud": "chat"}, token.ErrExpired, "ada"},
		"another audience": {verifier, key, map[string]any{"sub": "ada", "exp": 4102444800, "aud": "mail"}, token.ErrAudience, "ada"},
		"no subject":       {verifier, key, map[string]any{"exp": 1}, token.ErrExpired, ""},
		"another key":      {verifier, other, map[string]any{"sub": "ada", "exp": 1}, token.ErrSignature, ""},
		"a KeyFunc":        {byKeyFunc, key, map[string]any{"sub": "ada", "exp": 1}, token.ErrExpired, ""},
	} {
		test.claims["iss"] = "https://issuer.example"
		compact, err := mint.Sign(test.key, test.claims, mint.Header{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = test.verifier.Verify(t.Context(), compact)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
		issuer, subject, hash := token.RefusedToken(err)
		if subject != test.subject {
			t.Errorf("%s: subject %q, want %q", name, subject, test.subject)
		}
		var wantIssuer string
		var wantHash [32]byte
		if signed := !errors.Is(test.want, token.ErrSignature) && name != "a KeyFunc"; signed {
			wantIssuer, wantHash = "https://issuer.example", sha256.Sum256([]byte(compact[:strings.LastIndexByte(compact, '.')]))
		}
		if issuer != wantIssuer || hash != wantHash {
			t.Errorf("%s: issuer %q and hash %x, want %q and %x", name, issuer, hash, wantIssuer, wantHash)
		}
	}
	if issuer, subject, hash := token.RefusedToken(nil); issuer != "" || subject != "" || hash != [32]byte{} {
		t.Errorf("no error: issuer %q, subject %q, hash %x", issuer, subject, hash)
	}
}
