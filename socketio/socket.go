package socketio

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/internal/hidden"
)

// state is the state of a socket. It goes from connecting to admitted, or from connecting to
// held to admitted, and from any of these to closed.
type state uint8

const (
	stateConnecting state = iota // its middleware runs; CONNECT is not answered yet
	stateHeld                    // CONNECT is answered; the socket waits for Admit
	stateAdmitted                // visible to handlers, rooms and broadcasts
	stateEnding                  // its peer has left; events received before are still handled
	stateClosed
)

// A Socket is one peer in one namespace. All methods may be called concurrently.
type Socket struct {
	id        string     // unless it is recovered; see ID
	name      string     // of the namespace
	namespace *Namespace // set before middleware runs
	conn      *conn
	rooms     places                  // guarded by namespace.local.mu
	session   atomic.Pointer[session] // nil if it cannot be recovered
	until     atomic.Int64            // deadline as wallclock.Nanos; 0 means none; written under mu

	mu          sync.Mutex
	place       int32 // in the listing; guarded by namespace.local.mu
	state       state
	working     bool // the worker is running
	greeted     bool // a function of OnConnect has started; only for the worker
	renewing    bool // Renew waits for running handlers
	ctx         *socketContext
	life        *life
	arrival     *arrival // nil once OnConnect has returned, unless a handshake is kept or it failed; written under mu and conn.mu
	inbox       inbox
	inboxBytes  int
	interceptor interceptor  // the first; see interceptorOf
	intercepted *intercepted // nil unless intercepted events are being handled
	acks        map[uint64]chan<- reply
	values      []contextValue
	onEnd       *atEnd
	ending      *ending
	deadline    *deadline
	passing     sync.Mutex // held while the end function of the deadline runs; locked before mu
	renewed     uint64     // Server.renewals when it was renewed last; written under mu and namespace.local.mu
}

// arrival is the part of a socket that it needs until it has been admitted and OnConnect has
// returned.
type arrival struct {
	handshake *Handshake // nil if OnConnect has failed and nothing is kept
	next      int32      // connect middleware to run next
	holds     int32      // number of times it was held
	waiting   bool       // the CONNECT waits for its turn; guarded by conn.mu
	suspended bool       // held, and Admit was not called since then
	opening   bool       // admitted, and OnConnect has not returned, or has failed
	kept      int        // bytes charged to the ledger for the handshake
	auth      *sharedAuth
	early     *early
	observed  *observed
}

// ending holds the data of a socket in stateEnding: its peer has left, and it has left the
// listing.
type ending struct {
	timer *time.Timer
	rooms []string // the rooms it was in
}

// drainTimeout is how long events of a peer that has left are still handled.
const drainTimeout = 10 * time.Second

func newSocket(c *conn, name string, handshake *Handshake) *Socket {
	s := &Socket{name: name, conn: c, life: &life{parent: c.ctx}, arrival: &arrival{handshake: handshake}}
	switch {
	case !c.legacy():
		s.id = c.server.ids.newID(name)
	case name == "/": // the peer uses it without being told, as with servers of Socket.IO 1 and 2
		s.id = c.session.ID()
	default:
		s.id = name + "#" + c.session.ID()
	}
	s.ctx = &socketContext{Context: s.life, socket: s}
	return s
}

// ID returns the socket id. It is not a secret. It differs from the ID of the Engine.IO
// session, except that for a peer of Engine.IO 3 it is derived from it, because such a peer
// uses the session ID as its own. See engineio.Options.AllowEIO3 for how that is protected.
// When such a peer leaves a namespace and joins it again, it has the same id. Its new socket is
// admitted only after OnDisconnect has returned for the previous one. A socket that is recovered
// gets the id of the socket that was lost, at the moment at which it is admitted: see
// Options.Recovery.
func (s *Socket) ID() string {
	if x := s.session.Load(); x != nil {
		return x.id
	}
	return s.id
}

// Namespace returns the namespace of the socket.
func (s *Socket) Namespace() *Namespace { return s.namespace }

// Transport returns the current transport of the connection.
func (s *Socket) Transport() engineio.Transport { return s.conn.session.Transport() }

// Handshake describes how the socket connected. Once OnConnect has returned, only those parts
// of its auth payload, headers and query are left that Options.KeepAuth, KeepHeaders and
// KeepQuery name.
func (s *Socket) Handshake() *Handshake {
	s.mu.Lock()
	arrival := s.arrival
	s.mu.Unlock()
	if arrival != nil && arrival.handshake != nil {
		return arrival.handshake
	}
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.conn.first.public(s.conn.session)
}

func (s *Socket) describe() hidden.Text {
	if s.conn.legacy() {
		return hidden.Text(s.name + "#" + s.conn.session.ID()[:8] + "...")
	}
	return hidden.Text(s.name + "#" + s.ID())
}

// String identifies the socket in logs. It shows only the beginning of a session's ID.
func (s *Socket) String() string { return s.describe().String() }

// Format writes the text of String for every verb, because other goroutines change the fields.
func (s *Socket) Format(f fmt.State, verb rune) { s.describe().Format(f, verb) }

// MarshalText returns the text of String.
func (s *Socket) MarshalText() ([]byte, error) { return s.describe().MarshalText() }

// LogValue returns the text of String, for slog.
func (s *Socket) LogValue() slog.Value { return s.describe().LogValue() }

func (s *Socket) isConnecting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == stateConnecting
}

// giveBack returns the charge for an event that no longer waits to the ledger. The caller holds
// mu.
func (s *Socket) giveBack(size int) {
	if s.state != stateClosed { // the end of the socket has returned all charges
		s.inboxBytes -= size
		s.conn.ledger().event(-size)
	}
}

// giveBackHandshake returns the charge for the handshake to the ledger. The caller holds mu.
func (s *Socket) giveBackHandshake() {
	if s.arrival == nil {
		return
	}
	s.conn.ledger().handshake(-s.arrival.kept)
	s.arrival.kept = 0
	if s.arrival.auth != nil {
		s.conn.forgetAuth(s.arrival.auth)
		s.arrival.auth = nil
	}
}

// fail ends the socket, whatever its state.
func (s *Socket) fail(err error) {
	if s.Refuse(err) != nil {
		s.Disconnect(err)
	}
}

// Go runs f on its own goroutine, for work that must not delay the next event. The context of f
// is that of a handler that starts now. If the socket has ended, f still runs, with a context
// that has ended. Server.Shutdown waits for f. A panic in f ends only this socket.
func (s *Socket) Go(f func(ctx context.Context)) {
	ctx := s.Context()
	s.conn.server.running.add(1)
	go func() {
		defer s.conn.server.running.add(-1)
		s.guard(func() { f(ctx) }, func() {})
	}()
}
