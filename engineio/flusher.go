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

	mu      sync.Mutex // locked after a session's mutex
	urgent  []*Session
	others  []*Session // only messages of broadcasts wait for these, or they are urgent too
	running bool
}

// listed says where a session is listed.
type listed uint8

const (
	notListed listed = iota
	listedAmongOthers
	listedAsUrgent
)

const (
	// perLook is how many sessions a flusher takes and writes to between two looks at the clock. A
	// write takes some 10 us.
	perLook = 8
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

// add lists a session that is to be written to. Shared says that only messages of broadcasts wait.
// Others, such as answers, do not wait until a large broadcast is written. The session's mutex is held.
func (f *flusher) add(s *Session, shared bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !shared && s.listed != listedAsUrgent:
		s.listed = listedAsUrgent
		f.urgent = append(f.urgent, s)
	case s.listed == notListed:
		s.listed = listedAmongOthers
		f.others = append(f.others, s)
	}
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

// take takes some of the sessions, urgent ones for at least a half. If there are none, run must
// return.
func (f *flusher) take(taken []*Session) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := takeFrom(&f.urgent, taken[:len(taken)/2])
	n += takeFrom(&f.others, taken[n:])
	n += takeFrom(&f.urgent, taken[n:])
	for _, s := range taken[:n] {
		s.listed = notListed
	}
	f.running = n > 0
	return n
}

// takeFrom moves sessions from the beginning of a list.
func takeFrom(list *[]*Session, taken []*Session) int {
	n := copy(taken, *list)
	clear((*list)[:n])
	if *list = (*list)[n:]; len(*list) == 0 {
		*list = nil // an idle server keeps no array
	}
	return n
}
