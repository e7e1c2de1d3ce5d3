package socketio

import (
	"context"
	"fmt"
)

// A Bus carries messages between the servers of a cluster, its nodes. The server does
// by itself what concerns its own sockets; a Bus only carries, and never sees a message
// that concerns no socket or only those of this node. All methods may be called
// concurrently. Package bustest has one for servers in one process.
type Bus interface {
	// Publish sends m to all other nodes. It queues m and never waits for the network,
	// because Emit and Join call it. Messages arrive in the order in which one
	// goroutine has published them. The Bus must not change what m refers to. An error
	// means that m was not queued, for example because the queue is full.
	Publish(m Message) error
	// Reply sends m to the node that has sent a request. It is like Publish otherwise.
	Reply(to NodeID, m Message) error
	// Nodes returns how many other nodes receive what is published, at the time of the
	// call. It may ask the network, until ctx ends.
	Nodes(ctx context.Context) (int, error)
	// Close sends what is queued, until ctx ends, and leaves the cluster.
	// Server.Shutdown calls it with its context, and Server.Close with one that has
	// ended.
	Close(ctx context.Context) error
}

// A RoomWatcher is a Bus that wants to know which rooms have sockets on this node, for
// example to subscribe to no others.
type RoomWatcher interface {
	Bus
	// Rooms says which rooms of a namespace have received their first socket on this
	// node, and which have lost their last, since the previous call for the namespace.
	// A socket's id is a room, so that a namespace has sockets as long as it has rooms.
	// Calls come one after the other. What changes meanwhile is in the next call. Join
	// and Leave do not wait for them, and Server.Shutdown does. The Bus may keep the
	// lists.
	Rooms(namespace string, opened, closed []string)
}

// A PartialError says that not all nodes of a cluster have answered. What the others
// have answered is returned with it.
type PartialError struct {
	// Answered is the number of other nodes that have answered, out of Nodes.
	Answered, Nodes int
	// Err is why no more were awaited: the cause of the context that has ended, or an
	// error of the Bus.
	Err error
}

// Error says how many nodes have answered, and why no more were awaited.
func (e *PartialError) Error() string {
	return fmt.Sprintf("socketio: %d of %d other nodes answered: %v", e.Answered, e.Nodes, e.Err)
}

// Unwrap returns Err.
func (e *PartialError) Unwrap() error { return e.Err }
