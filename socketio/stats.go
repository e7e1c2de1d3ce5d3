package socketio

import (
	"sync/atomic"

	"socketiojwt/engineio"
	"socketiojwt/internal/tally"
)

// Stats is a snapshot of the figures of a Server. Fields without another unit count sockets or
// events. Counters never decrease and start at zero with the server.
type Stats struct {
	// Engine has the figures of the sessions. Each session carries the sockets of one peer.
	Engine engineio.Stats

	// Connecting, Held, Admitted and Ending are current numbers. The CONNECT of Connecting
	// sockets is not answered, because connect middleware is running or waits for its turn.
	// Held sockets are suspended by Socket.Hold. The peer of Ending sockets has left, and
	// their last events are still being handled.
	Connecting, Held, Admitted, Ending int
	// NewBytes is the number of bytes currently kept for connections of which no socket has
	// been admitted. Options.MaxHeldBytes bounds it.
	NewBytes int64
	// Running is the current number of goroutines that run code of the program: connect
	// middleware, handlers and hooks.
	Running int

	// Admissions counts the sockets that were admitted.
	Admissions uint64
	// Refusals counts the sockets that Socket.Refuse or connect middleware refused permanently.
	// TemporaryRefusals counts those that may come back (Ending.Temporary).
	Refusals, TemporaryRefusals uint64
	// Disconnects counts the admitted sockets that have ended, by reason. The map is a copy.
	Disconnects map[Reason]uint64
	// Violations counts the connections that were closed because the peer broke the protocol,
	// exceeded a limit of Options, or joined no namespace in time.
	Violations uint64
	// Overloads counts the connections that were closed because of Options.MaxHeldBytes.
	Overloads uint64

	// Received counts the events that peers have sent to a socket, including dropped ones.
	// Dropped counts the events that arrived before the socket was admitted and were dropped
	// (HoldOptions.Drop).
	Received, Dropped uint64
	// Sent counts the events that Emit and EmitWithAck of sockets and broadcasts have sent,
	// once for each socket of this node for which the event was queued or written. Broadcasts
	// counts the broadcasts, once for each namespace of this node. It includes broadcasts that
	// reached no socket and those from other nodes.
	Sent, Broadcasts uint64

	// HandlerErrors counts the events whose handler returned an error. PeerErrors counts those
	// of them that the peer caused, for example by wrong arguments.
	HandlerErrors, PeerErrors uint64
	// Panics counts the panics of the program's code that ended a socket or refused a
	// connection.
	Panics uint64

	// Bus is the state of the Bus. It is nil without Options.Bus, and if the Bus is not a
	// HealthReporter.
	Bus *BusHealth
}

// figures are the counters of a Server. Each frequently changed counter has a cache line of its
// own, so that it does not slow down access to its neighbours.
type figures struct {
	states      [stateClosed + 1]atomic.Int64 // number of sockets in each state; not kept for closed ones
	admissions  atomic.Uint64
	refusals    atomic.Uint64
	temporary   atomic.Uint64 // refusals
	disconnects tally.By[Reason]
	violations  atomic.Uint64
	overloads   atomic.Uint64
	dropped     atomic.Uint64
	failed      atomic.Uint64 // handlers
	peerFaults  atomic.Uint64 // those of failed that peers caused
	panics      atomic.Uint64

	_                [64]byte
	received         atomic.Uint64
	_                [64]byte
	sent, broadcasts atomic.Uint64
	_                [64]byte
}

// Stats returns a snapshot of the server's figures. It may be called concurrently. It holds a few
// locks briefly, does not iterate over sockets, and is cheap enough for every scrape. Figures
// that change during the call may be off by one.
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
		Admissions: f.admissions.Load(), Refusals: f.refusals.Load(), TemporaryRefusals: f.temporary.Load(),
		Disconnects: f.disconnects.Counts(),
		Violations:  f.violations.Load(), Overloads: f.overloads.Load(),
		Received: f.received.Load(), Dropped: f.dropped.Load(),
		Sent: f.sent.Load(), Broadcasts: f.broadcasts.Load(),
		HandlerErrors: f.failed.Load(), PeerErrors: f.peerFaults.Load(), Panics: f.panics.Load(),
		Bus: srv.busHealth(),
	}
}

// busHealth returns the report of the bus, or nil if there is none.
func (srv *Server) busHealth() *BusHealth {
	l := srv.link.Load()
	if l == nil || l.health == nil {
		return nil
	}
	defer l.recovered()
	h := l.health.Health()
	return &h
}

// become changes the state of the socket and the figures of states. The caller holds mu.
func (s *Socket) become(next state) {
	states := &s.conn.server.figures.states
	states[s.state].Add(-1)
	states[next].Add(1)
	s.state = next
}

// countBroadcast counts a broadcast to sockets of this node.
func (srv *Server) countBroadcast(recipients int) {
	srv.figures.broadcasts.Add(1)
	srv.figures.sent.Add(uint64(recipients))
}
