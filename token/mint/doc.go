// Package mint signs tokens, for development, for tests and for the command.
//
//	key, err := mint.Generate(token.HS256)
//	compact, err := mint.Sign(key, map[string]any{
//		"sub": "ada",
//		"exp": time.Now().Add(time.Hour).Unix(),
//	}, mint.Header{})
//	verifier, err := token.NewVerifier(key.Key(), token.Options{})
//
// It is not an issuer for production. Those are elsewhere: an identity provider, or
// the service that knows the users and their passwords, decides who gets a token,
// for how long, and with which key; servers of sockets only verify.
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
