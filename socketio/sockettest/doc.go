// Package sockettest tests the handlers of a Socket.IO server. It provides a server in memory
// that lasts as long as a test, and a client that keeps events until the test reads them.
//
//	srv := sockettest.NewServer(t, func(srv *socketio.Server) { srv.Use(gate.Handshake); wire(srv) })
//	peer := srv.Dial(sockettest.Options{Auth: map[string]string{"token": token}})
//	answer, err := peer.EmitWithAck(ctx, "whoami")
//	said, err := peer.Expect(ctx, "said")
//
// Both work in a bubble of testing/synctest. Package auth/authtest makes a gate, and tokens for
// it. The function Dial connects to a server that runs anywhere.
//
// A Peer is a thin layer on package socketio/client. It keeps every event until the test reads
// it, without a limit on memory. It never reconnects, and uses only WebSocket.
//
// # Concurrency
//
// All functions and methods may be called concurrently. The caller of Dial must call
// Peer.Close, which waits for the goroutines of the connection.
package sockettest
