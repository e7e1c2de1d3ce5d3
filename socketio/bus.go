package socketio

import (
	"context"
	"fmt"
)

// A Bus carries messages between the servers of a cluster, its nodes. The server handles its
// own sockets itself, and hands the Bus only messages that concern sockets of other nodes. All
// methods may be called concurrently. Package bustest has a Bus for servers in one process.
type Bus interface {
	// Publish sends m to all other nodes. It queues m and never waits for the network, because
	// Emit and Join call it. Messages published by one goroutine arrive in order. The Bus must
	// not change anything that m refers to. An error means that m was not queued, for example
	// because the queue is full.
	Publish(m Message) error
	// Reply sends m to the node that sent a request. Otherwise it is like Publish.
	Reply(to NodeID, m Message) error
	// Nodes returns the number of other nodes that currently receive what is published. It may
	// ask the network, until ctx ends.
	Nodes(ctx context.Context) (int, error)
	// Close sends what is queued, until ctx ends, and leaves the cluster. Server.Shutdown
	// passes its own context, and Server.Close passes a context that has ended.
	Close(ctx context.Context) error
}

// A RoomWatcher is a Bus that is told which rooms have sockets on this node, for example to
// subscribe to only those.
type RoomWatcher interface {
	Bus
	// Rooms says which rooms of a namespace have received their first socket on this node, and
	// which have lost their last, since the previous call for the namespace. Because each
	// socket's id is a room, a namespace has sockets as long as it has rooms. Calls do not
	// overlap. Changes during a call are reported by the next call. Join and Leave do not wait
	// for a call, but Server.Shutdown does. Server.Close does not, so a call may overlap or
	// follow Bus.Close. The Bus may keep the slices.
	Rooms(namespace string, opened, closed []string)
}

// A PartialError says that some nodes of a cluster have not answered. The answers of the others
// are returned with it.
type PartialError struct {
	// Answered is the number of other nodes that have answered, out of Nodes.
	Answered, Nodes int
	// Err is why the call stopped waiting: the cause of the context that ended, or an error of
	// the Bus.
	Err error
}

// Error says how many nodes have answered, and why the call stopped waiting.
func (e *PartialError) Error() string {
	return fmt.Sprintf("socketio: %d of %d other nodes answered: %v", e.Answered, e.Nodes, e.Err)
}

// Unwrap returns Err.
func (e *PartialError) Unwrap() error { return e.Err }
