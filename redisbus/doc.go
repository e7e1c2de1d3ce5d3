// Package redisbus joins servers to a cluster through Redis: servers of this module, and servers
// of Node with Socket.IO's Redis adapters. Emit, rooms, fetches, acknowledgements and server-side
// events reach the sockets of all of them.
//
//	bus, err := redisbus.New(ctx, rueidis.ClientOption{InitAddress: []string{"127.0.0.1:6379"}}, redisbus.Options{})
//	if err != nil {
//		return err // says which address, version or right is missing
//	}
//	srv, err := socketio.NewServer(socketio.Options{Bus: bus.Join, ClusterKey: key})
//
// New tries out everything the bus needs, so that a missing right is found at the start. A Bus
// belongs to one server. Server.Shutdown and Server.Close close it. A Bus that never joined a
// server is closed by Bus.Close.
//
// The wire of Options must be that of the other nodes: Classic is that of
// @socket.io/redis-adapter (createAdapter), and the wire that the emitters speak.
//
// If Redis fails, sockets of this node are served as before. What other nodes send meanwhile is
// missed: see Options.OnGap. The bus connects again by itself. Health and socketio.Stats tell
// its state.
//
// Redis is inside the trust boundary: a client of Redis that may use the bus's channels can emit,
// disconnect sockets and read what nodes say to each other. See docs/nodes.md.
package redisbus
