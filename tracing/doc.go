// Package tracing makes OpenTelemetry spans of the operations of this module. It uses only the
// API of OpenTelemetry: the program chooses the SDK and where spans go. Only programs that import
// it compile OpenTelemetry.
//
//	tracer := tracing.New(tracing.Options{TracerProvider: provider})
//	srv, err := socketio.NewServer(socketio.Options{Observer: tracer, ConnContext: tracer.ConnContext})
//	gate, err := auth.NewGate(verifier, auth.Options{Observer: tracer})
//	set, err := jwks.Discover(issuer, jwks.Options{Observer: tracer})
//
// To have metrics too, join both by observe.Join. Example shows a whole program.
//
// # Spans
//
// There is a span for each connect, verification, fetch of keys, handler, broadcast, refresh,
// revocation, batch for Redis and request to the backend of package upstream. A trace does not
// continue on another node. With ConnContext, a connect is part of the trace of the first
// HTTP request of its connection, by its header traceparent or by the span of middleware. A
// verification is part of the connect or refresh that needs it. A fetch of keys has a trace of
// its own, because several verifications may wait for it.
//
// A connection may last for days, so a handler has a trace of its own, with a link to the
// request of the connection. With Options.EventCarrier, it is part of the trace that the client
// sent with the event. Spans that the handler starts with its context are part of it, and so is
// a broadcast that gets the context by socketio.Broadcast.WithContext.
//
// Attributes have the names of the semantic conventions where they exist, and otherwise begin
// with "socketio.". None has a token, a subject, a room or another text that a peer chooses, and
// neither do the names of spans.
package tracing
