package engineio

import "sync"

// maxCorked bounds the sessions whose messages wait for the end of a batch. Others are written to at
// once, so that a batch for very many sessions does not delay the first of them.
const maxCorked = 256

// corks lists the sessions that have messages to write at the end of a batch.
type corks struct {
	mu       sync.Mutex // locked after a session's mutex
	batches  int        // that run
	sessions []*Session
}

// Batch calls f, and writes the messages that sessions send meanwhile when f has returned: several to
// one session with one write. f should send messages and return, because those of other goroutines
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
		corked := c.sessions
		c.sessions = nil
		c.mu.Unlock()
		for _, s := range corked {
			s.uncork()
		}
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
	if c.batches == 0 || len(c.sessions) == maxCorked {
		return false
	}
	c.sessions = append(c.sessions, s)
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
