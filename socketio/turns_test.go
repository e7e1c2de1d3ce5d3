package socketio_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// A worker of a socket with many waiting events must yield the processor to others: after a few events at most,
// if they take no time.
func TestWorkersTakeTurns(t *testing.T) {
	const events, atOnce = 80, 8 * 4 // the scheduler need not choose another goroutine each time
	for name, wire := range map[string]func(srv *socketio.Server, h socketio.Handler){
		"handlers": func(srv *socketio.Server, h socketio.Handler) {
			srv.Open()
			srv.Handle("work", h)
		},
		"intercepted": func(srv *socketio.Server, h socketio.Handler) {
			srv.Use(func(_ context.Context, s *socketio.Socket) error { return s.Intercept("work", h) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			var ran record
			var all []string
			var start chan struct{}
			bubble(t, socketio.Options{}, func(srv *socketio.Server) {
				start = make(chan struct{})
				wire(srv, func(_ context.Context, s *socketio.Socket, _ *socketio.Event) error {
					<-start
					ran.add(s.ID())
					return nil
				})
			}, func(f *fixture) {
				for range 2 {
					p := f.dial(sockettest.Options{})
					for range events {
						_ = p.Emit("work")
					}
				}
				synctest.Wait()
				close(start)
				all = ran.all()
			})
			run, longest := 1, 1
			for i := range all[1:] {
				if run++; all[i] != all[i+1] {
					run = 1
				}
				if i < len(all)-events { // one of the sockets may have no more events then
					longest = max(longest, run)
				}
			}
			if len(all) != 2*events || longest > atOnce {
				t.Errorf("%d events were handled, %d of a socket without a pause", len(all), longest)
			}
		})
	}
}
