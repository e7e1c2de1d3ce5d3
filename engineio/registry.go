package engineio

import "time"

// Sessions returns the number of sessions that have not ended.
func (srv *Server) Sessions() int {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	return len(srv.sessions)
}

// register lists a new session. It reports false if the server takes no more.
func (srv *Server) register(s *Session) bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.phase != serving || srv.opts.MaxSessions > 0 && len(srv.sessions) >= srv.opts.MaxSessions {
		return false
	}
	srv.sessions[s.id] = s
	return true
}

// find returns the session with that ID, which may have just ended and expect its last
// poll. It returns nil if there is none.
func (srv *Server) find(id sessionID) *Session {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if s := srv.sessions[id]; s != nil {
		return s
	}
	return srv.lastPolls[id].session
}

// forget removes a session that has ended from the list.
func (srv *Server) forget(s *Session) {
	s.uncount()
	srv.mu.Lock()
	defer srv.mu.Unlock()
	delete(srv.sessions, s.id)
	srv.wakeShutdown()
}

// lastPollTimeout is how long a poll may take to come in after its own client has closed
// the session by a POST.
const lastPollTimeout = 500 * time.Millisecond

// lastPoll is a session in that time.
type lastPoll struct {
	session *Session
	timer   *time.Timer
}

// expectLastPoll keeps a closed session for lastPollTimeout, so that a poll in progress
// is answered with 200.
func (srv *Server) expectLastPoll(s *Session) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.lastPolls[s.id] = lastPoll{s, time.AfterFunc(lastPollTimeout, func() { srv.forgetLastPoll(s.id) })}
}

// forgetLastPoll expects the last poll of a session no longer, and reports whether it
// was expected.
func (srv *Server) forgetLastPoll(id sessionID) bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	last, ok := srv.lastPolls[id]
	if ok {
		last.timer.Stop()
		delete(srv.lastPolls, id)
	}
	return ok
}

// start runs task on a goroutine that Shutdown waits for.
func (srv *Server) start(task func()) {
	srv.beginTask()
	go func() {
		defer srv.endTask()
		task()
	}()
}

// beginTask makes Shutdown wait for a goroutine until endTask.
func (srv *Server) beginTask() {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.tasks++
}

func (srv *Server) endTask() {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.tasks--
	srv.wakeShutdown()
}

// wakeShutdown wakes Shutdown if nothing is left to wait for. srv.mu is held.
func (srv *Server) wakeShutdown() {
	if srv.idle != nil && srv.tasks == 0 && len(srv.sessions) == 0 && (len(srv.requests) == 0 || srv.phase == aborting) {
		close(srv.idle)
		srv.idle = nil
	}
}
