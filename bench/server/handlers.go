package main

import (
	"context"
	"sync/atomic"
	"time"

	"socketiojwt/bench/load"
	"socketiojwt/socketio"
)

// handle registers the handlers. The servers of peers/ and centrifuge/ have those that they are measured with.
func handle(srv *socketio.Server) {
	srv.Handle("broadcast", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
		return srv.Emit("broadcast", e.Args()...)
	})
	srv.Handle("burst", socketio.Func(func(_ context.Context, _ *socketio.Socket, b load.Burst) error {
		return b.Each(func(_ int, m load.Message) error { return srv.Emit("broadcast", m) })
	}))
	srv.Handle("spread", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
		began := time.Now()
		if err := srv.Emit("broadcast", e.Args()...); err != nil {
			return err
		}
		for _, s := range srv.Sockets() {
			for s.Queued() > 0 {
				time.Sleep(200 * time.Microsecond)
			}
		}
		return e.Ack(time.Since(began).Microseconds())
	})
	srv.Handle("echo", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error { return e.Ack(e.Args()...) })
	srv.Handle("take", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error { return e.Ack() })
	srv.Handle("join", socketio.AckFunc(func(_ context.Context, s *socketio.Socket, rooms []string) ([]string, error) {
		return rooms, s.Join(rooms...)
	}))
	srv.Handle("rooms", socketio.Func(func(_ context.Context, _ *socketio.Socket, b load.Burst) error {
		return b.Each(func(i int, m load.Message) error { return srv.To(load.RoomName(i)).Emit("broadcast", m) })
	}))
	handleEvents(srv)
}

// handleEvents registers one handler of each kind, which reads one string, and "handled", which says how often they were called.
func handleEvents(srv *socketio.Server) {
	var handled atomic.Int64
	srv.Handle("func", socketio.Func(func(context.Context, *socketio.Socket, string) error {
		handled.Add(1)
		return nil
	}))
	srv.Handle("scan", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
		var text string
		handled.Add(1)
		return e.Scan(&text)
	})
	srv.Handle("raw", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
		if len(e.Args()) == 1 {
			handled.Add(1)
		}
		return nil
	})
	srv.Handle("handled", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error { return e.Ack(handled.Load()) })
}
