// Package tenants has the samples of docs/issuers.md that are more than rules: issuers
// that come and go, revoked tokens and opaque tokens.
package tenants

import (
	"context"
	"sync"

	"socketiojwt/token"
	"socketiojwt/token/jwks"
	"socketiojwt/token/profile"
)

// Verifier returns the verifier of a program with many tenants. audienceOf reads the
// program's own table of issuers; it returns token.ErrIssuer for an issuer that is not in
// it.
func Verifier(audienceOf func(ctx context.Context, issuer string) (string, error)) (*token.Issuers, error) {
	var keysOf sync.Map // *token.Verifier to its *jwks.Set
	find := func(ctx context.Context, issuer string) (*token.Verifier, error) {
		audience, err := audienceOf(ctx, issuer)
		if err != nil {
			return nil, err
		}
		keys, err := jwks.Discover(issuer, jwks.Options{})
		if err != nil {
			return nil, err
		}
		verifier, err := token.NewVerifier(keys, profile.AccessToken(issuer, audience))
		if err != nil {
			return nil, err
		}
		keysOf.Store(verifier, keys)
		return verifier, nil
	}
	return token.ByIssuerFunc(find, token.IssuerOptions{
		OnDrop: func(_ string, verifier *token.Verifier) {
			if keys, ok := keysOf.LoadAndDelete(verifier); ok {
				_ = keys.(*jwks.Set).Close()
			}
		},
	})
}
