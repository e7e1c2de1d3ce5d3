package socketio

import (
	"net/http"
	"time"
)

// NewHTTPServer returns an http.Server for addr and handler whose limits keep peers
// from holding connections that do nothing: the headers of a request must arrive
// within 10 seconds and have no more than 64 KiB, the whole request must arrive
// within a minute, and an idle connection is closed after two. Change its fields
// before it serves; a nil handler is http.DefaultServeMux.
//
// A poll waits for up to Options.Engine.PingInterval and a WebSocket stays open, so
// neither is bound by ReadTimeout or WriteTimeout, however short: the engine has
// limits of its own for the body of a POST and for each response. ReadTimeout is for
// the other routes of handler. A route that takes longer uploads can extend it by
// http.ResponseController.SetReadDeadline. WriteTimeout is zero, since it would end
// long downloads.
//
// To stop, call Server.Shutdown first and http.Server.Shutdown afterwards, since the
// latter waits for polls and does not know WebSockets.
func NewHTTPServer(addr string, handler http.Handler) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
}
