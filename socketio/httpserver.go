package socketio

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// NewHTTPServer returns an http.Server for addr and handler. Its limits keep peers from holding
// idle connections: the headers of a request must arrive within 10 seconds and have at most 64
// KiB, the whole request must arrive within a minute, and an idle connection is closed after
// three minutes. A nil handler means http.DefaultServeMux. Fields may be changed before the
// server serves.
//
// A reverse proxy must close its idle connections to the server before IdleTimeout. Otherwise the
// server may close one while the proxy sends a POST by it, and the proxy answers 502. Caddy keeps
// them for two minutes, nginx and AWS for one, and Google's load balancers for ten, for which
// IdleTimeout must be raised.
//
// ReadTimeout and WriteTimeout do not affect polls, which last up to
// Options.Engine.PingInterval, or WebSockets, which stay open: the engine has its own limits
// for the body of a POST and for each response. ReadTimeout is for the other routes of handler.
// A route for longer uploads can extend it by http.ResponseController.SetReadDeadline.
// WriteTimeout is zero, because it would end long downloads.
//
// Server.ListenAndServe stops the result in order. To stop it otherwise, first call
// Server.Shutdown and then http.Server.Shutdown, because the latter does not know about
// WebSockets and polls that wait.
func NewHTTPServer(addr string, handler http.Handler) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       3 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
}

// shutdownTimeout is how long ListenAndServe waits for handlers, polls and requests.
const shutdownTimeout = 15 * time.Second

// ListenAndServe listens on web.Addr and serves until ctx ends. Then it stops in order: it
// calls Shutdown, and web.Shutdown after it. It closes whatever has not ended 15 seconds after
// Options.ShutdownSpread.
// web must serve the handler of srv, and may serve others.
//
// TCP keep-alive is off: the timeouts of NewHTTPServer and the heartbeat find peers that are gone,
// and the probes would take four system calls and a timer of the kernel for each connection. A
// handler of another route that neither reads nor writes for a long time, such as a stream of
// server-sent events, must write something now and then, or use Serve with a listener that has
// keep-alive.
//
// It returns nil if everything ended in order. Otherwise it returns why it could not listen or
// serve, or what was closed forcibly.
func (srv *Server) ListenAndServe(ctx context.Context, web *http.Server) error {
	listener, err := (&net.ListenConfig{KeepAlive: -1}).Listen(ctx, "tcp", web.Addr)
	if err != nil {
		return err
	}
	return srv.Serve(ctx, web, listener)
}

// Serve is ListenAndServe for an existing listener, which it closes. A listener of
// net.ListenConfig with a negative KeepAlive saves about 2 % of the CPU time of a connection: see
// ListenAndServe.
func (srv *Server) Serve(ctx context.Context, web *http.Server, listener net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	var err error
	select {
	case err = <-failed: // never nil
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), srv.opts.ShutdownSpread+shutdownTimeout)
	defer cancel()
	err = errors.Join(err, srv.Shutdown(bounded), web.Shutdown(bounded))
	if bounded.Err() != nil {
		err = errors.Join(err, srv.Close(), web.Close())
	}
	return err
}
