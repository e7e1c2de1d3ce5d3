package token_test

import (
	"context"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/mint"
)

func TestVerify(t *testing.T) {
	key, err := mint.Secret("0123456789abcdef0123456789abcdef", token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	v, err := token.NewVerifier(key.Key(), token.Options{})
	if err != nil {
		t.Fatal(err)
	}
	compact, err := mint.Sign(key, map[string]any{"sub": "ada", "aud": []string{"x"}, "exp": time.Now().Add(time.Minute).Unix()}, mint.Header{})
	if err != nil {
		t.Fatal(err)
	}
	tok, err := v.Verify(context.Background(), compact)
	if err != nil {
		t.Fatal(err)
	}
	if tok.Subject != "ada" || tok.Audience[0] != "x" {
		t.Errorf("%q", tok.Subject)
	}
	t.Log(tok, key)
}
func BenchmarkVerify(b *testing.B) {
	key, _ := mint.Secret("0123456789abcdef0123456789abcdef", token.HS256)
	v, _ := token.NewVerifier(key.Key(), token.Options{})
	now := time.Now()
	compact, _ := mint.Sign(key, map[string]any{"iss": "https://issuer.example/", "aud": "sioload", "sub": "user-000001",
		"name": "Load Generator", "email": "load@example.com", "scope": "read write chat",
		"iat": now.Add(-time.Minute).Unix(), "exp": now.Add(time.Hour).Unix(), "jti": "0123456789abcdef"}, mint.Header{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(context.Background(), compact); err != nil {
			b.Fatal(err)
		}
	}
}
