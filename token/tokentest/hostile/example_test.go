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

// A test that a verifier, with the options of a program, accepts valid tokens and refuses
// the others. In a test, use its own t.
func ExampleTokens() {
	var t testing.T
	key, _ := mint.Generate(token.ES256)
	verifier, err := token.NewVerifier(key.Key(), token.Options{
		Issuers:          []string{"https://login.example"},
		Audiences:        []string{"chat"},
		InsecureNoExpiry: true, // a mistake
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	claims := map[string]any{"iss": "https://login.example", "aud": "chat", "exp": time.Now().Add(time.Hour).Unix()}
	valid, _ := mint.Sign(key, claims, mint.Header{})
	_, err = verifier.Verify(context.Background(), valid)
	fmt.Println("the valid token:", err)

	for _, h := range hostile.Tokens(&t, key, claims, mint.Header{}) {
		if _, err := verifier.Verify(context.Background(), h.Compact); !errors.Is(err, h.Want) {
			fmt.Printf("%s: got %v, want %v\n", h.Name, err, h.Want)
		}
	}
	// Output:
	// the valid token: <nil>
	// Exp for exp: got <nil>, want token: claim missing
	// exp null: got <nil>, want token: claim missing
	// exp missing: got <nil>, want token: claim missing
}
