// Package mint signs tokens: for a team's own login, for tests and for the command.
//
//	key, err := mint.Generate(token.HS256)
//	compact, err := mint.Sign(key, map[string]any{
//		"sub": "ada",
//		"exp": time.Now().Add(time.Hour).Unix(),
//	}, mint.Header{})
//	verifier, err := token.NewVerifier(key.Key(), token.Options{})
//
// It is fit for production, and it is only the signature. The login handler that
// calls Sign decides who gets a token, for how long (minutes, and a fresh one at each
// reconnection), and with which claims: a stable sub, and where several servers share
// the key, iss and aud. With a shared secret, every server that verifies can also sign;
// with a key pair (PEM, and PublicPEM for the verifiers) it cannot. A refresh token, a
// logout and a list of the users are the login's own matter, or an identity provider's.
//
// # Concurrency
//
// All functions and methods may be called concurrently.
//
// # Limits
//
// Only what package token verifies can be made: no encryption, no unsigned tokens.
// Hostile tokens are in token/tokentest; others have to be made by hand, and
// SigningKey.Signature signs them.
package mint
