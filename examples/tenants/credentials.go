package tenants

import (
	"context"

	"socketiojwt/auth"
	"socketiojwt/token"
	"socketiojwt/token/introspect"
)

// Denylist is a verifier that wraps another one and refuses the tokens that the program
// has revoked.
type Denylist struct {
	auth.Verifier
	Revoked func(ctx context.Context, issuer, id string) (bool, error)
}

// Verify implements auth.Verifier.
func (d Denylist) Verify(ctx context.Context, compact string) (*token.Token, error) {
	t, err := d.Verifier.Verify(ctx, compact)
	if err != nil {
		return nil, err
	}
	switch revoked, err := d.Revoked(ctx, t.Issuer, t.ID); {
	case err != nil:
		return nil, err // the peer is refused temporarily
	case revoked:
		return nil, token.ErrRevoked
	}
	return t, nil
}

// Unwrap returns the verifier whose keys may be unavailable.
func (d Denylist) Unwrap() auth.Verifier { return d.Verifier }

// Introspection returns a verifier of opaque tokens, which asks an authorization server
// about them. The caller must close it.
func Introspection(endpoint, secret string) (*introspect.Verifier, error) {
	return introspect.New(endpoint, introspect.ClientSecretBasic("chat", secret), introspect.Options{
		Rules: token.Options{
			Issuers:   []string{"https://login.example"},
			Audiences: []string{"chat"},
		},
	})
}
