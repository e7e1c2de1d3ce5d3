package socketio

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// A Recorder is a Bus that keeps recent broadcasts in a log which all nodes share, and lost
// sessions. With it, Options.Recovery recovers a session on any node
// (docs/adr/0051-recovery-across-nodes.md).
//
// The messages of a namespace are in one order, that of their offsets. An offset is a text of two
// decimal numbers that are joined by a hyphen, as the ID of an entry of a Redis stream. All
// methods may be called concurrently.
type Recorder interface {
	Bus
	// Record publishes and records m, a KindBroadcast without a Request, and like Publish it only
	// queues m. The Bus delivers m to the other nodes with its Offset. On this node it calls done
	// once instead. It calls deliver and done one after the other for each namespace, in the
	// order of the log.
	//
	// If m cannot be recorded, done gets an error and no offset, and other nodes may not receive
	// m. It may then be called before Record returns and out of order, but only while Epoch has
	// no name. If Record returns an error, done is not called, and m is sent to no socket.
	Record(m Message, done func(offset string, err error)) error
	// Position returns an offset up to which all messages of the namespace's log have been
	// delivered to this node: deliver and done have returned. It must be cheap.
	Position(namespace string) string
	// Log identifies the log of a namespace as this node reads it. It changes before messages are
	// delivered from a log that may lack some of those that were delivered earlier, such as a copy of
	// it that is older. It must be cheap.
	Log(namespace string) string
	// Epoch identifies a period in which this node has recorded each message of a namespace, and
	// returns an offset at which no message of an earlier period can still enter the log. Before
	// the Bus reports that a message was not recorded, it ends the period: the name is empty, and
	// TakeSession finds no session of that period on any node. A period that ends because the node
	// leaves the cluster does not concern its sessions. Epoch must be cheap.
	Epoch(namespace string) (name, since string)
	// Read calls each for the broadcasts of the namespace's log, in order, from the earliest of
	// some offsets up to and with the offset until. Those with a Rule may be of other namespaces. For each of these offsets it returns whether
	// the log has all messages after it. It leaves out messages that are before all offsets for
	// which it has not.
	Read(ctx context.Context, namespace string, after []string, until string, each func(Message)) (complete []bool, err error)

	// SaveSessions keeps sessions for a time, and removes those of the pids forget.
	SaveSessions(ctx context.Context, sessions []SavedSession, forget []string) error
	// FindSession returns the session of a pid, or ErrNoSession.
	FindSession(ctx context.Context, pid string) (SavedSession, error)
	// TakeSession removes a session that FindSession has returned. It returns ErrNoSession if the
	// session is not there any more, or if epoch, unless it is empty, has ended.
	TakeSession(ctx context.Context, s SavedSession, epoch string) error
}

// A SavedSession is a session whose connection was lost.
type SavedSession struct {
	// PID identifies the session, and is a secret: anyone who knows it and has a token of the same
	// user can continue the session. It must not be logged.
	PID string
	// ID, Rooms and Data are what servers of other software know of a session: the id of its
	// socket, its rooms including that of the id, and a JSON object with the values of its shared
	// keys. See NewSharedKey.
	ID    string
	Rooms []string
	Data  json.RawMessage
	// Sealed is the session itself, which only servers with the same ClusterKey can read. It is
	// empty in a session of other software.
	Sealed []byte
	// Window is how long the session is kept, or how long it will still be kept.
	Window time.Duration
}

// ErrNoSession is returned by a Recorder for a session that is not kept.
var ErrNoSession = errors.New("socketio: no such session")

// recorder returns the bus if sessions are recovered by it, and otherwise nil.
func (srv *Server) recorder() Recorder {
	if srv.recovery == nil {
		return nil
	}
	if l := srv.link.Load(); l != nil {
		return l.recorder
	}
	return nil
}
