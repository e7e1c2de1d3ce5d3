package socketio

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
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

	wiring  sync.Mutex   // held while Handler checks
	handler http.Handler // nil until it was checked

	mu         sync.Mutex // guards what follows; taken after a socket's and a connection's
	frozen     bool
	namespaces map[string]*Namespace
	dynamic    []*Namespace
	conns      map[*conn]struct{}
}

// NewServer makes a server. Register what it does, then serve Server.Handler.
func NewServer(opts Options) (*Server, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	srv := &Server{opts: opts, sampler: newSampler(), namespaces: make(map[string]*Namespace), conns: make(map[*conn]struct{})}
	srv.deadlines, srv.ids = wallclock.New(opts.Now), newIDKey()
	srv.door.began = time.Now()
	engine := opts.Engine
	engine.Allow = srv.allow(engine.Allow)
	if srv.engine, err = engineio.NewServer(srv.open, engine); err != nil {
		return nil, err
	}
	srv.Namespace = srv.newNamespace("/", newTable())
	srv.namespaces["/"] = srv.Namespace
	return srv, nil
}

func newTable() *table { return &table{handlers: make(map[string]Handler)} }

func (srv *Server) newNamespace(name string, t *table) *Namespace {
	n := &Namespace{name: name, server: srv, table: t}
	n.local = &Local{namespace: n, byID: make(map[string]*Socket), room: make(map[string]map[*Socket]struct{})}
	n.adapter = n.local
	return n
}

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
	n := srv.newNamespace(name, newTable())
	srv.namespaces[name] = n
	return n
}

// OfPattern declares dynamic namespaces: all whose whole name matches. What is
// registered on the namespace it returns holds for each of them; each has its
// own sockets and rooms, comes with its first admitted socket and goes with its last;
// in connect middleware, Socket.Namespace is usable before that. Where Options.Adapter
// is set, the adapter is made with the first admission, or for middleware that uses it:
// let that come after the gate, since peers choose the names. Emitting to what
// OfPattern returns, and what else addresses sockets, concerns those of them all.
// Declare them in the order in which they shall be tried. "/" is never dynamic.
func (srv *Server) OfPattern(pattern *regexp.Regexp) *Namespace {
	whole := regexp.MustCompile(`\A(?:` + pattern.String() + `)\z`)
	return srv.OfFunc(func(_ context.Context, name string, _ *Handshake) (bool, error) {
		return whole.MatchString(name), nil
	}).named(pattern.String())
}

// OfFunc declares dynamic namespaces: all for which matches returns true. It is
// asked for each CONNECT, with the name that the peer chose and before anything
// is known of the peer; an error refuses the socket. While a namespace has
// sockets it belongs to the rule that made it: a socket that another rule
// matches is refused.
func (srv *Server) OfFunc(matches func(ctx context.Context, name string, h *Handshake) (bool, error)) *Namespace {
	notNil("OfFunc", matches == nil)
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.frozen {
		panic("socketio: OfFunc or OfPattern after Server.Handler")
	}
	n := srv.newNamespace(fmt.Sprintf("dynamic namespace %d", len(srv.dynamic)+1), newTable())
	n.matches = matches
	n.adapter = children{n}
	srv.dynamic = append(srv.dynamic, n)
	return n
}

func (n *Namespace) named(name string) *Namespace {
	n.name = name
	return n
}

// Lookup returns the namespace of that name, a dynamic one too while it has
// admitted sockets; nil when there is none.
func (srv *Server) Lookup(name string) *Namespace {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if n := srv.namespaces[name]; n != nil && (n.parent == nil || n.members > 0) {
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
	rules, named := slices.Clone(srv.dynamic), slices.Collect(maps.Values(srv.namespaces))
	srv.mu.Unlock()

	if err := srv.wire(append(rules, named...), named); err != nil {
		srv.mu.Lock()
		defer srv.mu.Unlock()
		srv.frozen = false
		return nil, err
	}
	srv.handler = http.HandlerFunc(srv.serveHTTP)
	return srv.handler, nil
}

// wire checks what was registered and makes it ready. Adapters are for the
// namespaces that exist; dynamic ones get theirs when they come.
func (srv *Server) wire(all, named []*Namespace) error {
	var failed []error
	for _, n := range all {
		// "/" always exists; unless something was done with it, nobody is let in.
		untouched := n == srv.Namespace && n.table.untouched()
		if !n.table.admits() && !untouched {
			failed = append(failed, fmt.Errorf("socketio: namespace %s has no connect middleware; call Use with a gate, or Open to admit everybody", n.name))
		}
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	for _, n := range named {
		if err := srv.adapt(n); err != nil {
			return err
		}
	}
	srv.door.tables = nil
	for _, n := range all {
		n.table.freeze()
		if n.table.admits() {
			srv.door.tables = append(srv.door.tables, n.table)
		}
	}
	return nil
}

// adapt gives a namespace its adapter.
func (srv *Server) adapt(n *Namespace) error {
	if srv.opts.Adapter == nil {
		return nil
	}
	adapter, err := srv.newAdapter(n)
	if err != nil {
		return err
	}
	n.adapter = adapter
	return nil
}

// newAdapter makes the adapter of a namespace. Options.Adapter is set.
func (srv *Server) newAdapter(n *Namespace) (Adapter, error) {
	adapter, err := srv.opts.Adapter(n.local)
	if err != nil {
		return nil, fmt.Errorf("socketio: adapter of namespace %s: %w", n.name, err)
	}
	return adapter, nil
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

// closeAdapter closes the adapter of a namespace, once.
func (srv *Server) closeAdapter(n *Namespace) {
	if !n.adapterClosed.Swap(true) {
		srv.closeAdapterOf(n, n.adapter)
	}
}

// closeAdapterOf closes an adapter of a namespace. Nil is none.
func (srv *Server) closeAdapterOf(n *Namespace, adapter Adapter) {
	if adapter == nil {
		return
	}
	if err := adapter.Close(); err != nil {
		srv.opts.Logger.Warn("socketio: adapter failed to close", "namespace", n.name, "error", err)
	}
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
