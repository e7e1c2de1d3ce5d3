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
	urgent  sessionList
	others  sessionList // only messages of broadcasts wait for these, or they are urgent too
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
		f.urgent.add(s)
	case s.listed == notListed:
		s.listed = listedAmongOthers
		f.others.add(s)
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
	n := f.urgent.take(taken[:len(taken)/2])
	n += f.others.take(taken[n:])
	n += f.urgent.take(taken[n:])
	for _, s := range taken[:n] {
		s.listed = notListed
	}
	f.running = n > 0
	return n
}

// sessionList is a list of sessions, in the order in which they were added. It is kept in parts from
// a pool, because a broadcast lists every session. An empty list has none.
type sessionList struct {
	first, last *listPart
}

type listPart struct {
	sessions   [125]*Session // those from begin to end; so many that a part takes 1 KB
	begin, end int
	next       *listPart
}

var listParts = sync.Pool{New: func() any { return new(listPart) }}

// add appends a session.
func (l *sessionList) add(s *Session) {
	if l.last == nil || l.last.end == len(l.last.sessions) {
		part := listParts.Get().(*listPart)
		if l.last == nil {
			l.first = part
		} else {
			l.last.next = part
		}
		l.last = part
	}
	l.last.sessions[l.last.end] = s
	l.last.end++
}

// take moves the first sessions to taken, and returns how many.
func (l *sessionList) take(taken []*Session) (n int) {
	for n < len(taken) && l.first != nil {
		part := l.first
		moved := copy(taken[n:], part.sessions[part.begin:part.end])
		clear(part.sessions[part.begin:][:moved])
		n += moved
		if part.begin += moved; part.begin < part.end {
			break
		}
		if l.first = part.next; l.first == nil {
			l.last = nil
		}
		part.begin, part.end, part.next = 0, 0, nil
		listParts.Put(part)
	}
	return n
}
