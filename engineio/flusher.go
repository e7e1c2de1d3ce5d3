package engineio

import (
	"runtime"
	"sync"
	"time"

	"socketiojwt/internal/turns"
)

// A flusher writes what senders have queued and left to it. There is one for each processor, so
// that large broadcasts are written by all of them, and a session always has the same one. Its
// goroutine lives while sessions are listed.
type flusher struct {
	srv *Server

	mu       sync.Mutex // locked after a session's mutex
	sessions []*Session
	running  bool
}

const (
	// perLook is how many sessions a flusher takes and writes to between two looks at the clock. A
	// write takes some 10 us.
	perLook = 16
	// flusherTurn is how long a flusher may keep others from its processor. The end of a
	// turn costs some 5 us if there are two processors. A turn ends sooner if a sender waits, because
	// messages that are sent first are written together.
	flusherTurn = 500 * time.Microsecond
)

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
		f.srv.start(f.run)
	}
}

// run writes to the sessions that are listed, in turns: a large broadcast takes a tenth of a second.
func (f *flusher) run() {
	began := f.srv.now()
	var taken [perLook]*Session
	for {
		n := f.take(taken[:])
		if n == 0 {
			return
		}
		for _, s := range taken[:n] {
			s.writeQueued()
		}
		clear(taken[:n])
		if f.srv.yielding.Load() > 0 || f.srv.now()-began > flusherTurn {
			turns.Pass()
			began = f.srv.now()
		}
	}
}

// take takes some of the sessions. If there are none, run must return.
func (f *flusher) take(taken []*Session) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := copy(taken, f.sessions)
	clear(f.sessions[:n])
	if f.sessions = f.sessions[n:]; len(f.sessions) == 0 {
		f.sessions = nil // an idle server keeps no array
	}
	for _, s := range taken[:n] {
		s.listed = false
	}
	f.running = n > 0
	return n
}
