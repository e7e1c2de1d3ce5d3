package socketio

import (
	"context"
	"errors"
	"net"
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
// Server.ListenAndServe stops it in order. To stop it otherwise, call Server.Shutdown
// first and http.Server.Shutdown afterwards, since the latter waits for polls and does
// not know WebSockets.
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

// stopTimeout is how long ListenAndServe waits for handlers, polls and requests.
const stopTimeout = 15 * time.Second

// ListenAndServe listens on web.Addr and serves until ctx ends, and then stops in
// order: it calls Shutdown, and web.Shutdown after it. What has not ended within 15
// seconds is closed. web must serve the handler of srv, and may serve others beside it.
//
// It returns nil when all ended in order, and otherwise why it could not listen or
// serve, or what had to be closed.
func (srv *Server) ListenAndServe(ctx context.Context, web *http.Server) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", web.Addr)
	if err != nil {
		return err
	}
	return srv.Serve(ctx, web, listener)
}

// Serve is ListenAndServe for a listener, which it closes.
func (srv *Server) Serve(ctx context.Context, web *http.Server, listener net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	var err error
	select {
	case err = <-failed: // never nil
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	err = errors.Join(err, srv.Shutdown(stopping), web.Shutdown(stopping))
	if stopping.Err() != nil {
		err = errors.Join(err, srv.Close(), web.Close())
	}
	return err
}
