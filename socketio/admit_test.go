package socketio_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// Events that a peer sends after it was told about its admission are not early, however long
// the middleware after the hold takes. With Drop they would be lost.
func TestAdmitWithTellsThePeerWhenItIsAdmitted(t *testing.T) {
	var ran record
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			if err := s.Intercept("login", func(context.Context, *socketio.Socket, *socketio.Event) error {
				return s.AdmitWith("in", 7)
			}); err != nil {
				return err
			}
			return s.Hold(socketio.HoldOptions{Drop: true})
		}, func(_ context.Context, s *socketio.Socket) error {
			time.Sleep(30 * time.Second)
			_ = s.Namespace().Emit("news")
			return nil
		})
		srv.OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Emit("connected") })
		srv.HandleAny(func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error { ran.add(e.Name()); return nil })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		_ = p.Emit("login")
		f.nothing(p) // the second middleware is running
		var n int
		f.expect(p, "in", &n)
		_ = p.Emit("after")
		if got := ran.all(); !slices.Equal(got, []string{"after"}) || n != 7 {
			t.Errorf("after %d ran %q, want the event after 7", n, got)
		}
		if got := p.Events(); !slices.Equal(got, []string{"connected"}) {
			t.Errorf("besides, the peer received %q, want only connected", got)
		}
	})
}

// Exactly one of Admit and Refuse wins, whichever is first.
func TestAdmitAgainstRefuse(t *testing.T) {
	for range 50 {
		var ran record
		bubble(t, socketio.Options{}, func(srv *socketio.Server) {
			srv.Use(func(_ context.Context, s *socketio.Socket) error {
				time.AfterFunc(time.Second, func() { _ = s.Admit() })
				time.AfterFunc(time.Second, func() { _ = s.Refuse(errors.New("too late")) })
				return s.Hold(socketio.HoldOptions{})
			})
			srv.OnConnect(func(context.Context, *socketio.Socket) error { ran.add("connected"); return nil })
		}, func(f *fixture) {
			p := f.dial(sockettest.Options{})
			time.Sleep(2 * time.Second)
			synctest.Wait()
			listed, connected := len(f.srv.Sockets()), len(ran.all())
			if err := p.SendRaw(`2["x"]`); err != nil {
				t.Error(err)
			}
			if listed != connected {
				t.Errorf("listed %d, connected %d", listed, connected)
			}
		})
	}
}

// A socket that is listed is admitted.
func TestListedSocketsAreAdmitted(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			go func() { _ = s.Admit() }()
			return s.Hold(socketio.HoldOptions{})
		})
	}, func(f *fixture) {
		var stop atomic.Bool
		looked := make(chan struct{})
		go func() {
			defer close(looked)
			for !stop.Load() {
				for _, s := range f.srv.Sockets() {
					if err := s.Join("x"); errors.Is(err, socketio.ErrNotAdmitted) {
						t.Errorf("a socket that is not admitted is listed")
						return
					}
				}
			}
		}()
		for range 200 {
			p := f.dial(sockettest.Options{})
			_ = p.Close()
		}
		stop.Store(true)
		<-looked
	})
}

// AdmitWith sends its event only if the admission happens, and sends it once.
func TestAdmitWith(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		hold := func(word string) socketio.ConnectMiddleware {
			return func(_ context.Context, s *socketio.Socket) error {
				err := s.Intercept(word, func(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
					if err := s.AdmitWith("connect"); !errors.Is(err, socketio.ErrEventName) {
						t.Errorf("AdmitWith of a reserved event: %v", err)
					}
					return s.AdmitWith("in " + word)
				})
				return errors.Join(err, s.Hold(socketio.HoldOptions{}))
			}
		}
		srv.Use(hold("one"), hold("two"))
		srv.Of("/no").Use(hold("one"), func(context.Context, *socketio.Socket) error { return errors.New("no") })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		_ = p.Emit("one")
		f.expect(p, "in one") // held again, but the peer must learn that it may continue
		_ = p.Emit("two")
		f.expect(p, "in two")
		f.nothing(p)
		no := f.dial(sockettest.Options{Namespace: "/no"})
		_ = no.Emit("one")
		f.ended(no, sockettest.ErrDisconnected)
		f.nothing(no)
	})
}

// If a middleware calls Hold twice, the socket is held until Admit is called after the second
// call. An Admit between the two does not admit it.
func TestHoldAfterAdmit(t *testing.T) {
	var held *socketio.Socket
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			held = s
			_ = s.Hold(socketio.HoldOptions{})
			_ = s.Admit()
			return s.Hold(socketio.HoldOptions{})
		})
	}, func(f *fixture) {
		f.dial(sockettest.Options{})
		synctest.Wait()
		if n := len(f.srv.Sockets()); n != 0 {
			t.Error("admitted while it is held")
		}
		if err := held.Admit(); err != nil {
			t.Errorf("Admit: %v", err)
		}
		synctest.Wait()
		if n := len(f.srv.Sockets()); n != 1 {
			t.Error("not admitted")
		}
	})
}
