package socketio

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"socketiojwt/engineio"
)

// A Dependency is something that the connect middleware of a namespace needs to admit a socket,
// such as the keys of an issuer. It must be comparable, as a pointer is.
type Dependency interface {
	// Available reports whether the dependency is available. It must not block, and may be
	// called concurrently.
	Available() bool
}

// DependsOn declares that the connect middleware of the namespace, or of each namespace of a
// rule, admits no socket while d is not available. After several calls, it admits none while
// all of the dependencies are unavailable. When no namespace of the server can admit a socket,
// the server answers handshakes with 503 and a Retry-After, so that clients back off instead of
// opening connections that are refused. One handshake per second still goes through. If a
// socket is admitted nevertheless, its namespace counts as available for half an hour. If the
// middleware also admits other sockets, such as guests, declare that by a Dependency that is
// always available.
//
// The gates of package auth call DependsOn for each socket. If there are several namespaces,
// call it before the server serves. Otherwise the server does not know the dependencies of
// namespaces that no socket has joined yet.
//
// DependsOn may be called at any time and concurrently. A second call for the same d does
// nothing.
func (m *Mux) DependsOn(d Dependency) { m.table.needs.add(d) }

const (
	// mostDependencies bounds the dependencies of a namespace. A namespace with more counts as
	// available.
	mostDependencies = 16
	// openAfterAdmission is how long a namespace counts as available after it has admitted a
	// socket while its dependencies were unavailable.
	openAfterAdmission = 30 * time.Minute
	// probeInterval is the time between two handshakes that go through while no namespace is
	// available.
	probeInterval = time.Second
)

// needs holds the dependencies of a table's middleware.
type needs struct {
	all       atomic.Pointer[[]Dependency] // nil when no dependency is known
	mu        sync.Mutex                   // held to change all
	openUntil atomic.Int64                 // by the server's clock
}

// add adds a dependency unless it is known already. Gates call it for each socket.
func (n *needs) add(d Dependency) {
	if all := n.all.Load(); all != nil && (slices.Contains(*all, d) || len(*all) > mostDependencies) {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []Dependency
	if known := n.all.Load(); known != nil {
		all = slices.Clone(*known)
	}
	if !slices.Contains(all, d) {
		all = append(all, d)
		n.all.Store(&all)
	}
}

// available reports whether a socket may be admitted.
func (n *needs) available(now time.Duration) bool {
	all := n.all.Load()
	return all == nil || len(*all) > mostDependencies || now < time.Duration(n.openUntil.Load()) ||
		slices.ContainsFunc(*all, Dependency.Available)
}

// door decides whether handshakes go through.
type door struct {
	began    time.Time
	tables   []*table // of all namespaces that can admit sockets; set before the server serves
	refusing atomic.Bool
	probed   atomic.Int64 // when a handshake last went through while refusing was set
}

func (d *door) now() time.Duration { return time.Since(d.began) }

// admits reports whether a handshake goes through.
func (d *door) admits() bool {
	now := d.now()
	if len(d.tables) == 0 || slices.ContainsFunc(d.tables, func(t *table) bool { return t.needs.available(now) }) {
		if d.refusing.Load() {
			d.refusing.Store(false)
		}
		return true
	}
	if !d.refusing.Swap(true) {
		d.probed.Store(int64(now)) // start of the first interval
		return false
	}
	last := d.probed.Load()
	return now >= time.Duration(last)+probeInterval && d.probed.CompareAndSwap(last, int64(now))
}

// admitted records that a socket was admitted, possibly while handshakes are refused.
func (d *door) admitted(t *table) {
	if d.refusing.Load() && !t.needs.available(d.now()) {
		t.needs.openUntil.Store(int64(d.now() + openAfterAdmission))
	}
}

// allow returns a rule for handshakes: first the server's own, then the program's.
func (srv *Server) allow(own func(*http.Request) error) func(*http.Request) error {
	return func(r *http.Request) error {
		switch {
		case srv.closing.Load():
			refused := comeBack("server is shutting down")
			refused.Close = true // another server may take over the address, or share it
			return refused
		case !srv.door.admits():
			return comeBack("Service unavailable")
		case own != nil:
			return own(r)
		}
		return nil
	}
}

// comeBack refuses a handshake temporarily. The delay before the peer should retry is random,
// so that not all peers retry at once.
func comeBack(message string) *engineio.RefusedError {
	const least, most = 1, 5 // seconds
	return &engineio.RefusedError{
		Status: http.StatusServiceUnavailable, Message: message,
		RetryAfter: time.Duration(least+rand.IntN(most-least+1)) * time.Second,
	}
}
