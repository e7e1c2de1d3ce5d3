package engineio

import "errors"

// Reason is why a session ended. A Reason passed to Session.Close may be any text. Those
// below are used by this package, except ForcedServerClose, which only has a meaning for it.
type Reason string

// The reasons of the protocol, with the texts of the Node server, and SlowPeer and
// RateExceeded, which only this package has.
const (
	TransportClose    Reason = "transport close"      // the peer closed, or its connection was lost
	TransportError    Reason = "transport error"      // the peer violated the protocol of its transport, or dropped a request
	PingTimeout       Reason = "ping timeout"         // the peer did not answer a ping
	ParseError        Reason = "parse error"          // the peer sent an invalid packet
	ForcedClose       Reason = "forced close"         // closed by this side
	ForcedServerClose Reason = "forced server close"  // closed by the program, and the peer should reconnect
	ServerShutdown    Reason = "server shutting down" // Server.Shutdown or Server.Close
	SlowPeer          Reason = "slow peer"            // more than Options.MaxOutbound was queued, or the peer took nothing of the queue for PingTimeout
	RateExceeded      Reason = "rate exceeded"        // the peer sent more than Options.MaxPacketsPerSecond or MaxBytesPerSecond allows, with Options.CloseAboveRate
)

// temporary reports whether this side closed the session and the peer should reconnect.
func (r Reason) temporary() bool { return r == ForcedServerClose || r == ServerShutdown }

var (
	// ErrClosed is returned for a session that is closing or closed. It is socketio.ErrClosed
	// too, for sockets, so its text does not name the package.
	ErrClosed = errors.New("socket or session is closed")
	// ErrSlow is returned by a Send that finds the queue full and closes the session
	// with SlowPeer.
	ErrSlow = errors.New("queue full: the peer reads too slowly")
	// ErrNotWritable is returned by SendVolatile for a message it dropped.
	ErrNotWritable = errors.New("engineio: transport not writable")
)
