// Package socketio is a Socket.IO server: namespaces, sockets, rooms, events and
// acknowledgements, as revision 5 of the Socket.IO protocol has them, on the
// transports of package engineio. With Options.Engine.AllowEIO3 it speaks revision 4
// as well, for clients of Socket.IO 1 and 2.
//
// Its names are those of Socket.IO and its shapes those of net/http: handlers
// belong to a namespace, as routes belong to a mux, and are registered before
// the server runs.
//
//	io, err := socketio.NewServer(socketio.Options{})
//	if err != nil { ... }
//	io.Use(gate.Handshake) // or io.Open(), which admits every socket
//	io.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
//		return s.Join("lobby")
//	})
//	io.Handle("say", socketio.Func(func(ctx context.Context, s *socketio.Socket, text string) error {
//		return s.To("lobby").Emit("said", text)
//	}))
//	handler, err := io.Handler()
//	if err != nil { ... }
//	http.Handle("/socket.io/", handler)
//
// # Letting sockets in
//
// A namespace admits no socket until it has connect middleware ([Namespace.Use]) or
// was declared open ([Namespace.Open]). A socket is connecting while the
// middleware runs, may be held ([Socket.Hold]), and is then admitted or closed.
// Until it is admitted it is in no room, no broadcast and no listing, and none
// of its events reaches a handler. OnConnect always means admitted.
//
// # Concurrency
//
// All methods may be called concurrently, but for those that register, which are
// for the time before the server runs. The events of one socket reach their
// handlers one at a time, in the order in which they were sent; nothing is
// promised about the order across sockets. An acknowledgement may overtake an
// event that was sent before it. A slow handler delays the later events of its
// own socket and nobody else. Emit never blocks; EmitWithAck does, and takes a
// context. A handler's context ends with its socket, with a [*DisconnectError]
// as its cause.
//
// # Limits
//
// Whatever a peer can make the server keep has a bound in [Options], with what
// happens when it is reached. Until a socket of a connection is admitted, that is
// Options.MaxNewBytes for everything together, and Engine.MaxNewPerAddress bounds
// such connections of one address.
//
// # Several nodes
//
// A [Bus] joins servers to a cluster (Options.Bus, and Options.ClusterKey). Broadcasts then
// reach the sockets of all of them, and so do FetchSockets, SocketsJoin, SocketsLeave and
// DisconnectSockets. What concerns sockets of this node has been done when such a call
// returns. ServerSideEmit sends events between the servers themselves.
package socketio
