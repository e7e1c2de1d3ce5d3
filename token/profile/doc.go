// Package profile has the rules for tokens of a known shape: those of two standards
// (RFC 9068, OpenID Connect) and of some issuers. Each function takes the issuer, spelled
// as in iss, and the audience, and returns token.Options.
//
//	rules := profile.Auth0("https://tenant.eu.auth0.com/", "https://chat.example")
//	keys, err := jwks.Discover(rules.Issuers[0], jwks.Options{})
//	if err != nil { ... }
//	defer keys.Close()
//	verifier, err := token.NewVerifier(keys, rules)
//
// Besides issuer and audience they check the kind of token: an issuer signs access
// tokens, ID tokens and others with one key, and a token of another kind must not
// authenticate a user (RFC 8725, section 3.12). For an issuer without a function, use
// one of the two standards, or plain token.Options. docs/issuers.md has recipes
// and says what to set up at each issuer.
//
// The caller may change the returned Options: add a Nonce, another audience, a MaxAge, or
// a claim that the program needs. token.NewVerifier fails if an argument was empty.
//
// # Concurrency
//
// The functions may be called concurrently. They share nothing and fetch nothing.
//
// # Limits
//
// A token that is bound to a key of its holder by cnf (DPoP, RFC 9449; mutual TLS, RFC
// 8705) is refused, because the gate does not ask for the proof. If a proxy checks the
// proof, remove cnf from Options.Absent. Scopes, roles and permissions are not checked
// here; use auth.Options.Authorize.
package profile
