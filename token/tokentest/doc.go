// Package tokentest is for tests of whoever verifies tokens: an issuer that mints,
// publishes, rotates and misbehaves, and a corpus of hostile tokens.
//
//	issuer := tokentest.NewIssuer(t, tokentest.Options{})
//	compact := issuer.Sign(map[string]any{"sub": "ada", "aud": "chat"})
//	... // a verifier that fetches from issuer.JWKSURL() by issuer.Client()
//	issuer.Misbehave(tokentest.Fault{Status: 503})
//
//	for _, hostile := range tokentest.Hostile(t, key, claims, mint.Header{}) {
//		if _, err := verifier.Verify(ctx, hostile.Compact); !errors.Is(err, hostile.Want) {
//			t.Errorf("%s: %v, want %v", hostile.Name, err, hostile.Want)
//		}
//	}
//
// The Issuer is reached in memory unless Options.Listen is set, so that it works
// inside a bubble of testing/synctest, by the bubble's clock.
//
// # Concurrency
//
// All methods of an Issuer may be called concurrently, also while it serves. It ends
// with the test that made it, and so do the connections to it.
//
// # Limits
//
// Keys are public ones, of one algorithm; a shared secret has no issuer that could
// publish it, only mint. There are no endpoints that hand out tokens, and nothing is
// encrypted: https addresses work in memory alone, where Client takes them as they are.
package tokentest
