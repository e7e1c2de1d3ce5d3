// Package auth provides a gate for Socket.IO servers. A gate admits a socket only if it shows
// a good JSON Web Token, and ends the socket when the token expires.
//
//	verifier, err := token.NewVerifier(token.Secret(os.Getenv("JWT_SECRET")), token.Options{})
//	if err != nil { ... }
//	gate, err := auth.NewGate(verifier, auth.Options{})
//	if err != nil { ... }
//	srv.Use(gate.Handshake) // or gate.Event(auth.EventOptions{})
//	srv.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
//		log.Println("hello", auth.Token(ctx).Subject) // runs for admitted sockets only
//		return nil
//	})
//
// Make the gate the first middleware of its namespace. A middleware before it that holds
// sockets would withhold an early "authenticate" from the gate.
//
// Both modes provide connect middleware. [Gate.Handshake] takes one round trip: the token
// comes with the handshake. [Gate.Event] takes two: the socket is held outside of the
// namespace until its event "authenticate" shows a token, and the peer gets "authenticated"
// or "unauthorized". Rooms, broadcasts and listings do not include a held socket.
//
// An admitted socket has a [Lease], which [Token], [User.From], [Encoded] and [Current] read.
// A guest (Options.Guests) has no lease until it logs in by "authenticate", in either mode.
//
// # Refusals
//
// A refused peer gets {message, code, type, reason, id}; see [Error]. Message and code are
// those of the npm package socketio-jwt, or of @thream/socketio-jwt with Options.ThreamTexts.
// The [Reason] is for programs. The id is also in the log, beside the exact cause, which is
// not sent. Options.OmitReasonAndID leaves reason and id out.
//
// A final refusal is the data of CONNECT_ERROR, or the event "unauthorized" and then
// DISCONNECT. The JavaScript client does not reconnect after either of them. Clients in Go
// read it with [ParseRefusal].
//
// A temporary refusal closes the transport instead, and the client reconnects by itself. The
// gate refuses temporarily for causes on the server's side: keys cannot be fetched, a
// hook is late, or too many sockets are held.
//
// When the lease of a socket ends, its peer gets "unauthorized" with reason token_expired,
// and the transport closes, so that the client reconnects with a fresh token after about a
// second. The new connection has a new socket. It is only in the rooms that OnConnect joins,
// the values of the old socket are gone, and messages that were sent in between are lost.
// Therefore join rooms in OnConnect, and make clients ask for the messages after the last one
// that they have; see docs/from-node.md.
//
// # Refreshes
//
// A socket with a lease may send "authenticate" with a fresh token and an acknowledgement. If
// the token is good, is from the same issuer and has the same subject (see
// Options.IdentityClaim), a lease for it replaces the old one, and the acknowledgement is
// {"expiresIn":n,"refresh":b}: n is the time until the end in seconds, missing if there is
// none, and b says whether the socket may refresh again with effect. Else the acknowledgement
// is {"error":{...}}, with the refusal, and the old lease stays. With Options.WarnBefore the
// peer gets "token_expiring" some time before the end. Options.AtExpiry says what happens at
// the end, and Options.MaxLifetime bounds the life of a socket.
//
// # Users of several issuers
//
// A sub is unique only within its issuer. With tokens of several issuers, name the records
// of a user by both, and declare rooms by RoomsFrom.PerIssuer.
//
// # Rights
//
// [Options.Rooms] declares rooms that follow from the token, such as those of the user.
// [Gate.Require] is middleware for events that need a scope, a role, a property of the user
// or a fresh login. [Gate.RoomRule] checks names of rooms that peers ask for.
//
// # Ordinary routes
//
// [Gate.HTTP] is middleware for HTTP handlers. It has the same verifier, sources and
// refusals.
//
// # Sockets and users
//
// [Gate.Leases] lists the sockets of a gate for operators, and [Gate.LeasesOf] those of a
// user, a token or a session at the issuer. Both include sockets whose token is still being
// examined.
//
// # Concurrency
//
// The options of a Gate do not change. It may serve any number of namespaces. A Gate and all
// functions of this package may be used concurrently. Hooks run concurrently for different
// sockets. A hook that never returns occupies one goroutine. Its socket is still refused at
// the deadline, and a later result of the hook is discarded.
//
// # Limits
//
// A gate holds at most EventOptions.MaxHeld sockets. It examines one token of a socket at a
// time, and at most EventOptions.Attempts of them before it admits the socket. Another
// "authenticate" of a socket that has a lease replaces the lease if it has an acknowledgement,
// at most ten times at once and then once in two seconds. Without one it changes nothing.
package auth
