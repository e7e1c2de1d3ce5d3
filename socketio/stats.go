package socketio

import (
	"sync/atomic"

	"socketiojwt/engineio"
	"socketiojwt/internal/tally"
)

// Stats are the figures of a Server at one time. Fields without another unit count sockets
// or events. Counters never fall: they begin at zero with the server.
type Stats struct {
	// Engine are the figures of the sessions, of which each carries the sockets of one peer.
	Engine engineio.Stats

	// Connecting are the sockets now whose CONNECT is not answered, because connect
	// middleware runs or their turn has not come; Held those that Socket.Hold keeps outside;
	// Admitted those that are admitted; and Ending those whose peer is gone and whose last
	// events are still being handled.
	Connecting, Held, Admitted, Ending int
	// NewBytes are the bytes that are kept now for connections of which no socket has been
	// admitted. Options.MaxHeldBytes bounds them.
	NewBytes int64
	// Running are the goroutines that run code of the program now: connect middleware,
	// handlers and hooks.
	Running int

	// Admissions counts the sockets that were admitted.
	Admissions uint64
	// Refusals counts the sockets that Socket.Refuse or connect middleware refused for good,
	// and TemporaryRefusals those that may come back (ConnectError.Temporary).
	Refusals, TemporaryRefusals uint64
	// Disconnects counts the admitted sockets that have ended, by reason. It is a copy.
	Disconnects map[Reason]uint64
	// Violations counts the connections that were closed because the peer broke a rule of
	// the protocol, exceeded a limit of Options, or joined no namespace in time.
	Violations uint64
	// Overloads counts the connections that were closed because of Options.MaxHeldBytes.
	Overloads uint64

	// Received counts the events that peers have sent to a socket, those that were dropped
	// among them. Dropped counts those that came before the socket was admitted and were
	// dropped (HoldOptions.Drop).
	Received, Dropped uint64
	// Sent counts the events that Emit and EmitWithAck have sent, one for each socket of
	// this node that they were queued or written for: those of sockets and of broadcasts.
	// Broadcasts counts the broadcasts, also those that reached no socket and those that
	// came from other nodes: one for each namespace of this node.
	Sent, Broadcasts uint64

	// HandlerErrors counts the events whose handler returned an error, and PeerErrors those
	// of them that the peer caused, such as by wrong arguments.
	HandlerErrors, PeerErrors uint64
	// Panics counts the panics of the program's code that ended a socket or refused a
	// connection.
	Panics uint64
}

// figures is what a Server counts. The hot ones are alone in their cache lines, so that they
// do not slow down what is beside them.
type figures struct {
	states      [stateClosed + 1]atomic.Int64 // sockets in each; those that are closed are not kept
	admissions  atomic.Uint64
	refusals    [2]atomic.Uint64 // for good, temporary
	disconnects tally.By[Reason]
	violations  atomic.Uint64
	overloads   atomic.Uint64
	failed      atomic.Uint64
	panics      atomic.Uint64

	_                [64]byte
	received         atomic.Uint64
	_                [64]byte
	sent, broadcasts atomic.Uint64
	_                [64]byte
}

// Stats returns the figures of the server. It takes two locks for a moment, looks at no
// socket, and is cheap enough for every scrape. Figures that change meanwhile may differ by
// one.
func (srv *Server) Stats() Stats {
	f := &srv.figures
	in := func(s state) int { return int(f.states[s].Load()) }
	srv.running.mu.Lock()
	running := srv.running.n
	srv.running.mu.Unlock()
	return Stats{
		Engine:     srv.engine.Stats(),
		Connecting: in(stateConnecting), Held: in(stateHeld), Admitted: in(stateAdmitted), Ending: in(stateEnding),
		NewBytes: srv.newBytes.Load(), Running: running,
		Admissions: f.admissions.Load(), Refusals: f.refusals[0].Load(), TemporaryRefusals: f.refusals[1].Load(),
		Disconnects: f.disconnects.Counts(),
		Violations:  f.violations.Load(), Overloads: f.overloads.Load(),
		Received: f.received.Load(), Dropped: srv.droppedEarly.Load(),
		Sent: f.sent.Load(), Broadcasts: f.broadcasts.Load(),
		HandlerErrors: f.failed.Load(), PeerErrors: srv.peerFaults.Load(), Panics: f.panics.Load(),
	}
}

// become changes the state of the socket, and the figures with it. The caller holds mu.
func (s *Socket) become(next state) {
	states := &s.conn.server.figures.states
	states[s.state].Add(-1)
	states[next].Add(1)
	s.state = next
}

// countRefusal counts a socket that was refused.
func (srv *Server) countRefusal(temporary bool) {
	i := 0
	if temporary {
		i = 1
	}
	srv.figures.refusals[i].Add(1)
}

// countBroadcast counts a broadcast to sockets of this node.
func (srv *Server) countBroadcast(recipients int) {
	srv.figures.broadcasts.Add(1)
	srv.figures.sent.Add(uint64(recipients))
}
