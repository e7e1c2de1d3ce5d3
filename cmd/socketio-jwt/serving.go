package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"socketiojwt/socketio"
)

// serve serves until ctx ends, and then shuts down in order.
func (a *assembly) serve(ctx context.Context) (err error) {
	server := socketio.NewHTTPServer("", a.routes)
	server.ReadTimeout = 10 * time.Second // only the sockets take longer
	server.WriteTimeout = 30 * time.Second
	server.ErrorLog = slog.NewLogLogger(a.log.Handler(), slog.LevelDebug)
	server.TLSConfig = a.tls
	failed := make(chan error, len(a.listeners))
	for _, listener := range a.listeners {
		a.log.Info("listening", "addr", listener.Addr())
		go func() {
			if a.tls != nil {
				failed <- server.ServeTLS(listener, "", "")
				return
			}
			failed <- server.Serve(listener)
		}()
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
		a.log.Info("shutting down; a second signal ends the process at once")
	}
	a.health.stopping.Store(true)
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.command.ShutdownTimeout)
	defer cancel()
	// The sockets first, because the HTTP server would wait for their transports.
	ended := errors.Join(a.server.Shutdown(ending), server.Shutdown(ending))
	if errors.Is(ended, context.DeadlineExceeded) { // for example, a peer that polled is gone
		a.log.Warn("shutdown timed out: closing the remaining connections", "cause", ended)
		ended = errors.Join(a.server.Close(), server.Close())
	}
	return errors.Join(err, ended)
}
