package main

import (
	"context"

	"socketiojwt/bench/load"
	"socketiojwt/socketio"
)

// handle registers the handlers, which the servers of peers/ and centrifuge/ have as well.
func handle(srv *socketio.Server) {
	srv.Handle("broadcast", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
		return srv.Emit("broadcast", e.Args()...)
	})
	srv.Handle("burst", socketio.Func(func(_ context.Context, _ *socketio.Socket, b load.Burst) error {
		return b.Each(func(m load.Message) error { return srv.Emit("broadcast", m) })
	}))
	srv.Handle("echo", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error { return e.Ack(e.Args()...) })
}
