package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// asideServer sets events "wait" aside, and keeps their resume functions.
type asideServer struct {
	ran     record
	resumes []func(socketio.Handler)
}

func (a *asideServer) setup(srv *socketio.Server) {
	srv.Open()
	srv.Handle("wait", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
		resume, err := e.SetAside()
		if err != nil {
			a.ran.add(err.Error())
			return nil
		}
		a.resumes = append(a.resumes, resume)
		return nil
	})
	srv.Handle("next", func(context.Context, *socketio.Socket, *socketio.Event) error {
		a.ran.add("next begins")
		time.Sleep(time.Second)
		a.ran.add("next ends")
		return nil
	})
}

// handled records the context's value and the argument of an event.
func (a *asideServer) handled(ctx context.Context, _ *socketio.Socket, e *socketio.Event) error {
	var text string
	err := e.Scan(&text)
	a.ran.add(fmt.Sprint("handled ", text[:3], " with ", ctx.Value(asideKey{}), ", ", err))
	return e.Ack("done")
}

type asideKey struct{}

// An event that is set aside delays no other one. It is handled later, once, in turn with the
// other events of its socket, and with the context of that time.
func TestEventSetAside(t *testing.T) {
	a := &asideServer{}
	bubble(t, socketio.Options{}, a.setup, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		s := socketOf(f, p)
		answered := make(chan error, 1)
		go func() {
			_, err := p.EmitWithAck(f.ctx, "wait", "one")
			answered <- err
		}()
		synctest.Wait()
		_ = p.Emit("next")
		synctest.Wait()
		s.SetContextValue(asideKey{}, "the new value")
		a.resumes[0](a.handled)
		a.resumes[0](a.handled)
		a.ran.add("resumed")
		if err := <-answered; err != nil {
			t.Errorf("acknowledgement: %v", err)
		}
		want := []string{"next begins", "resumed", "next ends", "handled one with the new value, <nil>"}
		if got := a.ran.all(); !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
		if n := s.Waiting(); n != 0 {
			t.Errorf("%d bytes are still charged", n)
		}
	})
}

// Events that are set aside are charged, until they are handled or dropped.
func TestEventsSetAsideAreBounded(t *testing.T) {
	a := &asideServer{}
	bubble(t, socketio.Options{MaxInbox: 20_000}, a.setup, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		s := socketOf(f, p)
		for range 3 {
			_ = p.Emit("wait", strings.Repeat("x", 4000))
			synctest.Wait()
		}
		if got := a.ran.all(); !slices.Equal(got, []string{socketio.ErrTooManyEvents.Error()}) {
			t.Errorf("ran %q", got)
		}
		for _, resume := range a.resumes {
			resume(nil)
			resume(nil)
		}
		if n := s.Waiting(); n != 0 {
			t.Errorf("%d bytes are still charged", n)
		}
	})
}

// Nothing is handled after the socket has ended or its peer has left, and during a shutdown.
func TestEventSetAsideOfAnEndedSocket(t *testing.T) {
	for name, end := range map[string]func(f *fixture, p *sockettest.Peer, s *socketio.Socket){
		"the peer leaves": func(_ *fixture, p *sockettest.Peer, _ *socketio.Socket) { _ = p.Leave() },
		"the peer is lost while another event is handled": func(_ *fixture, p *sockettest.Peer, _ *socketio.Socket) {
			_ = p.Emit("next")
			synctest.Wait()
			_ = p.Close()
		},
		"the server ends it": func(_ *fixture, _ *sockettest.Peer, s *socketio.Socket) { s.Disconnect(nil) },
		"it is renewed":      func(_ *fixture, _ *sockettest.Peer, s *socketio.Socket) { _ = s.Renew(socketio.Renewal{}) },
		"its deadline":       func(_ *fixture, _ *sockettest.Peer, s *socketio.Socket) { s.SetDeadline(time.Now(), func() {}) },
		"the server shuts down": func(f *fixture, p *sockettest.Peer, _ *socketio.Socket) {
			_ = p.Emit("next")
			synctest.Wait()
			go func() { _ = f.srv.Shutdown(f.ctx) }()
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := &asideServer{}
			bubble(t, socketio.Options{}, a.setup, func(f *fixture) {
				p := f.dial(sockettest.Options{})
				s := socketOf(f, p)
				_ = p.Emit("wait", "one")
				synctest.Wait()
				end(f, p, s)
				synctest.Wait()
				a.resumes[0](a.handled)
				time.Sleep(time.Minute)
				if got := a.ran.all(); slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, "handled") }) {
					t.Errorf("ran %q", got)
				}
				s.Disconnect(nil)
				time.Sleep(time.Minute)
				if left := f.srv.Remains(); left != "" {
					t.Errorf("left: %s", left)
				}
			})
		})
	}
}

// An event cannot be set aside once its peer has left.
func TestSetAsideAfterTheEnd(t *testing.T) {
	var ran record
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("late", func(ctx context.Context, _ *socketio.Socket, e *socketio.Event) error {
			time.Sleep(time.Second)
			_, err := e.SetAside()
			ran.add(fmt.Sprint(errors.Is(err, socketio.ErrClosed)))
			return nil
		})
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		_ = p.Emit("late")
		synctest.Wait()
		_ = p.Close()
		time.Sleep(time.Minute)
		if got := ran.all(); !slices.Equal(got, []string{"true"}) {
			t.Errorf("ErrClosed: %q", got)
		}
	})
}

// A handler that sets its event aside twice, which it must not, harms no other event.
func TestEventSetAsideTwice(t *testing.T) {
	var ran record
	var resumes []func(socketio.Handler)
	var resumed chan struct{}
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		resumed = make(chan struct{})
		srv.Open()
		srv.Handle("wait", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
			for range 2 {
				resume, err := e.SetAside()
				if err != nil {
					return err
				}
				resumes = append(resumes, resume)
			}
			return nil
		})
		srv.Handle("next", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
			ran.add("next")
			for _, resume := range resumes {
				resume(func(context.Context, *socketio.Socket, *socketio.Event) error { ran.add("resumed"); return nil })
				<-resumed
			}
			return nil
		})
		srv.Handle("last", func(context.Context, *socketio.Socket, *socketio.Event) error { ran.add("last"); return nil })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		_ = p.Emit("wait")
		synctest.Wait()
		_ = p.Emit("next")
		for range 2 {
			synctest.Wait()
			_ = p.Emit("last") // while the handler of "next" runs
			synctest.Wait()
			resumed <- struct{}{}
		}
		synctest.Wait()
		if got, want := ran.all(), []string{"next", "resumed", "last", "resumed", "last"}; !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
	})
}
