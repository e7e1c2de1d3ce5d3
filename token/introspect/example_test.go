package introspect_test

import (
	"context"
	"fmt"

	"socketiojwt/auth"
	"socketiojwt/token"
	"socketiojwt/token/introspect"
)

// A gate admits sockets with opaque tokens that the issuer reports as active.
func ExampleNew() {
	verifier, err := introspect.New("https://login.example.com/introspect",
		introspect.ClientSecretBasic("chat", "the secret of the client"),
		introspect.Options{Rules: token.Options{
			Issuers:   []string{"https://login.example.com"},
			Audiences: []string{"chat"},
		}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = verifier.Close() }()
	if _, err := auth.NewGate(verifier, auth.Options{}); err != nil {
		fmt.Println(err)
		return
	}
	// This credential is refused without asking.
	_, err = verifier.Verify(context.Background(), "not a token")
	fmt.Println(err)
	// Output: token: malformed: it has characters that a bearer token must not have
}
