package socketio

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Bus carries messages between the servers of a cluster, its nodes. The server handles its
// own sockets itself, and hands the Bus only messages that concern sockets of other nodes. All
// methods may be called concurrently. Package bustest has a Bus for servers in one process.
type Bus interface {
	// Publish sends m to all other nodes. It queues m and never waits for the network, because
	// Emit and Join call it. Messages published by one goroutine arrive in order. The Bus must
	// not change m or anything that m refers to. It must not use m or the bytes of m.Data after
	// Publish has returned, because the server uses them for the next Message. It may keep
	// copies, and the rest. An error means that m was not queued, for example because the queue
	// is full.
	Publish(m *Message) error
	// Reply sends m to the node that sent a request. Otherwise it is like Publish.
	Reply(to NodeID, m *Message) error
	// Ask publishes m, which has a Request, like Publish and in order with it. Then it says which
	// other nodes receive m, for which it may ask the network until ctx ends. Replies may be
	// delivered before Ask returns. After an error, m may have been published or not.
	Ask(ctx context.Context, m *Message) (Asked, error)
	// Close sends what is queued, until ctx ends, and leaves the cluster. Server.Shutdown
	// passes its own context, and Server.Close passes a context that has ended.
	Close(ctx context.Context) error
}

// Asked says which other nodes receive a request. Nodes of other software may reply without
// their name: Message.From is then empty, and each KindSockets, KindServerSideAnswer or KindCount
// is the reply of one more node.
type Asked struct {
	// Nodes are the nodes that reply with their name. The Bus delivers a KindGone for one that
	// leaves or fails before it has replied, or has not replied to recent requests.
	Nodes []NodeID
	// Unnamed is the number of nodes that reply without their name.
	Unnamed int
	// Silent is the number of further nodes without a name that have not replied to recent
	// requests. The server does not wait for them. Their replies count if they arrive in time.
	Silent int
}

// UnnamedNode is the NodeID in results that come from a node that replied without its name.
const UnnamedNode NodeID = "unnamed"

// ErrNodeGone is the Err of a PartialError if a node left or failed before it replied, or has not
// replied to recent requests.
var ErrNodeGone = errors.New("a node is gone or silent")

// A HealthReporter is a Bus that reports its state. Server.Stats includes the report.
type HealthReporter interface {
	Bus
	// Health may be called concurrently, must be cheap, and may be called after Close.
	Health() BusHealth
}

// BusHealth is a snapshot of the state and the figures of a Bus. Counters never decrease and
// start at zero with the Bus.
type BusHealth struct {
	// Connected reports whether the node hears the other nodes and can send to them. Since is
	// when that last changed, and Err is why the node is not connected.
	Connected bool
	Since     time.Time
	Err       error
	// Nodes is the number of other nodes that are known by name.
	Nodes int
	// OtherWire is the number of nodes that are there and talk in another way than this one, so that
	// they do not hear each other. Their configuration is wrong.
	OtherWire int
	// Queued is the number of bytes that wait to be sent.
	Queued int
	// Sent and Received count messages. Ignored counts those of Received that were malformed.
	Sent, Received, Ignored uint64
	// Dropped counts the messages that were queued and not sent, because the connection was lost
	// for too long.
	Dropped uint64
	// Overflows counts the received messages that were dropped because this node was too slow.
	Overflows uint64
	// Gaps counts the periods in which the node may have missed messages of other nodes.
	Gaps uint64
	// Delay is how long a message takes from one node to another, as measured last. Zero means that
	// it is not known.
	Delay time.Duration
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
	//
	// Before the server serves, it is called once without rooms for each namespace that is not
	// dynamic, because those exist on this node while they have no rooms.
	Rooms(namespace string, opened, closed []string)
}

// A PartialError says that some nodes of a cluster have not answered. The answers of the others
// are returned with it.
type PartialError struct {
	// Answered is the number of other nodes that have answered, out of Nodes.
	Answered, Nodes int
	// Missing are the nodes that have not answered, sorted, as far as their names are known.
	Missing []NodeID
	// Err is why the call stopped waiting: the cause of the context that ended, ErrNodeGone, or
	// an error of the Bus.
	Err error
}

// Error says how many nodes have answered, and why the call stopped waiting.
func (e *PartialError) Error() string {
	return fmt.Sprintf("socketio: %d of %d other nodes answered: %v", e.Answered, e.Nodes, e.Err)
}

// Unwrap returns Err.
func (e *PartialError) Unwrap() error { return e.Err }
