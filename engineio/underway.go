package engineio

import (
	"net/http"
	"sync"
	"time"
)

// request is an HTTP request in progress. Shutdown aborts it if its peer takes too long
// to send the body or to read the response.
type request struct {
	mu      sync.Mutex
	control *http.ResponseController // nil after ServeHTTP has returned
}

// beginRequest lists a request until endRequest.
func (srv *Server) beginRequest(w http.ResponseWriter) *request {
	r := &request{control: http.NewResponseController(w)}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.requests[r] = struct{}{}
	return r
}

func (srv *Server) endRequest(r *request) {
	r.mu.Lock()
	r.control = nil
	r.mu.Unlock()
	srv.mu.Lock()
	defer srv.mu.Unlock()
	delete(srv.requests, r)
	srv.wakeShutdown()
}

// abort makes the reads and writes of the request fail. It does nothing to a
// ResponseWriter without deadlines.
func (r *request) abort() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.control != nil {
		r.control.SetReadDeadline(longAgo)
		r.control.SetWriteDeadline(longAgo)
	}
}

// patience returns how long a request may take to be read or answered: d, or less during
// Shutdown.
func (srv *Server) patience(d time.Duration) time.Duration {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	switch srv.phase {
	case shuttingDown:
		return min(d, shutdownTimeout)
	case aborting:
		return min(d, shutdownTimeout/4)
	}
	return d
}
