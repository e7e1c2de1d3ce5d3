package jwks_test

import (
	"context"
	"fmt"

	"socketiojwt/token"
	"socketiojwt/token/jwks"
)

// With an issuer's name and an audience everything is said.
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
	// Here nothing needs to be fetched to know.
	_, err = verifier.Verify(context.Background(), "x.y.z")
	fmt.Println(err)
	// Output: token: malformed: not base64url
}
