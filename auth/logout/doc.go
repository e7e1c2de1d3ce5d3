// Package logout ends the sockets of users who log out at their issuer. Its Handler receives
// the logout tokens that an issuer sends by OpenID Connect Back-Channel Logout 1.0, and
// revokes the session or the user that they name.
//
//	keys, err := jwks.Discover("https://login.example.com", jwks.Options{})
//	if err != nil { ... }
//	defer keys.Close()
//	verifier, err := token.NewVerifier(keys, profile.LogoutToken("https://login.example.com", "chat-web"))
//	if err != nil { ... }
//	handler, err := logout.NewHandler(logout.Options{Verifier: verifier, Gates: []logout.Revoker{gate}})
//	if err != nil { ... }
//	mux.Handle("POST /backchannel-logout", handler)
//
// Register the URL of the handler at the issuer, as backchannel_logout_uri of the client. The
// issuer must reach it; browsers never call it. For several issuers, combine their verifiers
// with token.ByIssuer or token.ByIssuerFunc.
//
// # Sessions and users
//
// A logout token with sid ends the sockets whose token has the same iss and sid, whatever its
// sub. A logout token with only sub ends all sockets of that user whose token was issued
// before the logout. This is the meaning that the standard gives them (section 2.4). So the
// tokens that sockets show need sid. ID tokens have it if the client was registered with
// backchannel_logout_session_required. If your access tokens do not have it, set
// Options.WholeUser.
//
// Each session that ends is an entry of the gate's denylist until the longest token has ended. Set
// auth.Options.LongestToken to the lifetime of your tokens: the default keeps an entry for 30 days.
// A user who logs in and out often makes few entries: see Options.MaxSessions. Logout tokens that
// name a session and no user are not counted.
//
// # Concurrency
//
// A Handler may serve requests concurrently. It has no goroutines of its own.
//
// # Limits
//
// Encrypted logout tokens are refused. The replay memory is that of one process: a logout
// token that is sent to two nodes is accepted by both, and revokes the same session twice.
package logout
