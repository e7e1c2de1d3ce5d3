package socketio_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// An intercepted event bypasses middleware and handlers also after admission. Intercepted
// events are handled one at a time and do not delay others.
func TestInterceptAfterAdmission(t *testing.T) {
	var ran record
	gate := make(chan struct{})
	nop := func(context.Context, *socketio.Socket, *socketio.Event) error { return nil }
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		gate = make(chan struct{})
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			if s.Intercept("x", nil) == nil || s.Intercept("", nop) == nil || s.Intercept("connect", nop) == nil {
				t.Error("Intercept takes what can never be")
			}
			if s.Intercept("y", nop) != nil || s.Intercept("y", nop) == nil {
				t.Error("Intercept of one event twice")
			}
			return s.Intercept("slow", func(ctx context.Context, _ *socketio.Socket, e *socketio.Event) error {
				ran.add("slow begins")
				<-gate
				ran.add("slow ends")
				return e.Ack()
			})
		})
		srv.Handle("slow", func(context.Context, *socketio.Socket, *socketio.Event) error { ran.add("handler"); return nil })
		srv.Handle("fast", socketio.AckFunc(func(context.Context, *socketio.Socket, struct{}) (int, error) { return 1, nil }))
		srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
			if err := s.Intercept("x", nop); !errors.Is(err, socketio.ErrAdmitted) {
				t.Errorf("Intercept after admission: %v", err)
			}
			if err := s.Hold(socketio.HoldOptions{}); !errors.Is(err, socketio.ErrAdmitted) {
				t.Errorf("Hold after admission: %v", err)
			}
			return nil
		})
		srv.Of("/gone").Use(func(ctx context.Context, s *socketio.Socket) error {
			<-ctx.Done()
			for name, err := range map[string]error{"Intercept": s.Intercept("x", nop), "Hold": s.Hold(socketio.HoldOptions{}), "Admit": s.Admit(), "Emit": s.Emit("x"), "Join": s.Join("x")} {
				if !errors.Is(err, socketio.ErrClosed) {
					t.Errorf("%s after the end: %v", name, err)
				}
			}
			return nil
		})
	}, func(f *fixture) {
		gone := f.dial(sockettest.Options{})
		_ = gone.SendRaw("0/gone,")
		synctest.Wait()
		_ = gone.Close()
		p := f.dial(sockettest.Options{})
		_ = p.Emit("slow")
		_ = p.Emit("slow")
		if _, err := p.EmitWithAck(f.ctx, "fast"); err != nil {
			t.Error(err)
		}
		if got, want := ran.all(), []string{"slow begins"}; !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
		close(gate)
		if got, want := ran.all(), []string{"slow begins", "slow ends", "slow begins", "slow ends"}; !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
	})
}

// The charge for each intercepted event is returned when the event is handled.
func TestInterceptedBytesAreGivenBack(t *testing.T) {
	bubble(t, socketio.Options{MaxInbox: 3000}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			return s.Intercept("x", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error { return e.Ack() })
		})
		srv.HandleAny(func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error { return e.Ack() })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for i := range 20 {
			if _, err := p.EmitWithAck(f.ctx, []string{"x", "y"}[i%2], strings.Repeat("x", 1500)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// An intercepted event that is too large is handled without its arguments. Any other event that
// is too large closes the connection.
func TestInterceptedEventTooLarge(t *testing.T) {
	var seen record
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			err := s.Intercept("authenticate", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
				if e.TooLarge() != (e.Len() == 0) || e.TooLarge() == (e.Scan(new(any)) == nil) {
					t.Errorf("too large %t, %d arguments", e.TooLarge(), e.Len())
				}
				seen.add(map[bool]string{true: "too large", false: "fits"}[e.TooLarge()])
				return e.Ack("heard")
			})
			if err != nil {
				return err
			}
			return s.Hold(socketio.HoldOptions{})
		})
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for _, size := range []int{10, 50_000, 100_000, 2_000_000} {
			if _, err := p.EmitWithAck(f.ctx, "authenticate", strings.Repeat("x", size)); err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
		}
		if got := seen.all(); !slices.Equal(got, []string{"fits", "fits", "too large", "too large"}) {
			t.Errorf("seen %q", got)
		}
		_ = p.Emit("say", strings.Repeat("x", 100_000))
		f.ended(p, sockettest.ErrClosed)
	})
}

// companion is an Interceptor with a name.
type companion struct {
	name string
	ran  *record
}

func (c companion) Intercept(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
	c.ran.add(c.name + " intercepts " + e.Name())
	return e.Ack()
}

func (c companion) Ended(cause *socketio.DisconnectError) {
	c.ran.add(c.name + " ended: " + string(cause.Reason))
}

// Each Interceptor gets its event, and is told once that the socket has ended. One that was not
// accepted is not told.
func TestInterceptorsAreToldOfTheEnd(t *testing.T) {
	var ran record
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			if s.InterceptBy("connect", companion{"reserved", &ran}) == nil || s.InterceptBy("x", nil) == nil {
				t.Error("an Interceptor that can never run was accepted")
			}
			for _, name := range []string{"a", "b", "c"} {
				if err := s.InterceptBy(name, companion{name, &ran}); err != nil {
					t.Error(err)
				}
			}
			if s.InterceptBy("b", companion{"second", &ran}) == nil {
				t.Error("an event has two Interceptors")
			}
			s.OnEnd(func() { ran.add("ended") })
			return nil
		})
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for _, name := range []string{"b", "c", "a"} {
			if _, err := p.EmitWithAck(context.Background(), name); err != nil {
				t.Error(err)
			}
		}
		_ = p.Close()
		synctest.Wait()
		got := ran.all()
		want := []string{"b intercepts b", "c intercepts c", "a intercepts a"}
		if len(got) != 7 || !slices.Equal(got[:3], want) || !slices.Equal(slices.Sorted(slices.Values(got[3:])), []string{"a ended: transport close", "b ended: transport close", "c ended: transport close", "ended"}) {
			t.Errorf("got %q", got)
		}
	})
}
