package socketio_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// If a held socket ends while it is refused temporarily, the connection still closes. Because
// it takes no new sockets, it would otherwise stay until the peer left.
func TestTemporaryRefusalOfASocketThatEndsClosesTheConnection(t *testing.T) {
	var held *socketio.Socket
	setup := func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			held = s
			return s.Hold(socketio.HoldOptions{})
		})
	}
	bubble(t, socketio.Options{}, setup, func(f *fixture) {
		for range 20 {
			f.dial(sockettest.Options{})
			s := held
			s.WhileLocked(func() {
				go func() {
					_ = s.Refuse(&socketio.Ending{Message: "later", Temporary: true, RetryAfter: time.Second})
				}()
				spin()
				go s.Disconnect(nil)
				spin()
			})
			s.WhileLocked(spin) // makes the waiting goroutines run in their order
			synctest.Wait()
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if left := f.srv.Remains(); left != "" {
			t.Errorf("left: %s", left)
		}
	})
}

// spin lets other goroutines run for a few milliseconds of real time.
func spin() {
	for range 20000 {
		runtime.Gosched()
	}
}
