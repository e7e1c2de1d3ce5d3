package engineio

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// A flusher writes what senders have queued and left to it. There is one for each processor, so
// that large broadcasts are written by all of them, and a session always has the same one. Its
// goroutine lives while sessions are listed.
type flusher struct {
	srv   *Server
	since atomic.Int64 // Server.now when it began, or took sessions last; zero while none are listed

	mu       sync.Mutex // locked after a session's mutex
	sessions []*Session
	running  bool
}

// perTurn is how many sessions a flusher writes to before it lets other goroutines run. A write
// takes some 10 us.
const perTurn = 16

// newFlushers returns a flusher for each processor.
func newFlushers(srv *Server) []flusher {
	all := make([]flusher, runtime.GOMAXPROCS(0))
	for i := range all {
		all[i].srv = srv
	}
	return all
}

// add lists a session that is to be written to. The session's mutex is held.
func (f *flusher) add(s *Session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.listed {
		return
	}
	s.listed = true
	f.sessions = append(f.sessions, s)
	if !f.running {
		f.running = true
		f.since.Store(int64(f.srv.now()))
		f.srv.start(f.run)
	}
}

// run writes to the sessions that are listed.
func (f *flusher) run() {
	var turn [perTurn]*Session
	for {
		n := f.take(turn[:])
		if n == 0 {
			return
		}
		for _, s := range turn[:n] {
			s.writeQueued()
		}
		clear(turn[:n])
		runtime.Gosched()
	}
}

// take takes the sessions of a turn. If there are none, run must return.
func (f *flusher) take(turn []*Session) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := copy(turn, f.sessions)
	clear(f.sessions[:n])
	if f.sessions = f.sessions[n:]; len(f.sessions) == 0 {
		f.sessions = nil // an idle server keeps no array
	}
	for _, s := range turn[:n] {
		s.listed = false
	}
	since := int64(0)
	if f.running = n > 0; f.running {
		since = int64(f.srv.now())
	}
	f.since.Store(since)
	return n
}
