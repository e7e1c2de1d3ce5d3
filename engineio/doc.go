// Package engineio is a server of the Engine.IO protocol, revision 4 and optionally 3:
// sessions over HTTP long-polling and WebSocket, with a heartbeat and an upgrade from
// polling to WebSocket that loses no message. It has messages but no events. Package
// socketio is built on it.
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
// The methods of Server, Session and Message may be called concurrently. The methods of
// a Conn are called one at a time: Message in the order of the messages, Closed last. An
// idle session has one goroutine by WebSocket, and by polling one for each connection that is
// parked (docs/adr/0069-parked-connections.md). Send never blocks: see
// docs/adr/0004-writing-without-blocking.md.
//
// # Limits
//
// The memory that a peer can occupy is bounded: by Options.MaxPayload for what it sends,
// by Options.MaxOutbound for what it does not read, and by Options.PingInterval and
// PingTimeout for how long it may be silent, even in the middle of a message. Memory grows
// with the bytes received, never with a length that a peer only declares. MaxPayload bounds
// the size of a compressed message before and after decompression.
//
// # Engine.IO 3
//
// The clients of Socket.IO 1 and 2 speak revision 3, which Options.AllowEIO3 allows. They
// know the session's ID and show it to others as their own, so it protects nothing: see
// there and docs/adr/0012-clients-of-socket-io-1-and-2.md.
//
// # Compression
//
// Long responses of polls are compressed with gzip if the peer accepts that, and long
// messages by WebSocket only with Options.PerMessageDeflate. The length of compressed data can
// reveal a secret to an attacker who can put guesses into the same response or message and
// observe its size. Here the attacker must see the victim's encrypted traffic, and the
// application must put the attacker's text together with a secret that does not change: into
// one message, or by polling into messages of one response. If that is possible, set
// Options.CompressFrom to -1. See docs/adr/0062-compression-and-webtransport.md.
package engineio
