// Package engineio is a server of the Engine.IO protocol, revision 4 and, if asked
// to, 3: sessions over HTTP long-polling and WebSocket, with a heartbeat, and the
// change from one to the other without losing a message. It knows no events;
// package socketio is built on it.
//
//	type echo struct{ s *engineio.Session }
//
//	func (e echo) Message(data []byte, binary bool) {
//		e.s.Send(engineio.NewMessage(bytes.Clone(data)))
//	}
//	func (e echo) Closed(reason engineio.Reason) {}
//
//	srv, err := engineio.NewServer(func(s *engineio.Session, r *http.Request) engineio.Conn {
//		return echo{s}
//	}, engineio.Options{})
//	http.Handle("/engine.io/", srv)
//
// # Concurrency
//
// The methods of Server, Session and Message may be called concurrently. Those
// of a Conn are called one at a time, Message in the order of the wire, Closed
// last. A session that waits costs one goroutine by WebSocket and none by
// polling, beside the one of net/http while a poll waits. Send never blocks:
// see docs/adr/0004-writing-without-blocking.md.
//
// # Limits
//
// What a peer can make the server keep is bounded: by Options.MaxPayload for
// what it sends, by Options.MaxOutbound for what it does not read, by
// Options.PingInterval and PingTimeout for how long it may be silent, in the
// middle of a message too. Memory grows by bytes that have come in, never by
// lengths a peer has only declared. Extensions of WebSocket, compression among
// them, are not offered.
//
// # Engine.IO 3
//
// The clients of Socket.IO 1 and 2 speak revision 3, which Options.AllowEIO3 lets in.
// They know the session's ID and make it known as theirs, so it protects nothing:
// see there and docs/adr/0012-clients-of-socket-io-1-and-2.md.
//
// # Compression
//
// Long responses of polls are compressed with gzip when the peer accepts it. A
// compressed length can tell a secret to an attacker who can put guesses into the
// same response and watch its size. Here that takes an attacker who sees the
// victim's encrypted traffic and whose messages this application puts into one
// response with a secret that stays the same; where that may be, set
// Options.CompressFrom to -1, or use only WebSocket.
package engineio
