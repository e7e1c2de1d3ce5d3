// Package engineclient is an Engine.IO 4 client: one session by WebSocket, by
// long-polling, or by long-polling that changes over to WebSocket. Package
// socketio/client and tests of the servers use it.
//
// A Conn answers the pings of the server and never reconnects. What the server can make
// it keep is bounded by Options, and nothing that a server sends can make it panic.
//
// # Concurrency
//
// All methods of a Conn may be called concurrently. Its goroutines end when the
// connection does, and Close and Abort wait for them.
package engineclient
