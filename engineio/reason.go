package engineio

import "errors"

// Reason says why a session ended. A Reason given to Session.Close may be any
// text; those below are the package's own.
type Reason string

// The reasons of the protocol, in its words, and SlowPeer, which is ours.
const (
	TransportClose Reason = "transport close"      // the peer closed, or its connection was lost
	TransportError Reason = "transport error"      // the peer broke a rule of its transport, or gave a request up
	PingTimeout    Reason = "ping timeout"         // the peer did not answer a ping
	ParseError     Reason = "parse error"          // the peer sent what is no packet
	ForcedClose    Reason = "forced close"         // closed by this side
	ServerShutdown Reason = "server shutting down" // Server.Shutdown or Server.Close
	SlowPeer       Reason = "slow peer"            // more than Options.MaxOutbound waited for the peer, or it took nothing of what waits for PingTimeout
)

var (
	// ErrClosed is returned for a session that is closing or closed, and for a
	// ClientConn that is.
	ErrClosed = errors.New("engineio: session closed")
	// ErrSlow is returned by the Send that finds the queue full; it closes
	// the session with SlowPeer.
	ErrSlow = errors.New("engineio: the peer reads too slowly, its queue is full")
	// ErrNotWritable is returned by SendVolatile for a message it dropped.
	ErrNotWritable = errors.New("engineio: the transport is not writable now")
)
