// Package mint signs tokens: for a team's own login, for tests and for the command.
//
//	key, err := mint.Generate(token.HS256)
//	compact, err := mint.Sign(key, map[string]any{
//		"sub": "ada",
//		"exp": time.Now().Add(time.Hour).Unix(),
//	}, mint.Header{})
//	verifier, err := token.NewVerifier(key.Key(), token.Options{})
//
// The package is fit for production. It only signs: the login handler that
// calls Sign decides which user gets a token, for how long (minutes, and a fresh one at each
// reconnection), and with which claims: a stable sub, and iss and aud if several servers
// share the key. With a shared secret, every server that verifies tokens can also sign them;
// with a key pair (PEM, and PublicPEM for the verifiers) it cannot. Refresh tokens, logout
// and user accounts are left to the login or to an identity provider.
//
// # Concurrency
//
// All functions and methods may be called concurrently.
//
// # Limits
//
// Sign makes only tokens that package token can verify: no encryption, no unsigned
// tokens. Hostile tokens for tests are in token/tokentest/hostile. SigningKey.Signature signs
// tokens that are put together by hand.
package mint
