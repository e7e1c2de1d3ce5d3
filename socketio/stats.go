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
	// PendingAcks is the current number of acknowledgements that peers have not sent yet.
	PendingAcks int
	// Namespaces has the figures of each namespace, by its name. The namespaces of a rule are
	// counted together, under the name of the rule. The map is a copy.
	Namespaces map[string]NamespaceStats

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

// NamespaceStats are the part of Stats that concerns one namespace, or all namespaces of a rule.
type NamespaceStats struct {
	Held, Admitted, Ending                  int
	Admissions, Refusals, TemporaryRefusals uint64
	Received, Dropped, Sent, Broadcasts     uint64
}

// figures are the counters of a Server. Each frequently changed counter has a cache line of its
// own, so that it does not slow down access to its neighbours.
type figures struct {
	counts      // of sockets whose namespace is not known
	disconnects tally.By[Reason]
	violations  atomic.Uint64
	overloads   atomic.Uint64
	failed      atomic.Uint64 // handlers
	peerFaults  atomic.Uint64 // those of failed that peers caused
	panics      atomic.Uint64
	pendingAcks atomic.Int64
}

// counts are the counters of a namespace, or of all namespaces of a rule.
type counts struct {
	states     [stateClosed + 1]atomic.Int64 // number of sockets in each state; not kept for closed ones
	admissions atomic.Uint64
	refusals   atomic.Uint64
	temporary  atomic.Uint64 // refusals
	dropped    atomic.Uint64

	_                [64]byte
	received         atomic.Uint64
	_                [64]byte
	sent, broadcasts atomic.Uint64
	_                [64]byte
}

// stats returns the figures.
func (c *counts) stats() NamespaceStats {
	in := func(s state) int { return int(c.states[s].Load()) }
	return NamespaceStats{
		Held: in(stateHeld), Admitted: in(stateAdmitted), Ending: in(stateEnding),
		Admissions: c.admissions.Load(), Refusals: c.refusals.Load(), TemporaryRefusals: c.temporary.Load(),
		Received: c.received.Load(), Dropped: c.dropped.Load(), Sent: c.sent.Load(), Broadcasts: c.broadcasts.Load(),
	}
}

// plus returns the sum of two namespaces.
func (n NamespaceStats) plus(m NamespaceStats) NamespaceStats {
	return NamespaceStats{
		n.Held + m.Held, n.Admitted + m.Admitted, n.Ending + m.Ending,
		n.Admissions + m.Admissions, n.Refusals + m.Refusals, n.TemporaryRefusals + m.TemporaryRefusals,
		n.Received + m.Received, n.Dropped + m.Dropped, n.Sent + m.Sent, n.Broadcasts + m.Broadcasts,
	}
}

// Stats returns a snapshot of the server's figures. It may be called concurrently. It holds a few
// locks briefly, does not iterate over sockets, and is cheap enough for every scrape. Figures
// that change during the call may be off by one.
func (srv *Server) Stats() Stats {
	f := &srv.figures
	all, namespaces := f.stats(), make(map[string]NamespaceStats)
	if muxes := srv.muxes.Load(); muxes != nil {
		for _, m := range *muxes {
			stats := m.table.counts.stats()
			namespaces[m.name] = namespaces[m.name].plus(stats) // two rules may have the same name
			all = all.plus(stats)
		}
	}
	srv.running.mu.Lock()
	running := srv.running.n
	srv.running.mu.Unlock()
	return Stats{
		Engine:     srv.engine.Stats(),
		Connecting: int(f.states[stateConnecting].Load()), Held: all.Held, Admitted: all.Admitted, Ending: all.Ending,
		NewBytes: srv.newBytes.Load(), Running: running, PendingAcks: int(f.pendingAcks.Load()), Namespaces: namespaces,
		Admissions: all.Admissions, Refusals: all.Refusals, TemporaryRefusals: all.TemporaryRefusals,
		Disconnects: f.disconnects.Counts(),
		Violations:  f.violations.Load(), Overloads: f.overloads.Load(),
		Received: all.Received, Dropped: all.Dropped, Sent: all.Sent, Broadcasts: all.Broadcasts,
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
	s.countState(s.state, -1)
	s.countState(next, 1)
	s.state = next
}

// countState adds n to the number of sockets in a state. The caller holds mu.
func (s *Socket) countState(in state, n int64) {
	if in == stateConnecting || in == stateClosed { // the namespace may not be known
		s.conn.server.figures.states[in].Add(n)
		return
	}
	s.counts().states[in].Add(n)
}

// counts returns the counters of the socket's namespace. The caller holds mu, or the
// socket is or was admitted.
func (s *Socket) counts() *counts {
	if s.namespace == nil {
		return &s.conn.server.figures.counts
	}
	return &s.namespace.table.counts
}

// countBroadcast counts a broadcast to sockets of this node.
func (n *Namespace) countBroadcast(recipients int) {
	n.table.counts.broadcasts.Add(1)
	n.table.counts.sent.Add(uint64(recipients))
}
