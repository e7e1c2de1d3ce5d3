package socketio

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/internal/alarm"
	"socketiojwt/internal/guard"
	"socketiojwt/internal/logging"
)

// A Server is a Socket.IO server. Its embedded Namespace is "/".
type Server struct {
	*Namespace

	opts       Options
	engine     *engineio.Server
	acks       atomic.Uint64
	newBytes   atomic.Int64 // for connections without an admitted socket; see ledger
	oversized  sync.Once    // logs once that a peer exceeded a limit
	warned     sync.Map     // constant reasons that were logged as a warning
	closing    atomic.Bool  // Shutdown has begun: no new connections
	draining   atomic.Bool  // Shutdown accepts no new sockets or events
	door       door
	deadlines  *alarm.Queue[*deadline]
	renewals   atomic.Uint64 // of sockets; see Socket.Renew
	ids        idKey
	sampler    logging.Sampler
	running    tracker // workers and other goroutines that run user code
	compressed compressedFiles
	link       atomic.Pointer[link] // nil without Options.Bus
	extensions map[string]func(NodeID, []byte)
	recovery   *recovery // nil without Options.Recovery
	figures    figures
	broadcasts someNames // of events, for Options.Observer

	muxes atomic.Pointer[[]*Mux] // for Stats; nil before Handler

	wiring  sync.Mutex   // held by Handler
	handler http.Handler // nil until the checks have passed

	mu         sync.Mutex // guards the fields below; taken after the mu of a socket and of a connection
	frozen     bool
	namespaces map[string]*Namespace
	static     []*Namespace // those of namespaces that are not dynamic
	dynamic    []*Rule
	conns      []*conn // in no order
}

// NewServer makes a server. Register middleware and handlers, then serve Server.Handler. It
// fails if an option is invalid.
func NewServer(opts Options) (*Server, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	srv := &Server{opts: opts, sampler: newSampler(), namespaces: make(map[string]*Namespace)}
	srv.deadlines, srv.ids = newDeadlines(srv.clock), newIDKey(opts.ClusterKey)
	srv.recovery = newRecovery(srv)
	srv.door.began = time.Now()
	engine := opts.Engine
	engine.Allow = srv.allow(engine.Allow)
	if srv.engine, err = engineio.NewServer(srv.open, engine); err != nil {
		return nil, err
	}
	srv.Namespace = srv.addStatic("/")
	return srv, nil
}

// SetOrigins replaces Engine.Origins of the Options: see engineio.Server.SetOrigins. It may be
// called concurrently.
func (srv *Server) SetOrigins(origins []string) error { return srv.engine.SetOrigins(origins) }

func newTable() *table { return &table{routes: make(map[string]route)} }

// Of returns the namespace of that name, and makes it if it does not exist. The name must begin
// with a slash. After Handler was called, Of panics if the namespace does not exist.
func (srv *Server) Of(name string) *Namespace {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if n := srv.namespaces[name]; n != nil {
		return n
	}
	switch {
	case !strings.HasPrefix(name, "/") || strings.Contains(name, ",") || len(name) > srv.opts.MaxNameLength:
		panic(fmt.Sprintf("socketio: Of: namespace %q must begin with a slash, contain no comma and be no longer than Options.MaxNameLength", name))
	case srv.frozen:
		panic(fmt.Sprintf("socketio: Of(%q) after Server.Handler", name))
	}
	return srv.addStatic(name)
}

// addStatic adds a namespace that is not dynamic. The caller holds mu, or nothing else uses the server.
func (srv *Server) addStatic(name string) *Namespace {
	n := srv.newNamespace(name, newTable(), nil)
	srv.namespaces[name] = n
	srv.static = append(srv.static, n)
	return n
}

// all returns the namespaces that can have admitted sockets. Others are dynamic and have none.
func (srv *Server) all() []*Namespace {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	all := slices.Clone(srv.static)
	for _, rule := range srv.dynamic {
		all = append(all, rule.listed...)
	}
	return all
}

// Lookup returns the namespace of that name, or nil if there is none. A dynamic namespace
// exists while it has admitted sockets. Lookup may be called concurrently.
func (srv *Server) Lookup(name string) *Namespace {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if n := srv.namespaces[name]; n != nil && (n.rule == nil || n.members > 0) {
		return n
	}
	return nil
}

// Handler checks and freezes the registrations, and returns the handler to serve at
// Options.Engine.Path. With an http.ServeMux, register it both as "/socket.io/" and as
// "/socket.io", because some clients leave out the last slash. Otherwise the mux redirects
// them, and a WebSocket cannot follow a redirect. Handler fails if a namespace has neither
// connect middleware nor Open. Further calls return the same handler. It may be called
// concurrently.
func (srv *Server) Handler() (http.Handler, error) {
	srv.wiring.Lock() // concurrent calls wait for the result
	defer srv.wiring.Unlock()
	if srv.handler != nil {
		return srv.handler, nil
	}
	srv.mu.Lock()
	srv.frozen = true // before the checks, so that checked registrations cannot change
	var all []*Mux
	for _, rule := range srv.dynamic {
		all = append(all, rule.Mux)
	}
	for _, n := range srv.static {
		all = append(all, n.Mux)
	}
	srv.mu.Unlock()

	if err := srv.wire(all); err != nil {
		srv.mu.Lock()
		defer srv.mu.Unlock()
		srv.frozen = false
		return nil, err
	}
	srv.handler = http.HandlerFunc(srv.serveHTTP)
	return srv.handler, nil
}

// wire checks the registrations and prepares the server to run.
func (srv *Server) wire(all []*Mux) error {
	var failed []error
	for _, m := range all {
		// "/" always exists. If nothing was registered on it, it admits no socket.
		untouched := m == srv.Mux && m.table.untouched()
		if !m.table.admits() && !untouched {
			failed = append(failed, fmt.Errorf("socketio: namespace %s has no connect middleware; call Use with a gate, or Open to admit every socket", m.name))
		}
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	if err := srv.connectBus(); err != nil {
		return err
	}
	if srv.closing.Load() { // Close may have found no bus to close
		srv.abortBus()
	}
	srv.muxes.Store(&all)
	srv.door.tables = nil
	for _, m := range all {
		m.table.freeze()
		if m.table.admits() {
			srv.door.tables = append(srv.door.tables, m.table)
		}
	}
	return nil
}

// bodyTimeout is how long an unread request body may take to arrive.
const bodyTimeout = 10 * time.Second

func (srv *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	defer guard.AbortHTTP(srv.opts.Logger, "socketio: panic in a request; it was aborted")
	if r.Body != nil && r.Body != http.NoBody {
		// No code reads this body, and net/http would wait for it without limit. The engine
		// sets a deadline of its own.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	}
	if srv.serveClientFile(w, r) {
		return
	}
	srv.engine.ServeHTTP(w, r)
}

// nextAck returns an acknowledgement id that this server has not used in any packet.
func (srv *Server) nextAck() uint64 { return srv.acks.Add(1) - 1 }

func (srv *Server) addConn(c *conn) bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.closing.Load() {
		return false
	}
	srv.conns = append(srv.conns, c)
	c.place = int32(len(srv.conns))
	return true
}

func (srv *Server) forgetConn(c *conn) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if c.place == 0 { // forgotten already, or refused
		return
	}
	list, moved := without(srv.conns, c.place)
	srv.conns, moved.place, c.place = list, c.place, 0
}
