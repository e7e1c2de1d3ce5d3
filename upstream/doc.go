// Package upstream passes connects and events of admitted sockets to an HTTP backend, which may
// be written in any language, and carries out its answers.
//
//	backend, err := upstream.New("https://chat.internal/socketio", upstream.Options{Secrets: []string{secret}})
//	if err != nil { ... }
//	srv.Use(gate.Handshake)
//	backend.Register(srv.Mux)
//
// Each request is a POST with a JSON object, which is signed as Standard Webhooks says. Its
// response is a JSON object too: the acknowledgement of the event, or the refusal of the socket,
// rooms to join and leave, and events to emit. File docs/backend.md describes both, and has
// samples in several languages.
//
// # Admission
//
// The backend never sees a socket that the gate has not admitted, and never a token. It can only
// refuse what the gate would admit: an answer that is missing, late, too large or not
// understood refuses the socket temporarily.
//
// # Order
//
// Events of one socket are passed one at a time, in the order in which they were sent. Events of
// other sockets do not wait for them, as long as fewer than Options.MaxRequests are under way.
//
// # Failures
//
// While the backend fails, it is asked rarely, and sockets and events are answered at once.
// Events are passed at most once. Connects are repeated, with the same webhook-id.
//
// # Concurrency
//
// All methods may be called concurrently.
package upstream
