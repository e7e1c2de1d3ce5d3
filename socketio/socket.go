package socketio

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/internal/wallclock"
)

// state is where a socket stands. It goes connecting, admitted, or connecting,
// held, admitted; and from each to closed.
type state uint8

const (
	stateConnecting state = iota // its middleware runs; CONNECT is not answered
	stateHeld                    // CONNECT is answered; waits outside for Admit
	stateAdmitted                // handlers, rooms and broadcasts see it
	stateEnding                  // its peer is gone; events received before are still handled
	stateClosed
)

// A Socket is one peer in one namespace.
type Socket struct {
	id        string
	name      string     // of the namespace
	namespace *Namespace // set before middleware runs
	conn      *conn
	cancel    context.CancelCauseFunc
	rooms     map[string]struct{} // guarded by namespace.local.mu
	until     atomic.Int64        // the deadline, by wallclock.Nanos; 0 when there is none; written under mu

	mu         sync.Mutex
	state      state
	working    bool // the worker runs
	greeted    bool // a function of OnConnect has begun; only the worker uses it
	next       int  // connect middleware to run next
	suspended  bool // held, and Admit was not called since
	holds      int  // times it was held
	ctx        *socketContext
	handshake  *Handshake // until OnConnect has returned
	kept       int        // bytes that the ledger was charged for it
	auth       *sharedAuth
	inbox      []task
	inboxBytes int
	intercepts *intercepts
	early      *early
	acks       map[uint64]chan<- reply
	values     []contextValue
	onEnd      []func()
	ending     *ending
	deadline   *wallclock.Entry
}

// ending is what a socket in stateEnding keeps: its peer is gone, so it has left
// the listing already.
type ending struct {
	timer *time.Timer
	rooms []string // that it was in
}

// task is what a worker does next: an event, or a step of the socket's life.
type task struct {
	event *Event
	step  func()
}

// drainTimeout is how long the events of a peer that is gone are still handled.
const drainTimeout = 10 * time.Second

func newSocket(c *conn, name string, handshake *Handshake) *Socket {
	life, cancel := context.WithCancelCause(c.ctx)
	s := &Socket{name: name, conn: c, cancel: cancel, handshake: handshake}
	switch {
	case !c.legacy():
		s.id = c.server.ids.newID(name)
	case name == "/": // the peer takes it for its own without being told, as the server of its time gave it
		s.id = c.session.ID()
	default:
		s.id = name + "#" + c.session.ID()
	}
	s.ctx = &socketContext{Context: life, socket: s}
	return s
}

// ID returns the socket id. It is no secret, and not the ID of the Engine.IO session,
// unless the peer speaks Engine.IO 3: then it is made of that, since such a peer
// takes it for its own. See engineio.Options.AllowEIO3 on what protects it. When such
// a peer leaves a namespace and joins it again it has the same id; it is let in when
// OnDisconnect has returned for the socket it had.
func (s *Socket) ID() string { return s.id }

// Namespace returns the namespace the socket is in.
func (s *Socket) Namespace() *Namespace { return s.namespace }

// Transport returns what carries the connection now.
func (s *Socket) Transport() engineio.Transport { return s.conn.session.Transport() }

// Handshake says how the socket came. Once OnConnect has returned, its auth
// payload, headers and query are gone, except for what Options.KeepAuth, KeepHeaders
// and KeepQuery name.
func (s *Socket) Handshake() *Handshake {
	s.mu.Lock()
	h := s.handshake
	s.mu.Unlock()
	if h != nil {
		return h
	}
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.conn.request.public()
}

// String identifies the socket in logs. Of a session's ID it shows the beginning.
func (s *Socket) String() string {
	if s.conn.legacy() {
		return s.name + "#" + s.conn.session.ID()[:8] + "..."
	}
	return s.name + "#" + s.id
}

// Format prints String for every verb, rather than fields that others change.
func (s *Socket) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue identifies the socket in logs.
func (s *Socket) LogValue() slog.Value { return slog.StringValue(s.String()) }

func (s *Socket) isConnecting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == stateConnecting
}

// post gives the worker something to do, and starts it if it does not run. The
// caller holds mu.
func (s *Socket) post(t task) {
	s.inbox = append(s.inbox, t)
	if !s.working {
		s.working = true
		s.conn.server.running.add(1)
		go s.work()
	}
}

// work does what is in the inbox, one thing at a time, and ends when it is empty.
func (s *Socket) work() {
	for {
		now := s.look()
		s.mu.Lock()
		if len(s.inbox) == 0 {
			s.inbox = nil // an idle socket keeps no buffer
			s.working = false
			s.mu.Unlock()
			s.conn.server.running.add(-1)
			return
		}
		t := s.inbox[0]
		s.inbox[0] = task{}
		s.inbox = s.inbox[1:]
		if t.event != nil {
			s.giveBack(t.event.size)
		}
		// In one step: an event in the inbox means that the socket has not ended, and
		// so that its context has not.
		ctx, late, more := s.ctx, t.event != nil && s.over(now), len(s.inbox) > 0
		s.mu.Unlock()
		if !late {
			s.guard(func() { s.do(ctx, t) }, func() { go s.work() })
		}
		if more {
			runtime.Gosched() // or a peer that floods keeps its processor from others
		}
	}
}

// giveBack takes bytes of an event that does not wait any more off the ledger. The
// caller holds mu.
func (s *Socket) giveBack(size int) {
	if s.state != stateClosed { // whose end has given back all
		s.inboxBytes -= size
		s.conn.ledger.event(-size)
	}
}

// giveBackHandshake takes the socket's handshake off the ledger. The caller holds mu.
func (s *Socket) giveBackHandshake() {
	s.conn.ledger.handshake(-s.kept)
	s.kept = 0
	if s.auth != nil {
		s.conn.dropAuth(s.auth)
		s.auth = nil
	}
}

func (s *Socket) do(ctx context.Context, t task) {
	if t.event == nil {
		t.step()
		return
	}
	if ctx.Err() != nil { // it has ended since work looked
		return
	}
	name := t.event.name
	if err := s.namespace.table.handler(name)(ctx, s, t.event); err != nil {
		s.logFailed(ctx, name, err)
	}
}

// guard runs user code. A panic in it is logged and ends only the socket. After
// runtime.Goexit, which ends the goroutine, resume carries on with another one.
func (s *Socket) guard(user, resume func()) {
	returned := false
	defer func() {
		if returned {
			return
		}
		p := recover()
		s.logPanic(p)
		s.fail(&Ending{Message: "internal error"})
		if p == nil {
			resume()
		}
	}()
	user()
	returned = true
}

// fail ends the socket, whatever its state.
func (s *Socket) fail(err error) {
	if s.Refuse(err) != nil {
		s.Disconnect(err)
	}
}

// Go runs f on a goroutine of its own, for work that must not hold up the next
// event. Its context is that of a handler that starts now; if the socket has
// ended, so has the context, and f runs all the same. Server.Shutdown waits for f.
// A panic in f ends only this socket.
func (s *Socket) Go(f func(ctx context.Context)) {
	ctx := s.Context()
	s.conn.server.running.add(1)
	go func() {
		defer s.conn.server.running.add(-1)
		s.guard(func() { f(ctx) }, func() {})
	}()
}
