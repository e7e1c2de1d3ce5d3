package tokentest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/mint"
	"socketiojwt/token/tokentest"
)

// Whether a verifier, with the options that a program gives it, lets in what it should
// and refuses the rest. In a test, t is the test's own.
func ExampleHostile() {
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
	good, _ := mint.Sign(key, claims, mint.Header{})
	_, err = verifier.Verify(context.Background(), good)
	fmt.Println("the good token:", err)

	for _, hostile := range tokentest.Hostile(&t, key, claims, mint.Header{}) {
		if _, err := verifier.Verify(context.Background(), hostile.Compact); !errors.Is(err, hostile.Want) {
			fmt.Printf("%s: got %v, want %v\n", hostile.Name, err, hostile.Want)
		}
	}
	// Output:
	// the good token: <nil>
	// Exp for exp: got <nil>, want token: claim missing
	// exp null: got <nil>, want token: claim missing
	// exp missing: got <nil>, want token: claim missing
}
