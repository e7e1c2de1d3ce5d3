// Package client is a Socket.IO client for protocol revision 5 on Engine.IO 4, which
// servers of Socket.IO 3 and later speak.
//
//	c, err := client.Dial(ctx, "https://chat.example", client.Options{
//		Auth: func(ctx context.Context, namespace string) (any, error) {
//			token, err := freshToken(ctx)
//			return map[string]string{"token": token}, err
//		},
//	})
//	if err != nil { ... }
//	defer c.Close()
//	s, err := c.Join(ctx, "/")
//	if err != nil { ... } // a *client.ConnectError if the server refused the socket
//	for {
//		e, err := s.Receive(ctx)
//		if err != nil { ... }
//		switch e.Name {
//		case client.EventConnect: // at each connection, the first included
//			err = s.Emit(ctx, "subscribe", "news")
//		case "news":
//			var headline string
//			err = e.Scan(&headline)
//		}
//	}
//
// # Connections
//
// A Client is one connection, which its sockets share, each in a namespace. When the
// transport is lost, the client opens another one and joins the namespaces again, with a
// new answer of Options.Auth. It waits about a second before the first attempt, up to
// about 5 later, and longer if the server asks for that: by the header Retry-After of an
// answer 503, or by a refusal that is temporary. Options.NoReconnect turns this off.
//
// Two endings are final, as in the JavaScript client: the server refuses the socket
// (a *ConnectError that is not temporary), or the server ends it (ErrDisconnected). Join
// may be called again then.
//
// # Delivery
//
// An event is delivered at most once. Emit waits for a connection and for room in the
// queue of outgoing packets, and returns before the server has the event. An event is
// lost if the transport is lost first, and so are events that the server emits while the
// client is away. EmitWithAck tells whether the server handled the event.
//
// A server with connection state recovery keeps what it emits for a while. The client asks for
// it when it connects again, as the JavaScript client does, and Socket.Recovered reports the
// result. The events of such a server have a further argument, a string.
//
// # Concurrency
//
// All functions and methods may be called concurrently. A Client has a few goroutines,
// which Close ends.
//
// # Security
//
// The client never logs packets, auth payloads or the body of a response, and its own
// errors do not repeat them. A *ConnectError has the message of the server. Use https: without TLS, anyone on the
// network path can steal the token. Redirects are not followed, so that the token goes to
// no other server.
//
// The limits in Options bound the memory that a server can make the client use.
package client
