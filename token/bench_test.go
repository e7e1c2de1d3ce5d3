package token_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
)

// benchClaims are nine claims, like those of a login server.
func benchClaims() map[string]any {
	return map[string]any{
		"iss": "https://issuer.example", "aud": "chat", "sub": "user-000001", "jti": "0123456789abcdef",
		"name": "Ada Lovelace", "email": "ada@example.com", "scope": "read write chat", "iat": at(-time.Minute), "exp": at(time.Hour),
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, alg := range []token.Algorithm{token.HS256, token.RS256, token.PS256, token.ES256, token.EdDSA} {
		b.Run(string(alg), func(b *testing.B) {
			key := generate(b, alg)
			v := newVerifier(b, key.Key(), publicOptions)
			compact := sign(b, key, benchClaims())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(context.Background(), compact); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRefuse measures the cost that an unauthenticated peer can cause. It should stay near
// BenchmarkVerify/HS256, except for well-formed tokens of MaxSize.
func BenchmarkRefuse(b *testing.B) {
	key := generate(b, token.HS256)
	good := sign(b, key, benchClaims())
	expired := benchClaims()
	expired["exp"] = at(-time.Hour)
	for name, compact := range map[string]string{
		"signature": sign(b, generate(b, token.HS256), benchClaims()),
		"expired":   sign(b, key, expired),
		"huge":      strings.Repeat(good, 100),
		"garbage":   "not.a.token",
		"nesting":   encode(hs256) + "." + encode(strings.Repeat(`{"x":[`, 900)) + "." + encode(strings.Repeat("x", 32)),
	} {
		b.Run(name, func(b *testing.B) {
			v := newVerifier(b, key.Key(), publicOptions)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(context.Background(), compact); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}
