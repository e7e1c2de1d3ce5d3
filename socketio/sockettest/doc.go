// Package sockettest is a small Socket.IO client over WebSocket, so that tests
// of handlers need nothing but Go.
//
//	srv := httptest.NewServer(handler)
//	peer, err := sockettest.Dial(ctx, srv.URL, sockettest.Options{
//		Auth: map[string]string{"token": token},
//	})
//	if err != nil { ... } // a *socketio.ConnectError when it was refused
//	defer peer.Close()
//	answer, err := peer.EmitWithAck(ctx, "whoami")
//	said, err := peer.Expect(ctx, "said")
//
// It is made for tests: it keeps every event until it is asked for, never
// reconnects, and speaks protocol revision 5 only on Engine.IO 4.
//
// # Concurrency
//
// All methods may be called concurrently. The caller must call Close, which
// waits for the one goroutine that reads.
package sockettest
