// Package socketio is a Socket.IO server: namespaces, sockets, rooms, events and
// acknowledgements. It implements revision 5 of the Socket.IO protocol on the transports of
// package engineio. With Options.Engine.AllowEIO3 it also implements revision 4, for clients of
// Socket.IO 1 and 2.
//
// Names follow Socket.IO, and the structure follows net/http: handlers belong to a namespace,
// as routes belong to a mux, and are registered before the server runs.
//
//	srv, err := socketio.NewServer(socketio.Options{})
//	if err != nil { ... }
//	srv.Use(gate.Handshake) // or srv.Open(), which admits every socket
//	srv.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
//		return s.Join("lobby")
//	})
//	srv.Handle("say", socketio.Func(func(ctx context.Context, s *socketio.Socket, text string) error {
//		return s.To("lobby").Emit("said", text)
//	}))
//	handler, err := srv.Handler()
//	if err != nil { ... }
//	http.Handle("/socket.io/", handler)
//
// # Admission
//
// A namespace admits no socket until it has connect middleware ([Namespace.Use]) or was
// declared open ([Namespace.Open]). A socket is connecting while the middleware runs. The
// middleware may hold it ([Socket.Hold]). Then it is admitted or closed. Before a socket is
// admitted, it is in no room, no broadcast and no listing, and none of its events reaches a
// handler. Functions of OnConnect run only for admitted sockets.
//
// # Concurrency
//
// All methods may be called concurrently, except those that register, which must be called
// before the server runs. The events of one socket reach their handlers one at a time, in the
// order in which they were sent. The order of events of different sockets is not specified. An
// acknowledgement may overtake an event that was sent before it. A slow handler delays only
// later events of its own socket. Emit never blocks. EmitWithAck blocks, and takes a context. A
// handler's context ends with its socket, with a [*DisconnectError] as its cause.
//
// # Limits
//
// Everything that a peer can make the server keep is bounded by [Options], which also document
// what happens at each limit. Until a socket of a connection is admitted, Options.MaxNewBytes
// bounds everything together, and Engine.MaxNewPerAddress bounds the number of such connections
// of one address.
//
// # Several nodes
//
// A [Bus] joins servers to a cluster (Options.Bus and Options.ClusterKey). Broadcasts then
// reach the sockets of all nodes, and so do FetchSockets, SocketsJoin, SocketsLeave and
// DisconnectSockets. When such a call returns, it has taken effect on the sockets of this node.
// ServerSideEmit sends events between the servers.
package socketio
