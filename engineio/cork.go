package engineio

import (
	"cmp"
	"sync"
	"time"
)

const (
	// maxCorked bounds the sessions whose messages wait for the end of a batch, and corkFor how long
	// they do, so that a batch for very many sessions, or a slow one, does not delay the first of them.
	maxCorked = 256
	corkFor   = 2 * time.Millisecond
)

// corks lists the sessions that have messages to write at the end of a batch.
type corks struct {
	mu       sync.Mutex // locked after a session's mutex
	batches  int        // that run
	sessions []*Session
	late     *time.Timer   // runs while there are sessions
	patience time.Duration // zero means corkFor
}

// take returns the sessions, and removes them from the list. The caller holds mu.
func (c *corks) take() []*Session {
	corked := c.sessions
	if c.sessions = nil; len(corked) > 0 {
		c.late.Stop()
	}
	for _, s := range corked {
		s.listed = false
	}
	return corked
}

// uncorkLate writes to the sessions that have waited for corkFor.
func (c *corks) uncorkLate() {
	c.mu.Lock()
	corked := c.take()
	c.mu.Unlock()
	uncorkAll(corked)
}

func uncorkAll(corked []*Session) {
	for _, s := range corked {
		s.uncork()
	}
}

// Batch calls f, and writes the messages that sessions send meanwhile when f has returned, or about 2 ms
// later than they were sent: several to one session with one write. f should send messages and return, because those of other goroutines
// wait too. Batch may be called concurrently.
func (srv *Server) Batch(f func()) {
	c := &srv.corks
	c.mu.Lock()
	c.batches++
	c.mu.Unlock()
	srv.batching.Add(1)
	defer func() {
		srv.batching.Add(-1)
		c.mu.Lock()
		c.batches--
		corked := c.take()
		c.mu.Unlock()
		uncorkAll(corked)
	}()
	f()
}

// cork lists a session if a batch runs. It reports false if the session must write at once. The
// session's mutex is held.
func (srv *Server) cork(s *Session) bool {
	if srv.batching.Load() == 0 {
		return false
	}
	c := &srv.corks
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.batches == 0 {
		return false
	}
	if s.listed { // it was written to meanwhile, because much was sent to it
		return true
	}
	s.listed = true
	if len(c.sessions) == maxCorked {
		go uncorkAll(c.take()) // by another goroutine, because this one holds a session's mutex
	}
	if c.sessions = append(c.sessions, s); len(c.sessions) > 1 {
		return true
	}
	if c.late == nil {
		c.late = time.AfterFunc(cmp.Or(c.patience, corkFor), c.uncorkLate)
	} else {
		c.late.Reset(cmp.Or(c.patience, corkFor))
	}
	return true
}

// uncork writes what the session has queued.
func (s *Session) uncork() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ws != nil && s.ws.corked {
		s.ws.uncork()
	}
}

// uncork writes what is queued, and gives up the writer. The session's mutex is held.
func (ws *webSocket) uncork() {
	ws.corked = false
	ws.writeQueue()
}

// cork takes ownership of an idle writer until the end of the batch, if one runs. It does not do so
// for the candidate of an upgrade, which is not the session's transport yet. The session's mutex
// is held.
func (ws *webSocket) cork() bool {
	if ws != ws.session.ws || ws.state != writerIdle || ws.in.poll == nil || !ws.session.srv.cork(ws.session) {
		return false
	}
	ws.state, ws.corked = writerOwned, true
	return true
}
