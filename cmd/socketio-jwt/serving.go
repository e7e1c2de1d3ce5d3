package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"socketiojwt/socketio"
)

// serve serves until ctx ends, and then stops.
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
	a.health.enter(serving)
	defer a.watch()()
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	return errors.Join(err, a.stop(server, err == nil))
}
