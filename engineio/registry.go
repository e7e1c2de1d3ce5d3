package engineio

import "time"

// Sessions returns the number of sessions that have not ended.
func (srv *Server) Sessions() int {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	return len(srv.sessions)
}

// admit lists a new session, if it may come in.
func (srv *Server) admit(s *Session) bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.phase != serving || srv.opts.MaxSessions > 0 && len(srv.sessions) >= srv.opts.MaxSessions {
		return false
	}
	srv.sessions[s.id] = s
	return true
}

// find returns the session of that ID, or one that has just ended and expects its
// last poll; else nil.
func (srv *Server) find(id sessionID) *Session {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if s := srv.sessions[id]; s != nil {
		return s
	}
	return srv.leaving[id].session
}

// forget takes a session that has ended off the list.
func (srv *Server) forget(s *Session) {
	s.uncount()
	srv.mu.Lock()
	defer srv.mu.Unlock()
	delete(srv.sessions, s.id)
	srv.tellIdle()
}

// partingTime is how long a poll may be on its way when its own client closes
// the session by a POST.
const partingTime = 500 * time.Millisecond

// parting is a session in that time.
type parting struct {
	session *Session
	over    *time.Timer
}

// expectLastPoll lets one more poll of a session end well.
func (srv *Server) expectLastPoll(s *Session) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.leaving[s.id] = parting{s, time.AfterFunc(partingTime, func() { srv.takeLeave(s.id) })}
}

// takeLeave reports whether a last poll was expected, and expects it no more.
func (srv *Server) takeLeave(id sessionID) bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	last, ok := srv.leaving[id]
	if ok {
		last.over.Stop()
		delete(srv.leaving, id)
	}
	return ok
}

// start runs task on a goroutine that Shutdown waits for.
func (srv *Server) start(task func()) {
	srv.enter()
	go func() {
		defer srv.leave()
		task()
	}()
}

// enter counts a goroutine that Shutdown waits for, until it calls leave.
func (srv *Server) enter() {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.tasks++
}

func (srv *Server) leave() {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.tasks--
	srv.tellIdle()
}

// tellIdle wakes Shutdown when nothing is left. srv.mu is held.
func (srv *Server) tellIdle() {
	if srv.idle != nil && srv.tasks == 0 && len(srv.sessions) == 0 && (len(srv.requests) == 0 || srv.phase == cut) {
		close(srv.idle)
		srv.idle = nil
	}
}
