package engineio

import (
	"net/http"
	"time"
)

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

// find returns the session with that ID, which may have just ended and expect a last
// request. It returns nil if there is none.
func (srv *Server) find(id sessionID) *Session {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if s := srv.sessions[id]; s != nil {
		return s
	}
	return srv.departed[id].session
}

// forget removes a session that has ended from the list.
func (srv *Server) forget(s *Session) {
	s.leaveAddress()
	srv.mu.Lock()
	defer srv.mu.Unlock()
	delete(srv.sessions, s.id)
	srv.wakeShutdown()
}

const (
	// lastPollTimeout is how long a poll may take to arrive after its own client has closed
	// the session by a POST.
	lastPollTimeout = 500 * time.Millisecond
	// lastPostTimeout is how long a POST may take to arrive after the server has closed the
	// session: a few round trips, because it may need a new connection.
	lastPostTimeout = 2 * time.Second
)

// departed is a session by polling that has ended, while requests may arrive that its peer sent
// before it knew.
type departed struct {
	session *Session
	method  string // of the requests that are answered with 200
	timer   *time.Timer
}

// expectLastPoll keeps a session that the peer has closed for lastPollTimeout, so that a poll in
// progress is answered with 200.
func (srv *Server) expectLastPoll(s *Session) { srv.expectLast(s, http.MethodGet, lastPollTimeout) }

// expectLastPosts keeps a session that the server has closed for lastPostTimeout, so that POSTs
// are answered with 200 and dropped, as between Session.Close and the last poll. If one is
// refused, the clients in Python neither report the end nor reconnect
// (https://github.com/miguelgrinberg/python-engineio, Client._write_loop in 4.3.4).
func (srv *Server) expectLastPosts(s *Session) { srv.expectLast(s, http.MethodPost, lastPostTimeout) }

func (srv *Server) expectLast(s *Session, method string, timeout time.Duration) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.phase != aborting {
		timer := time.AfterFunc(timeout, func() {
			srv.mu.Lock()
			defer srv.mu.Unlock()
			srv.forgetDeparted(s.id)
		})
		srv.departed[s.id] = departed{s, method, timer}
	}
}

// takesLast reports whether a request with that method is a last one of a session that has
// ended: one poll, or any POST.
func (srv *Server) takesLast(id sessionID, method string) bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	expected := srv.departed[id].method == method
	if expected && method == http.MethodGet {
		srv.forgetDeparted(id)
	}
	return expected
}

// forgetDeparted expects no last request of a session any more. srv.mu is held.
func (srv *Server) forgetDeparted(id sessionID) {
	if d, ok := srv.departed[id]; ok {
		d.timer.Stop()
		delete(srv.departed, id)
	}
}

// forgetAllDeparted is forgetDeparted for all sessions.
func (srv *Server) forgetAllDeparted() {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	for id := range srv.departed {
		srv.forgetDeparted(id)
	}
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
