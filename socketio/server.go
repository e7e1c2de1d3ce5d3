package socketio

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/internal/guard"
	"socketiojwt/internal/logging"
	"socketiojwt/internal/wallclock"
)

// A Server is a Socket.IO server. Its embedded Namespace is "/".
type Server struct {
	*Namespace

	opts         Options
	engine       *engineio.Server
	acks         atomic.Uint64
	newBytes     atomic.Int64 // kept for connections without an admission; see ledger
	droppedEarly atomic.Uint64
	oversized    sync.Once   // tells that a peer sent more than a limit
	warned       sync.Map    // reasons, constants of ours, that were logged as a warning
	closing      atomic.Bool // Shutdown has begun: no new connections
	draining     atomic.Bool // and no new sockets or events
	door         door
	deadlines    *wallclock.Queue
	ids          idKey
	sampler      logging.Sampler
	peerFaults   atomic.Uint64 // errors of handlers that peers caused
	running      tracker       // workers and other goroutines that run user code
	compressed   compressedFiles
	link         atomic.Pointer[link] // nil without Options.Bus
	extensions   map[string]func(NodeID, []byte)
	figures      figures

	wiring  sync.Mutex   // held while Handler checks
	handler http.Handler // nil until it was checked

	mu         sync.Mutex // guards what follows; taken after a socket's and a connection's
	frozen     bool
	namespaces map[string]*Namespace
	dynamic    []*Rule
	conns      map[*conn]struct{}
}

// NewServer makes a server. Register what it does, then serve Server.Handler.
func NewServer(opts Options) (*Server, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	srv := &Server{opts: opts, sampler: newSampler(), namespaces: make(map[string]*Namespace), conns: make(map[*conn]struct{})}
	srv.deadlines, srv.ids = wallclock.New(opts.Now), newIDKey(opts.ClusterKey)
	srv.door.began = time.Now()
	engine := opts.Engine
	engine.Allow = srv.allow(engine.Allow)
	if srv.engine, err = engineio.NewServer(srv.open, engine); err != nil {
		return nil, err
	}
	srv.Namespace = srv.newNamespace("/", newTable(), nil)
	srv.namespaces["/"] = srv.Namespace
	return srv, nil
}

func newTable() *table { return &table{handlers: make(map[string]Handler)} }

// Of returns the namespace of that name, which begins with a slash, and makes it
// if need be. Once Handler was called it panics for a namespace that does not
// exist.
func (srv *Server) Of(name string) *Namespace {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if n := srv.namespaces[name]; n != nil {
		return n
	}
	switch {
	case !strings.HasPrefix(name, "/") || strings.Contains(name, ",") || len(name) > srv.opts.MaxNameLength:
		panic(fmt.Sprintf("socketio: Of: namespace %q has to begin with a slash, hold no comma and be no longer than Options.MaxNameLength", name))
	case srv.frozen:
		panic(fmt.Sprintf("socketio: Of(%q) after Server.Handler", name))
	}
	n := srv.newNamespace(name, newTable(), nil)
	srv.namespaces[name] = n
	return n
}

// Lookup returns the namespace of that name, a dynamic one too while it has
// admitted sockets; nil when there is none.
func (srv *Server) Lookup(name string) *Namespace {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if n := srv.namespaces[name]; n != nil && (n.rule == nil || n.members > 0) {
		return n
	}
	return nil
}

// Handler checks what was registered, freezes it, and returns the handler to
// serve at Options.Engine.Path. For clients that leave out the last slash of the
// path, an http.ServeMux needs it twice, as "/socket.io/" and as "/socket.io";
// otherwise it redirects them, which a WebSocket does not survive. It fails for a namespace that has neither connect
// middleware nor Open. Calling it again returns the same handler.
func (srv *Server) Handler() (http.Handler, error) {
	srv.wiring.Lock() // whoever calls it meanwhile waits for the verdict
	defer srv.wiring.Unlock()
	if srv.handler != nil {
		return srv.handler, nil
	}
	srv.mu.Lock()
	srv.frozen = true // before the checks, so that what was checked stays as it is
	var all []*Mux
	for _, rule := range srv.dynamic {
		all = append(all, rule.Mux)
	}
	for _, n := range srv.namespaces {
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

// wire checks what was registered and makes it ready.
func (srv *Server) wire(all []*Mux) error {
	var failed []error
	for _, m := range all {
		// "/" always exists; unless something was done with it, nobody is let in.
		untouched := m == srv.Mux && m.table.untouched()
		if !m.table.admits() && !untouched {
			failed = append(failed, fmt.Errorf("socketio: namespace %s has no connect middleware; call Use with a gate, or Open to admit everybody", m.name))
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
	srv.door.tables = nil
	for _, m := range all {
		m.table.freeze()
		if m.table.admits() {
			srv.door.tables = append(srv.door.tables, m.table)
		}
	}
	return nil
}

// bodyTimeout is how long a body may take to come that nobody wants.
const bodyTimeout = 10 * time.Second

func (srv *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	defer guard.AbortHTTP(srv.opts.Logger, "socketio: panic in a request; it was aborted")
	if r.Body != nil && r.Body != http.NoBody {
		// Nobody here reads it; net/http would wait for it, however long. The
		// engine sets a deadline of its own.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	}
	if srv.serveClientFile(w, r) {
		return
	}
	srv.engine.ServeHTTP(w, r)
}

// nextAck returns an acknowledgement id that no packet of this server has.
func (srv *Server) nextAck() uint64 { return srv.acks.Add(1) - 1 }

func (srv *Server) addConn(c *conn) bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.closing.Load() {
		return false
	}
	srv.conns[c] = struct{}{}
	return true
}

func (srv *Server) removeConn(c *conn) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	delete(srv.conns, c)
}
