package engineio

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"socketiojwt/internal/alarm"
	"socketiojwt/internal/guard"
	"socketiojwt/internal/logging"
)

// Server is an http.Handler that speaks Engine.IO 4, and with Options.AllowEIO3 also
// Engine.IO 3. All its methods may be called concurrently, and from inside the methods of
// Conn. Its sessions last until they end by themselves, or until Shutdown or Close ends
// them.
//
// WebSockets are taken over from their http.Server, and so are connections of quiet sessions by
// polling: those of polls that have waited for 100 ms, and after some POSTs. Closing the http.Server does not
// close WebSockets, nor such a poll before it is answered. When an http.Server gets a connection
// back, it calls ConnState with StateNew again, and the type of the net.Conn may be another one.
// SetKeepAlivesEnabled has no effect while a connection is taken over.
type Server struct {
	opts       Options
	log        *slog.Logger
	faults     logging.Sampler // faults of the program that any request or message may cause
	loud       logging.Sampler // peers that exceed a rate, or a bound of their address
	open       func(*Session, *http.Request) Conn
	openPacket openPacket
	origins    *originRule
	cors       corsPolicy
	binder     *binder
	unbound    sync.Once // logs that Options.Bind returns nothing
	uncounted  sync.Once // logs that some peers have no address to count by
	addresses  addresses
	figures    figures
	epoch      time.Time
	alarms     []*alarm.Queue[*Session] // see alarmOf
	hands      hands
	shared     sharedWait
	flushers   []flusher
	answers    parkedAnswers
	pause      tick          // the constant, except in tests
	directs    atomic.Uint64 // messages that direct has allowed, and when
	turnBegan  atomic.Int64  // Server.now when a turn of the senders began: see Yield
	yielding   atomic.Int32  // senders whose turn has ended, and that let others run
	parkAfter  time.Duration // the constant, except in tests
	linger     time.Duration // lingerTimeout, except in tests
	unparkable atomic.Bool   // a connection could not be polled, so no other one is parked

	mu       sync.Mutex // guards the fields below; locked after a session's mutex, never before
	sessions map[sessionID]*Session
	departed map[sessionID]departed
	tasks    int                   // goroutines that Shutdown waits for
	requests map[*request]struct{} // in progress
	parked   map[*parked]struct{}
	homes    map[*http.Server]*home // of parked connections
	phase    serverPhase
	idle     chan struct{} // closed when nothing is left; nil while no Shutdown waits
}

type serverPhase uint8

const (
	serving serverPhase = iota
	shuttingDown
	aborting // Shutdown waits for no request any more
)

// NewServer returns a Server, or an error if opts are not valid. It calls open for each
// new session, before the session's first message, on the goroutine of the request that
// starts it. open may call Send, must not keep the request, and may be called
// concurrently. If it returns nil the session is refused: by polling with 503, by
// WebSocket with a close frame.
func NewServer(open func(s *Session, r *http.Request) Conn, opts Options) (*Server, error) {
	if open == nil {
		return nil, errors.New("engineio: NewServer: open must not be nil")
	}
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	rule := newOriginRule(&opts)
	srv := &Server{
		opts:       opts,
		log:        opts.Logger,
		faults:     logging.Sampler{PerMinute: 60, Repeat: time.Minute},
		loud:       logging.Sampler{PerMinute: 10, Repeat: time.Minute},
		open:       open,
		openPacket: newOpenPacket(&opts),
		origins:    rule,
		cors:       newCORSPolicy(&opts, rule),
		binder:     newBinder(opts.Bind),
		epoch:      time.Now(),
		addresses:  newAddresses(&opts),
		sessions:   make(map[sessionID]*Session),
		departed:   make(map[sessionID]departed),
		requests:   make(map[*request]struct{}),
		parkAfter:  parkAfter,
		linger:     lingerTimeout,
		parked:     make(map[*parked]struct{}),
		homes:      make(map[*http.Server]*home),
		pause:      pause,
	}
	srv.shared.enabled, srv.shared.failure = opts.SharedWait, srv.sharedWaitFailed
	srv.alarms = srv.newAlarms()
	srv.flushers = newFlushers(srv)
	return srv, nil
}

