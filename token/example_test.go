package token_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// The usual case: one secret, shared with the service that issues the tokens.
func ExampleNewVerifier() {
	const secret = "use 32 random bytes or more here" // from the environment, say

	verifier, err := token.NewVerifier(token.Secret(secret), token.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}

	issuer, _ := mint.Secret(secret, token.HS256)
	compact, _ := mint.Sign(issuer, map[string]any{"sub": "ada", "role": "admin", "exp": time.Now().Add(time.Hour).Unix()}, mint.Header{})

	good, err := verifier.Verify(context.Background(), compact)
	if err != nil {
		fmt.Println(err)
		return
	}
	var claims struct {
		Role string `json:"role"`
	}
	if err := good.Claims(&claims); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(good.Subject, claims.Role)

	late, _ := mint.Sign(issuer, map[string]any{"sub": "ada", "exp": time.Now().Add(-time.Hour).Unix()}, mint.Header{})
	_, err = verifier.Verify(context.Background(), late)
	fmt.Println(errors.Is(err, token.ErrExpired))
	// Output:
	// ada admin
	// true
}

// The public key of an identity provider, which also signs for other services. So the
// issuer and the audience must be set.
func ExamplePEM() {
	provider, _ := mint.Generate(token.ES256)
	publicKey, _ := provider.PublicPEM()

	_, err := token.NewVerifier(token.PEM(publicKey), token.Options{})
	fmt.Println(err)

	verifier, err := token.NewVerifier(token.PEM(publicKey), token.Options{
		Issuers:   []string{"https://login.example"},
		Audiences: []string{"chat"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	claims := map[string]any{"iss": "https://login.example", "aud": "shop", "sub": "ada", "exp": time.Now().Add(time.Hour).Unix()}
	compact, _ := mint.Sign(provider, claims, mint.Header{})
	_, err = verifier.Verify(context.Background(), compact)
	fmt.Println(err)
	// Output:
	// token: options not usable: a public key needs Issuers and Audiences
	// token: audience not accepted: "shop"
}

// Two secrets at once, while the old one is being replaced.
func ExampleNewKeySet() {
	old, _ := mint.Generate(token.HS256)
	young, _ := mint.Generate(token.HS512)
	old, young = old.WithID("2025"), young.WithID("2026")

	ring := token.NewKeySet(
		young.Key(),
		old.Key().WithNotAfter(time.Now().Add(24*time.Hour)), // when the last token by it has ended
	)
	verifier, err := token.NewVerifier(ring, token.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, key := range []mint.SigningKey{old, young} {
		compact, _ := mint.Sign(key, map[string]any{"exp": time.Now().Add(time.Hour).Unix()}, mint.Header{})
		good, err := verifier.Verify(context.Background(), compact)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(good.Header().KeyID, good.Header().Algorithm)
	}
	// Output:
	// 2025 HS256
	// 2026 HS512
}

// A secret for each tenant, chosen by a claim. The claim is not verified yet, so use it
// only to choose among known keys.
func ExampleKeyFunc() {
	red, _ := mint.Generate(token.HS256)
	tenants := map[string]token.Key{"red": red.Key()}

	keys := token.KeyFunc(func(_ context.Context, u token.Unverified) (token.Key, error) {
		var tenant string
		if err := u.Claim("tenant", &tenant); err != nil {
			return token.Key{}, err
		}
		key, ok := tenants[tenant]
		if !ok {
			return token.Key{}, token.ErrKeyNotFound
		}
		return key, nil
	})
	verifier, err := token.NewVerifier(keys, token.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, tenant := range []string{"red", "blue"} {
		compact, _ := mint.Sign(red, map[string]any{"tenant": tenant, "sub": "ada", "exp": time.Now().Add(time.Hour).Unix()}, mint.Header{})
		good, err := verifier.Verify(context.Background(), compact)
		fmt.Println(good != nil, err)
	}
	// Output:
	// true <nil>
	// false token: no key for this token
}

// ParseUnverified shows a token without verifying it.
func ExampleParseUnverified() {
	u, err := token.ParseUnverified("eyJhbGciOiJub25lIn0.eyJzdWIiOiJldmUifQ.", 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(u.Header.Algorithm, string(u.RawClaims()))
	// Output: none {"sub":"eve"}
}
