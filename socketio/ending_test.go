package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// A program can handle ends with one set of errors and reasons, whichever package returns them.
func TestErrorsAndReasonsAreOneSet(t *testing.T) {
	if !errors.Is(socketio.ErrClosed, engineio.ErrClosed) || !errors.Is(engineio.ErrClosed, socketio.ErrClosed) ||
		!errors.Is(&socketio.DisconnectError{}, engineio.ErrClosed) {
		t.Error("there are two ErrClosed")
	}
	if !errors.Is(socketio.ErrSlow, engineio.ErrSlow) || !errors.Is(engineio.ErrSlow, socketio.ErrSlow) || errors.Is(socketio.ErrSlow, socketio.ErrClosed) {
		t.Error("there are two ErrSlow")
	}
	var reason socketio.Reason = engineio.PingTimeout
	switch reason {
	case socketio.ReasonPingTimeout:
	default:
		t.Errorf("%q is another reason", reason)
	}
	all := []socketio.Reason{
		socketio.ReasonClient, socketio.ReasonServer, socketio.ReasonForcedServerClose, socketio.ReasonTransportClose, socketio.ReasonTransportError,
		socketio.ReasonPingTimeout, socketio.ReasonParseError, socketio.ReasonSlowPeer, socketio.ReasonForcedClose, socketio.ReasonShutdown,
	}
	slices.Sort(all)
	if len(slices.Compact(all)) != 10 {
		t.Errorf("two reasons are the same: %q", all)
	}
}

// Two namespaces are joined, and the socket of one is ended. What the two peers receive depends
// only on the Ending, and not on the call that it is passed to.
func TestEndings(t *testing.T) {
	stays := errors.New("stays")
	cause := errors.New("cause")
	for name, c := range map[string]struct {
		how       error
		one, both error // the error of the ended socket, and of the other one
		reason    socketio.Reason
	}{
		"nil":             {nil, sockettest.ErrDisconnected, stays, socketio.ReasonServer},
		"another error":   {cause, sockettest.ErrDisconnected, stays, socketio.ReasonServer},
		"the zero Ending": {&socketio.Ending{Err: cause}, sockettest.ErrDisconnected, stays, socketio.ReasonServer},
		"a nil Ending":    {(*socketio.Ending)(nil), sockettest.ErrDisconnected, stays, socketio.ReasonServer},
		"temporary":       {&socketio.Ending{Temporary: true, Err: cause}, sockettest.ErrDisconnected, stays, socketio.ReasonServer},
		"whole":           {&socketio.Ending{WholeConnection: true, Err: cause}, sockettest.ErrDisconnected, sockettest.ErrDisconnected, socketio.ReasonServer},
		"whole, temporary": {&socketio.Ending{Temporary: true, WholeConnection: true, Err: cause},
			sockettest.ErrClosed, sockettest.ErrClosed, socketio.ReasonForcedServerClose},
		"wrapped": {fmt.Errorf("x: %w", &socketio.Ending{Temporary: true, WholeConnection: true, Err: cause}),
			sockettest.ErrClosed, sockettest.ErrClosed, socketio.ReasonForcedServerClose},
	} {
		for call, end := range map[string]func(f *fixture, s *socketio.Socket) error{
			"Disconnect":        func(_ *fixture, s *socketio.Socket) error { s.Disconnect(c.how); return nil },
			"DisconnectSockets": func(f *fixture, s *socketio.Socket) error { return f.srv.To(s.ID()).DisconnectSockets(c.how) },
			"Refuse": func(f *fixture, s *socketio.Socket) error {
				if err := s.Refuse(c.how); !errors.Is(err, socketio.ErrAdmitted) || len(f.srv.Sockets()) != 1 {
					t.Errorf("Refuse of an admitted socket: %v", err)
				}
				s.Disconnect(c.how)
				return nil
			},
		} {
			t.Run(name+", "+call, func(t *testing.T) {
				var ran record
				setup := func(srv *socketio.Server) {
					srv.Open()
					srv.Of("/other").Open()
					srv.OnDisconnect(func(_ context.Context, _ *socketio.Socket, reason socketio.Reason) { ran.add(string(reason)) })
				}
				bubble(t, socketio.Options{}, setup, func(f *fixture) {
					p := f.dial(sockettest.Options{})
					other, err := p.Join(f.ctx, "/other", nil)
					if err != nil {
						t.Fatal(err)
					}
					s := socketOf(f, p)
					ctx := s.Context()
					if err := end(f, s); err != nil {
						t.Fatal(err)
					}
					f.ended(p, c.one)
					if c.both != stays {
						f.ended(other, c.both)
					} else if synctest.Wait(); len(f.srv.Of("/other").Sockets()) != 1 {
						t.Error("the other socket has ended")
					}
					var ended *socketio.DisconnectError
					if !errors.As(context.Cause(ctx), &ended) || ended.Reason != c.reason || ended.Err != c.how {
						t.Errorf("cause %v", context.Cause(ctx))
					}
					if got := ran.all(); !slices.Equal(got, []string{string(c.reason)}) {
						t.Errorf("OnDisconnect got %q", got)
					}
				})
			})
		}
	}
}

// A temporary Ending closes the transport of the only socket of a connection after RetryAfter.
// Packets that the peer sends meanwhile do not close it earlier.
func TestTemporaryEndingOfAnAdmittedSocket(t *testing.T) {
	for name, whole := range map[string]bool{"only socket": false, "whole": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, socketio.Options{}, func(srv *socketio.Server) {
				srv.Open()
				srv.Of("/other").Open()
			}, func(f *fixture) {
				p := f.dial(sockettest.Options{})
				if whole {
					if _, err := p.Join(f.ctx, "/other", nil); err != nil {
						t.Fatal(err)
					}
				}
				socketOf(f, p).Disconnect(&socketio.Ending{Temporary: true, WholeConnection: whole, RetryAfter: 3 * time.Second})
				if n := len(f.srv.Sockets()) + len(f.srv.Of("/other").Sockets()); n != 0 {
					t.Errorf("%d sockets are left", n)
				}
				begun := time.Now()
				for range 3 {
					_ = p.Emit("say", "x")
				}
				f.ended(p, sockettest.ErrClosed)
				if took := time.Since(begun); took != 3*time.Second {
					t.Errorf("closed after %v", took)
				}
			})
		})
	}
}

// OnConnect and connect middleware return the same values that Disconnect accepts.
func TestEndingThatFunctionsReturn(t *testing.T) {
	setup := func(srv *socketio.Server) {
		srv.Open()
		srv.Of("/onconnect").Open()
		srv.Of("/onconnect").OnConnect(func(context.Context, *socketio.Socket) error {
			return &socketio.Ending{Event: "sorry", Args: []any{"full"}, Temporary: true}
		})
		srv.Of("/middleware").Use(func(context.Context, *socketio.Socket) error {
			return &socketio.Ending{Message: "banned", WholeConnection: true}
		})
	}
	bubble(t, socketio.Options{}, setup, func(f *fixture) {
		p := f.dial(sockettest.Options{Namespace: "/onconnect"})
		f.expect(p, "sorry")
		f.ended(p, sockettest.ErrClosed)

		p = f.dial(sockettest.Options{})
		_, err := p.Join(f.ctx, "/middleware", nil)
		var told *sockettest.ConnectError
		if !errors.As(err, &told) || told.Message != "banned" {
			t.Errorf("got %v", err)
		}
		f.ended(p, sockettest.ErrDisconnected)
	})
}
