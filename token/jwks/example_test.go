package jwks_test

import (
	"context"
	"fmt"

	"socketiojwt/token"
	"socketiojwt/token/jwks"
)

// An issuer's name and an audience are enough.
func ExampleDiscover() {
	const issuer = "https://login.example.com/"
	keys, err := jwks.Discover(issuer, jwks.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = keys.Close() }()
	verifier, err := token.NewVerifier(keys, token.Options{Issuers: []string{issuer}, Audiences: []string{"chat"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	// This token is refused without a fetch.
	_, err = verifier.Verify(context.Background(), "x.y.z")
	fmt.Println(err)
	// Output: token: malformed: not base64url
}
