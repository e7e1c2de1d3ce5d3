// Package auth is the gate: it lets a Socket.IO socket in only with a good JSON Web
// Token, and ends it when the token does.
//
//	verifier, err := token.NewVerifier(token.Secret(os.Getenv("JWT_SECRET")), token.Options{})
//	if err != nil { ... }
//	gate, err := auth.NewGate(verifier, auth.Options{})
//	if err != nil { ... }
//	io.Use(gate.Handshake) // or gate.Event(auth.EventOptions{})
//	io.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
//		log.Println("hello", auth.Token(ctx).Subject) // always let in, never a stranger
//		return nil
//	})
//
// Make the gate the first middleware of its namespace: one before it that holds
// sockets itself would keep an early "authenticate" from it.
//
// [Gate.Handshake] takes one round trip: the token comes with the handshake.
// [Gate.Event] takes two: the socket is held outside, in no room, no broadcast and
// no listing, until its event "authenticate" brings a token; it hears
// "authenticated" or "unauthorized". Both give connect middleware. Who is let in has
// a [Lease], which [Token], [User.From], [Encoded] and [Current] read; a guest
// (Options.Guests) has none until it logs in by "authenticate", in either mode.
//
// # Refusals
//
// A refused peer is told {message, code, type, reason, id}, see [Error]. Message and
// code are those of the npm package socketio-jwt (or @thream/socketio-jwt:
// Options.ThreamTexts), the [Reason] is for programs, and the id is in the log beside
// the fine cause, which stays there (Options.OmitReasonAndID omits these two). It comes
// as the data of CONNECT_ERROR, or as the event "unauthorized" and then DISCONNECT;
// either way the JavaScript client stays away. Clients in Go read it by [ParseRefusal].
// When the fault is ours and will pass (keys that cannot be fetched, a hook that is
// late, too many sockets held) the transport is closed instead, and the client comes
// back by itself.
//
// At the end of its lease a socket hears "unauthorized" with reason token_expired,
// and the transport closes, so that the client comes back with a fresh token, after
// about a second. It comes back as a new socket: it is in no room that OnConnect does not
// join, its values are gone, and what was sent meanwhile is lost. So join rooms in
// OnConnect, and let clients ask for the messages after the last one that they have; see
// docs/from-node.md.
//
// # Users of several issuers
//
// A sub is unique only within its issuer. With tokens of several issuers, name the rooms
// and records of a user by both:
//
//	s.Join(fmt.Sprintf("user %q %q", t.Issuer, t.Subject))
//
// # Ordinary routes
//
// [Gate.HTTP] is middleware for HTTP handlers, with the same verifier, sources and
// refusals.
//
// # Sockets and users
//
// [Gate.Leases] lists the sockets of a gate for operators, and [Gate.LeasesOf] those of a
// user, a token or a session at the issuer. Sockets whose token is still examined are
// among them.
//
// # Concurrency
//
// The options of a Gate do not change. It may serve any number of namespaces and may be
// used concurrently, as may all functions here. Hooks run concurrently for different
// sockets. A hook that never returns keeps one goroutine; its socket is refused in
// time all the same, and what the hook returns later is discarded.
//
// # Limits
//
// A gate holds at most EventOptions.MaxHeld sockets, looks at one token of a socket at
// a time, and at EventOptions.Attempts of them. A socket that has a lease keeps it: another
// "authenticate" neither prolongs it nor changes whom it is for.
package auth
