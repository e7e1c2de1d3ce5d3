package profile_test

import (
	"context"
	"fmt"
	"testing"

	"socketiojwt/token"
	"socketiojwt/token/jwks"
	"socketiojwt/token/profile"
	"socketiojwt/token/tokentest"
)

// The issuer's name and an audience are enough to find the keys. The issuer in this example
// is a test issuer; a real one needs no Client.
func Example() {
	var t testing.T
	issuer := tokentest.NewIssuer(&t, tokentest.Options{URL: "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_EXAMPLE"})

	rules := profile.CognitoAccessToken("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_EXAMPLE", "6k3web")
	keys, err := jwks.Discover(rules.Issuers[0], jwks.Options{Client: issuer.Client()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = keys.Close() }()
	verifier, err := token.NewVerifier(keys, rules)
	if err != nil {
		fmt.Println(err)
		return
	}

	access := issuer.Sign(map[string]any{"sub": "ada", "client_id": "6k3web", "token_use": "access"})
	good, err := verifier.Verify(context.Background(), access)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(good.Subject)

	id := issuer.Sign(map[string]any{"sub": "ada", "client_id": "6k3web", "token_use": "id"})
	_, err = verifier.Verify(context.Background(), id)
	fmt.Println(err)
	// Output:
	// ada
	// token: claim not usable: "token_use" does not have the required value
}
