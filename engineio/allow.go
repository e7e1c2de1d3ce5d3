package engineio

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// RefusedError is an error with which Options.Allow chooses the response.
type RefusedError struct {
	Status  int    // of the HTTP response; zero means 403
	Message string // sent to the peer; empty means "Forbidden"
	// RetryAfter is when the peer should try again, sent in the header Retry-After in
	// whole seconds. Zero sends no header, except with status 503, where it means one
	// second.
	RetryAfter time.Duration
	// Close closes the HTTP connection after the response, so that the peer's next request
	// can reach another server behind the same address. With HTTP/2 other requests in
	// progress are still answered. A refused WebSocket always closes it.
	Close bool
}

// Error returns the status and the message.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("engineio: refused with %d %s", e.status(), e.message())
}

func (e *RefusedError) status() int {
	if e.Status == 0 {
		return http.StatusForbidden
	}
	return e.Status
}

func (e *RefusedError) message() string {
	if e.Message == "" {
		return "Forbidden"
	}
	return e.Message
}

// allowed reports whether Options.Allow allows r. If not, it answers r.
func (srv *Server) allowed(w http.ResponseWriter, r *http.Request) bool {
	if srv.opts.Allow == nil {
		return true
	}
	err := srv.opts.Allow(r)
	if err == nil {
		return true
	}
	refused := *refuseForbidden
	var own *RefusedError
	if errors.As(err, &own) {
		refused.status, refused.Message = own.status(), own.message()
		if own.RetryAfter > 0 {
			setRetryAfter(w.Header(), own.RetryAfter)
		}
		if own.Close {
			w.Header().Set("Connection", "close")
		}
	}
	srv.refuseBecause(w, r, &refused, causeAllow)
	return false
}
