package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/observe"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// While another socket of the connection is admitted, a temporary refusal ends only the refused
// socket. Otherwise it ends the transport.
func TestTemporaryRefusalKeepsAdmittedSockets(t *testing.T) {
	for _, held := range []bool{false, true} {
		t.Run(fmt.Sprintf("held %t", held), func(t *testing.T) {
			setup := func(srv *socketio.Server) {
				srv.Open()
				srv.Of("/admin").Use(func(_ context.Context, s *socketio.Socket) error {
					if held {
						time.AfterFunc(time.Millisecond, func() {
							_ = s.Refuse(&socketio.Ending{Message: "later", Temporary: true})
						})
						return s.Hold(socketio.HoldOptions{})
					}
					return &socketio.Ending{Message: "later", Temporary: true}
				})
			}
			bubble(t, socketio.Options{}, setup, func(f *fixture) {
				p := f.dial(sockettest.Options{})
				join := func() {
					admin, err := p.Join(f.ctx, "/admin", nil)
					var refused *sockettest.ConnectError
					switch {
					case held && err == nil:
						f.ended(admin, sockettest.ErrDisconnected)
					case held || !errors.As(err, &refused):
						t.Errorf("got %v, want a refusal", err)
					default:
						if string(refused.Data) != `{"temporary":true}` || refused.Message != "later" {
							t.Errorf("told %q, %s", refused.Message, refused.Data)
						}
					}
				}
				for range 30 { // more often than Options.MaxRefused, but slowly enough
					join()
					time.Sleep(2 * time.Second)
				}
				synctest.Wait()
				s := socketOf(f, p) // it is still there
				if s.SharesConnection() {
					t.Error("the connection is shared with sockets that were refused")
				}
				s.Disconnect(nil)
				synctest.Wait()
				if _, err := p.Join(f.ctx, "/admin", nil); err == nil || held {
					f.ended(p, sockettest.ErrDisconnected)
				}
				time.Sleep(5 * time.Second)
				synctest.Wait()
				if left := f.srv.Remains(); left != "" {
					t.Errorf("the transport is open: %s", left)
				}
			})
		})
	}
}

// ending is an Observer that calls itself when a socket has been refused, and its peer told.
type ending func()

func (f ending) Start(ctx context.Context, op observe.Operation) (context.Context, func(observe.Outcome)) {
	return ctx, func(o observe.Outcome) {
		if op.Kind == observe.Connect && o.Result == observe.Refused {
			f()
		}
	}
}

// A peer that retries at once after each temporary refusal is counted, also if it is faster than the server.
func TestTemporaryRefusalsAreBounded(t *testing.T) {
	t.Run("in turn", func(t *testing.T) { testTemporaryRefusals(t, false) })
	t.Run("fast peer", func(t *testing.T) { testTemporaryRefusals(t, true) })
}

func testTemporaryRefusals(t *testing.T, fast bool) {
	refused := 0
	opts := socketio.Options{}
	var retried chan struct{} // belongs to the bubble
	if fast {
		opts.Observer = ending(func() { <-retried })
	}
	setup := func(srv *socketio.Server) {
		retried = make(chan struct{})
		srv.Open()
		srv.Of("/admin").Use(func(context.Context, *socketio.Socket) error {
			refused++
			return &socketio.Ending{Message: "later", Temporary: true}
		})
	}
	bubble(t, opts, setup, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for range 100 {
			if _, err := p.Join(f.ctx, "/admin", nil); !errors.As(err, new(*sockettest.ConnectError)) {
				break
			}
		}
		close(retried)
		f.ended(p, sockettest.ErrClosed)
		if refused != 11 {
			t.Errorf("%d refusals, want 11", refused)
		}
	})
}

// If an admission and a temporary refusal happen concurrently on one connection, either the
// admitted socket stays, or the transport closes and no socket was admitted.
func TestTemporaryRefusalBesideAdmission(t *testing.T) {
	for range 50 {
		admitted := false
		setup := func(srv *socketio.Server) {
			srv.Of("/a").Open()
			srv.Of("/a").OnConnect(func(context.Context, *socketio.Socket) error {
				admitted = true
				return nil
			})
			srv.Of("/b").Use(func(context.Context, *socketio.Socket) error {
				return &socketio.Ending{Message: "later", Temporary: true}
			})
			srv.Of("/c").Open()
		}
		bubble(t, socketio.Options{}, setup, func(f *fixture) {
			p := f.dial(sockettest.Options{Namespace: "/c"})
			s := f.srv.Of("/c").Sockets()[0]
			s.Disconnect(nil) // leaves an open transport without a socket
			_ = p.SendRaw("0/a,")
			_ = p.SendRaw("0/b,")
			synctest.Wait()
			if listed := len(f.srv.Of("/a").Sockets()); admitted != (listed == 1) {
				t.Errorf("admitted %t, listed %d", admitted, listed)
			}
		})
	}
}