// sharedWaitFailed logs why WebSockets wait in goroutines of their own despite Options.SharedWait.
func (srv *Server) sharedWaitFailed(err error) {
	srv.faults.Log(context.Background(), srv.log, slog.LevelError, "shared wait", "engineio: shared wait failed; WebSockets wait in goroutines of their own", "error", err)
}

// now is the clock of all deadlines. It is monotonic, so a change of the system's time
// ends no session.
func (srv *Server) now() time.Duration { return time.Since(srv.epoch) }

// ServeHTTP answers the requests for Options.Path, with or without its last slash, and for
// paths below it. WebSockets stay open after it has returned.
//
// Headers that are set on w before the call are part of each response, including the one
// that opens a WebSocket, unless this package sets the same header. Middleware that sets
// headers only when w is written to does not change the response that opens a WebSocket.
func (srv *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer guard.AbortHTTP(srv.log, "engineio: panic in a request; it was aborted")
	if !srv.opts.serves(r.URL.Path) {
		http.NotFound(w, r)
		return
	}
	underWay := srv.beginRequest(w)
	defer srv.endRequest(underWay)
	if r.Body != nil && r.Body != http.NoBody {
		srv.boundBody(w)
	}
	if p, answer := srv.route(w, r); answer != nil {
		answer(srv, w, r, p)
	}
}

// boundBody sets the deadline of a request's body: it may not take longer than a peer may be silent,
// whether this package reads it or net/http discards it.
func (srv *Server) boundBody(w http.ResponseWriter) {
	deadline := time.Now().Add(srv.patience(srv.opts.PingInterval + srv.opts.PingTimeout))
	http.NewResponseController(w).SetReadDeadline(deadline)
}

// answerer is a method of Server that answers a request.
type answerer func(*Server, http.ResponseWriter, *http.Request, parameters)

// route returns what answers r, and its parameters. If r is refused, it answers r itself and returns
// nil. So its variables, and those of what it calls, are not on the stack of a goroutine that opens
// a WebSocket, which usually has 4 KiB (docs/adr/0071-cpu-of-a-connection.md).
func (srv *Server) route(w http.ResponseWriter, r *http.Request) (p parameters, by answerer) {
	if !srv.origins.allows(r) {
		srv.refuseOrigin(w, r)
		return p, nil
	}
	p, refused := srv.readParameters(r)
	srv.cors.setHeaders(w.Header(), r, p.credentials())
	if r.Method == http.MethodOptions {
		srv.cors.answerPreflight(w)
		return p, nil
	}
	switch {
	case refused != nil:
		srv.refuse(w, r, refused)
	case !srv.opts.allows(p.transport):
		srv.refuse(w, r, refuseTransport)
	case p.sid == "":
		by = srv.handshake(w, r, p)
	case p.codec == nil:
		srv.refuse(w, r, refuseProtocol)
	default:
		by = (*Server).serveSession
	}
	return p, by
}

// serveSession answers a request that names a session.
func (srv *Server) serveSession(w http.ResponseWriter, r *http.Request, p parameters) {
	id, ok := parseSessionID(p.sid)
	s := srv.find(id)
	if !ok || s == nil || !s.owns(r) {
		srv.refuse(w, r, refuseUnknownSession)
		return
	}
	polling, mismatch := s.codec.later(p.codec), checkTransport(r, p.transport)
	get, post := r.Method == http.MethodGet, r.Method == http.MethodPost
	switch {
	case polling == nil:
		srv.refuse(w, r, refuseBadRequest)
	case mismatch != nil:
		srv.refuse(w, r, mismatch)
	case get && hasBody(r):
		srv.refuse(w, r, refuseBadRequest)
	case get && p.transport == WebSocket && srv.opts.upgradable():
		s.serveUpgrade(w, r, p.codec)
	case get && p.transport == Polling:
		s.servePoll(w, r, polling)
	case post && p.transport == Polling:
		s.servePost(w, r, polling)
	default:
		srv.refuse(w, r, refuseBadRequest)
	}
}
