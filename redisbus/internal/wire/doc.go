// Package wire converts between socketio.Message and what the Redis adapters of Node send: the
// names of the channels and streams, and the bytes. Its functions are pure. They may be called
// concurrently.
//
// Classic is the wire of createAdapter of @socket.io/redis-adapter, Sharded that of
// createShardedAdapter, and Streams that of @socket.io/redis-streams-adapter 0.3:
//
//	w := wire.Classic{UID: "n-MR2D"}
//	channel, payload, err := w.Encode(&message)
//
// On the other node:
//
//	received, err := w.DecodeBroadcast("/", payload)
//
// Received messages are untrusted input. Messages that decode without an error have the fields
// that package socketio requires. Their events are not checked.
//
// Go nodes mark their requests by a member named "go", which Node ignores, so that other Go nodes
// can answer in a form that says more. See Asker.
package wire
