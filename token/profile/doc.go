// Package profile has the rules for tokens of a known shape: those of two standards
// (RFC 9068, OpenID Connect) and of some issuers. Each function takes the issuer, as it
// stands in iss, and whom the token is for, and returns token.Options.
//
//	rules := profile.Auth0("https://tenant.eu.auth0.com/", "https://chat.example")
//	keys, err := jwks.Discover(rules.Issuers[0], jwks.Options{})
//	if err != nil { ... }
//	defer keys.Close()
//	verifier, err := token.NewVerifier(keys, rules)
//
// What they add to an issuer and an audience is the kind: an issuer signs access
// tokens, ID tokens and others with one key, and one that is meant for a browser to
// read should open no door (RFC 8725, section 3.12). An issuer that is not here needs
// one of the two standards, or token.Options as they are; docs/issuers.md has recipes,
// and says of each issuer what to set up there.
//
// The Options are the caller's own, to change and to add to: a Nonce, another audience,
// a MaxAge, a claim that your program needs. An argument that is empty is an error, of
// token.NewVerifier.
//
// # Concurrency
//
// The functions may be called concurrently. They share nothing and fetch nothing.
//
// # Limits
//
// A token that is bound to a key of its holder, by cnf (DPoP, RFC 9449; mutual TLS, RFC
// 8705), is refused, since nobody here asks for the proof. Where something in front of
// you does, take cnf out of Options.Absent. Scopes, roles and permissions are not looked at: that is auth.Options.Authorize.
package profile
