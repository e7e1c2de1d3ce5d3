// Package token decides whether a JSON Web Token is good: well formed, signed with
// the right key by the right algorithm, and meant for here and now. It knows
// nothing of sockets.
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
// Keys come from Secret, SecretBytes, SecretBase64, PEM, DER and JWK, several of
// them, or secrets that replace each other, from NewKeySet, and those chosen for each
// token from a KeyFunc. Several issuers, each with its own keys and rules, make one
// Verifier by ByIssuer, or Issuers by ByIssuerFunc if they come and go. Rules for the tokens of known issuers are in token/profile. A key
// carries its algorithms; the header of a token never chooses one (RFC 8725,
// section 3.1), and unsigned tokens cannot even be asked for.
//
// Parsing is strict, since a token that two parsers read in two ways is two tokens:
// claims match by their exact names, a member given twice is an error, and so is a
// line break, a bit that means nothing, or a claim of the wrong type. Registered claims
// may be null, which counts as missing, and iat may be anything without a MaxAge. A token is
// parsed and verified in the order of parse.go, keys.go, verify.go and claims.go.
//
// # Concurrency
//
// A Verifier, a Key, a KeySet and a Token may be used concurrently, and none of them
// changes, but that a Verifier remembers which signatures of public keys it found valid
// (Options.MaxRemembered). Only ByIssuerFunc starts goroutines, a bounded number.
// What waits is a KeyFunc or an IssuerFunc of the user's, and whoever checks the signature of a public key: half of the processors, at
// least one, do that at a time, so that bad tokens leave the rest for other work.
//
// # Limits
//
// A token has at most 16 KiB unless Options.MaxSize says otherwise, JSON in it nests
// at most 64 deep, and key IDs have at most 256 bytes. Encrypted tokens, nested
// tokens, the JSON serializations and critical extensions are refused. Revocation
// and fetching published keys are not done here; a KeyFunc may, and code that wraps a
// Verifier returns ErrRevoked. New makes the Token of a credential that is not a JWT.
package token
