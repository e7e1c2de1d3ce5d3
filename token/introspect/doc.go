// Package introspect verifies opaque tokens by asking the authorization server that issued
// them (RFC 7662, OAuth 2.0 Token Introspection). Its Verifier has the methods of
// auth.Verifier, so a gate admits sockets with such tokens as it does with signed ones.
//
//	verifier, err := introspect.New("https://login.example.com/introspect",
//		introspect.ClientSecretBasic("chat", os.Getenv("CLIENT_SECRET")),
//		introspect.Options{Rules: token.Options{
//			Issuers:   []string{"https://login.example.com"},
//			Audiences: []string{"chat"},
//		}})
//	if err != nil { ... }
//	defer verifier.Close()
//	gate, err := auth.NewGate(verifier, auth.Options{})
//
// The response must have status 200, be a strict JSON object of type application/json, and
// have a member active that is true or false. If it is true, the other members are the
// claims of the token. Options.Rules decides about them, as token.Options does about the
// claims of a signed token: exp and an audience are required unless an Insecure option says
// otherwise. A token that is bound to a key of its holder (cnf, or a token_type other than
// Bearer) is refused. Token.Hash is the SHA-256 of the credential.
//
// # Revocation
//
// An accepted token is not asked about again for Options.MaxAge, 30 s unless set. Within that
// time a token that was revoked at the issuer is still accepted. A socket that was admitted
// stays until exp, whatever the issuer says later; end it by revoking its token at the gate.
//
// # Failures
//
// A token that is not active is refused for good, with token.ErrRevoked: the response does
// not tell whether it has expired, was revoked or never existed. If the endpoint does not
// respond, or responds with anything else, the error is token.ErrKeysUnavailable, and the
// peer should try again. After three failures in a row the endpoint is not asked for 1 s,
// then by one request at a time, which is repeated after up to 5 s until one succeeds. A
// Retry-After of up to a minute is respected. Errors and logs contain no token, no secret,
// and only the host of the URL.
//
// # Concurrency
//
// A Verifier may be used concurrently. Calls for one token share one request, which goes on
// if a caller gives up. A request runs on a goroutine that ends with it.
//
// # Limits
//
// Options bound the tokens that are remembered, the requests under way, the tokens that wait
// for one, and a response. Responses that are signed (RFC 9701) are not supported, and the
// endpoint is not discovered: configure its URL. Scopes are not checked.
package introspect
