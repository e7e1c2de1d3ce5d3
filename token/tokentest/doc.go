// Package tokentest has an issuer for tests of servers that verify tokens. It signs tokens,
// publishes and rotates keys, and misbehaves on request. Package hostile, below it, has
// tokens that must be refused.
//
//	issuer := tokentest.NewIssuer(t, tokentest.Options{})
//	compact := issuer.Sign(map[string]any{"sub": "ada", "aud": "chat"})
//	... // a verifier that fetches from issuer.JWKSURL() with issuer.Client()
//	issuer.Misbehave(tokentest.Fault{Status: 503})
//
// Connections to the Issuer stay in memory unless Options.Listen is set, so it works in a
// testing/synctest bubble and uses the bubble's clock.
//
// # Concurrency
//
// All methods of an Issuer may be called concurrently, also while it serves. The Issuer and
// the connections to it end with the test that made it.
//
// # Limits
//
// All keys are key pairs for one algorithm; for shared secrets use package mint. There is
// no token endpoint and no TLS: https URLs work only in memory, where Client does not
// encrypt.
package tokentest
