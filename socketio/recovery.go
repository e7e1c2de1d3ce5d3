package socketio

import (
	"cmp"
	"container/list"
	"crypto/sha256"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"socketiojwt/socketio/internal/replay"
)

// Recovery configures the recovery of sessions whose connection was lost: the connection state
// recovery of Socket.IO. The zero value is ready to use. Docs/adr/0044 says what is recovered and
// why.
//
// A client that connects again within Window gets the same socket id, the values of its Keys and
// its rooms, and first of all the events that it has missed: those of broadcasts and of
// Socket.Emit, except events that are volatile or ask for an acknowledgement, and those of
// Socket.EmitOnce. It receives each of them once and in order, or its session is not recovered.
// Each such event has a further argument, a string. Only current clients (Engine.IO 4) can
// recover a session.
//
// Recovery never skips connect middleware. A session is recovered only if middleware has called
// Socket.SetRecoveryKey for the lost socket and for the new one, with the same key, and if all
// middleware admits the new socket. Package auth does so for tokens with a subject. A socket that
// was held cannot be recovered, because its CONNECT was answered before it was admitted. OnConnect
// runs for a recovered socket too: see Socket.Recovered.
//
// A session is recovered only after its connection was lost (ReasonTransportClose,
// ReasonTransportError, ReasonPingTimeout, ReasonSlowPeer), and not after Socket.Disconnect, the
// deadline of SetDeadline, DISCONNECT, a violation or Shutdown. It is not recovered if the
// connection was lost before OnConnect had returned, because what OnConnect did and sent after
// that would be missing. In all other cases the client gets a new socket with another id. The same
// happens if something that the client may have missed is not kept, because of Window or of the
// limits, or if the namespace has sent more than 32,768 events meanwhile.
//
// A session is recovered only on the same node, unless the Bus is a Recorder: then on any node,
// also after Shutdown, and only the values of shared keys (NewSharedKey) come back. Events then
// reach sockets when they are in the log of the Recorder, which bounds what is kept: MaxSessions
// and MaxSessionBytes have no effect, MaxSessionsPerKey bounds the sessions that each node has
// saved, and MaxBytes bounds what is read for sessions at a time. Events of Broadcast.Local are not
// sent again. A socket that leaves a room or ends just after a broadcast may miss it.
//
// The values of Keys come from the lost socket, for which OnDisconnect has run, unless middleware
// has set a value for the new one.
type Recovery struct {
	// Window is how long a session can be recovered after its connection was lost. Zero means
	// 2 minutes.
	Window time.Duration
	// MaxSessions bounds the lost sessions that are kept. If it is exceeded, the session that
	// was lost first is forgotten. Zero means 10,000.
	MaxSessions int
	// MaxSessionsPerKey bounds those with the same recovery key, so that one user cannot make the
	// server forget the sessions of all others. If it is exceeded, the session with that key that
	// was lost first is forgotten. Zero means 16.
	MaxSessionsPerKey int
	// MaxSessionBytes bounds the bytes kept of events of Socket.Emit for each session. Older
	// events are forgotten. Zero means 64 KiB.
	MaxSessionBytes int
	// MaxBytes bounds the bytes kept for all sessions together: events of Socket.Emit, events of
	// broadcasts, which are kept once for each namespace, and the rooms of lost sessions and what
	// SetRecoveryCheck describes of them. Older events of the namespace or session are forgotten,
	// and a session that does not fit is not kept. The values of Keys do not count. Zero means
	// 64 MiB.
	MaxBytes int

	// RestoreRoom reports whether a socket that is to be recovered joins a room again that it
	// had joined by Join. Rooms of Assign are not restored: the new socket has those that were
	// assigned to it. If the socket would lack one of the rooms of the lost socket, the session
	// is not recovered, because the client would miss events without knowing it. RestoreRoom runs
	// after all middleware, and may be called concurrently. Nil means that no room is restored,
	// so that only sessions without joined rooms can be recovered.
	RestoreRoom func(s *Socket, room string) bool

	// Unbound also recovers sessions that a Recorder has of servers of other software, such as the
	// Node server. Nothing says for whom such a session is: anyone who knows its pid gets its id
	// and its rooms, as far as RestoreRoom allows them, and what was sent to them. It has no effect
	// without a Recorder. False is safe.
	Unbound bool
}

