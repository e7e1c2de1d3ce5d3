// Package token verifies JSON Web Tokens: their form, their signature, and claims such as
// issuer, audience and times. It does not depend on sockets.
//
//	verifier, err := token.NewVerifier(token.Secret(os.Getenv("JWT_SECRET")), token.Options{})
//	if err != nil {
//		return err // a short secret, or options that contradict each other
//	}
//	good, err := verifier.Verify(ctx, compact)
//	if errors.Is(err, token.ErrExpired) {
//		...
//	}
//	fmt.Println(good.Subject)
//
// Secret, SecretBytes, SecretBase64, PEM, DER and JWK make keys. NewKeySet makes a set of
// several keys, or of secrets that replace each other. A KeyFunc chooses the key for each
// token. ByIssuer makes one Verifier for several issuers, each with its own keys and rules;
// ByIssuerFunc is for issuers that come and go at run time. Rules for the tokens of known
// issuers are in token/profile. The algorithms belong to the key; the header of a token
// never chooses one (RFC 8725, section 3.1), and no option accepts unsigned tokens.
//
// Parsing is strict, because a token that two parsers read differently can bypass checks.
// Claims match by their exact names. A member given twice, a line break, unused bits that
// are set, and a claim of the wrong type are errors. Registered claims may be null, which
// counts as missing, and without MaxAge iat may have any type. A token is parsed and
// verified in the order of parse.go, keys.go, verify.go and claims.go.
//
// # Concurrency
//
// A Verifier, a Key, a KeySet and a Token may be used concurrently and are immutable,
// except that a Verifier remembers which signatures of public keys it found valid
// (Options.MaxRemembered). Only ByIssuerFunc starts goroutines, a bounded number.
// Verify may wait for a KeyFunc or an IssuerFunc, and for a Limiter, which bounds how many
// signatures of public keys are checked at a time. Set one by WithLimiter where peers whom
// nothing else limits can send tokens. A Gate of package auth does so.
//
// # Limits
//
// A token has at most 16 KiB unless Options.MaxSize says otherwise, JSON in it nests
// at most 64 deep, and key IDs have at most 256 bytes. Encrypted tokens, nested
// tokens, the JSON serializations and critical extensions are refused. The package does not
// check revocation and does not fetch published keys. A KeyFunc may fetch keys (see
// token/jwks), and code that wraps a Verifier may return ErrRevoked. New makes the Token of
// a credential that is not a JWT.
package token