// withDefaults returns r with its zero values replaced.
func (r Recovery) withDefaults() (Recovery, error) {
	if r.Window < 0 || r.MaxSessions < 0 || r.MaxSessionsPerKey < 0 || r.MaxSessionBytes < 0 || r.MaxBytes < 0 {
		return r, errors.New("socketio: Recovery: Window, MaxSessions, MaxSessionsPerKey, MaxSessionBytes and MaxBytes must not be negative; zero means the default")
	}
	if r.Window == 0 {
		r.Window = 2 * time.Minute
	}
	for _, l := range []struct {
		limit *int
		zero  int
	}{{&r.MaxSessions, 10_000}, {&r.MaxSessionsPerKey, 16}, {&r.MaxSessionBytes, 64 << 10}, {&r.MaxBytes, 64 << 20}} {
		if *l.limit == 0 {
			*l.limit = l.zero
		}
	}
	return r, nil
}

// recovery keeps the lost sessions of a server, and prunes what is kept for all sessions. A nil
// recovery does nothing.
type recovery struct {
	Recovery
	server    *Server
	sealer    sealer
	budget    *replay.Budget
	keep      time.Duration // how long events are kept
	maxBehind int           // bytes of packets of a connection that wait for the log, and of its queue
	maxReplay int           // bytes of missed events, so that they fit into the connection's queue
	awake     atomic.Bool   // the timer runs

	mu      sync.Mutex // taken after a socket's
	closed  bool
	saving  bool          // a goroutine saves sessions
	unsaved []unsaved     // with a Recorder
	saved   savedSessions // with a Recorder
	lost    map[pidHash]*session
	order   list.List             // of the lost sessions, the oldest first
	byKey   map[string]*list.List // the same for each key
	timer   *time.Timer
}

// pidHash is the SHA-256 of a pid. The server keeps no pid.
type pidHash = [sha256.Size]byte

func newRecovery(srv *Server) *recovery {
	if srv.opts.Recovery == nil {
		return nil
	}
	r := &recovery{Recovery: *srv.opts.Recovery, server: srv, lost: make(map[pidHash]*session), byKey: make(map[string]*list.List)}
	r.budget, r.sealer = replay.NewBudget(r.MaxBytes), newSealer(srv.opts.ClusterKey)
	engine := &srv.opts.Engine
	// A lost connection is noticed when the next ping is not answered.
	r.keep = r.Window + cmp.Or(engine.PingInterval, 25*time.Second) + cmp.Or(engine.PingTimeout, 20*time.Second)
	r.maxBehind = cmp.Or(engine.MaxOutbound, 4<<20)
	r.maxReplay = r.maxBehind / 2
	return r
}

// wake makes the timer run, because something is kept.
func (r *recovery) wake() {
	if !r.awake.Load() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.start()
	}
}

// start is wake for a caller that holds mu.
func (r *recovery) start() {
	if r.closed || r.awake.Load() {
		return
	}
	r.awake.Store(true)
	every := min(max(r.Window/4, time.Second), longestSweep)
	if r.timer == nil {
		r.timer = time.AfterFunc(every, r.sweep)
	} else {
		r.timer.Reset(every)
	}
}

// longestSweep bounds the time after which something that is too old is forgotten.
const longestSweep = 30 * time.Second

// sweep forgets what is too old. The timer calls it while anything is kept.
func (r *recovery) sweep() {
	for r.forgetOld() {
	}
	for _, n := range r.server.all() {
		n.local.events.Prune(r.keep)
		for _, s := range n.local.selected(nil, Selector{All: true}) {
			s.prune(r.keep)
		}
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	r.awake.Store(false)
	if len(r.lost) > 0 || len(r.saved.byKey) > 0 || r.budget.Used() > 0 {
		r.start()
	}
}

// mostForgotten bounds the sessions that are forgotten at a time, because sockets that end or return wait meanwhile.
const mostForgotten = 256

// forgetOld forgets some lost sessions that are too old, and reports whether there are more.
func (r *recovery) forgetOld() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range mostForgotten {
		front := r.order.Front()
		if front == nil || !r.over(front.Value.(*session)) {
			r.saved.prune(func() {
				r.mu.Unlock()
				r.mu.Lock()
			})
			return false
		}
		r.forget(front.Value.(*session))
	}
	return true
}

// close forgets all lost sessions, and keeps no more.
func (r *recovery) close() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, x := range r.lost {
		r.forget(x)
	}
	if r.timer != nil {
		r.timer.Stop()
	}
}
