package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// clock is a wall clock that a test can set. It calls read each time it is read.
type clock struct {
	step atomic.Int64
	read atomic.Pointer[func()]
}

func (c *clock) now() time.Time {
	if read := c.read.Swap(nil); read != nil {
		(*read)()
	}
	return time.Now().Add(time.Duration(c.step.Load()))
}

func (c *clock) set(step time.Duration) { c.step.Store(int64(step)) }

const month = 30 * 24 * time.Hour

// When the wall clock is set forward past a socket's deadline, the socket counts as ended at
// once, and has ended within two seconds.
func TestDeadlineIsNoticedAtOnce(t *testing.T) {
	var wall clock
	var ran record
	setup := func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			return s.Intercept("intercepted", func(context.Context, *socketio.Socket, *socketio.Event) error {
				ran.add("interceptor")
				return nil
			})
		})
		srv.OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Join("room") })
		srv.HandleAny(func(context.Context, *socketio.Socket, *socketio.Event) error {
			ran.add("handler")
			return nil
		})
	}
	bubble(t, socketio.Options{Now: wall.now}, setup, func(f *fixture) {
		p, other := f.dial(sockettest.Options{}), f.dial(sockettest.Options{})
		synctest.Wait()
		s, witness := socketOf(f, p), socketOf(f, other)
		s.SetDeadline(time.Now().Add(time.Hour), nil)
		_ = p.Emit("before")
		_ = f.srv.Emit("before")
		f.expect(p, "before")
		f.expect(other, "before")
		synctest.Wait()
		wall.set(month)

		for name, call := range map[string]func() error{
			"Emit":        func() error { return s.Emit("late") },
			"EmitWithAck": func() error { _, err := s.EmitWithAck(f.ctx, "late"); return err },
			"Join":        func() error { return s.Join("late") },
			"Context":     func() error { return context.Cause(s.Context()) },
		} {
			if err := call(); !errors.Is(err, socketio.ErrClosed) {
				t.Errorf("%s: %v, want ErrClosed", name, err)
			}
		}
		_ = errors.Join(p.Emit("late"), p.Emit("intercepted"))
		_ = errors.Join(f.srv.Emit("late"), f.srv.To("room").Emit("late"), f.srv.To(s.ID()).Emit("late"), s.Volatile().Emit("late"))
		if answers, err := f.srv.To(s.ID()).EmitWithAck(f.ctx, "late"); len(answers.List) != 0 || err != nil {
			t.Errorf("EmitWithAck to its room: %+v, %v", answers, err)
		}
		if all := f.srv.Sockets(); !slices.Equal(all, []*socketio.Socket{witness}) {
			t.Errorf("listed: %v", all)
		}
		infos, err := f.srv.To("room").FetchSockets(f.ctx)
		if err != nil || len(infos) != 1 || infos[0].ID != witness.ID() {
			t.Errorf("fetched %v, %v", infos, err)
		}
		if rooms := s.Rooms(); rooms != nil {
			t.Errorf("in rooms %q", rooms)
		}
		s.Go(func(ctx context.Context) {
			if ctx.Err() == nil {
				t.Error("Go began with a context that has not ended")
			}
		})
		f.nothing(p)
		if got := ran.all(); !slices.Equal(got, []string{"handler"}) {
			t.Errorf("ran %q", got)
		}
		start := time.Now()
		f.ended(p, sockettest.ErrClosed)
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("ended %v after the step", took)
		}
		f.expect(other, "late")
	})
}

func socketOf(f *fixture, p *sockettest.Peer) *socketio.Socket {
	f.t.Helper()
	for _, s := range f.srv.Sockets() {
		if s.ID() == p.ID() {
			return s
		}
	}
	f.t.Fatal("the socket is not listed")
	return nil
}

// If the process stops for 5 s over the deadline, no event that waited meanwhile is handled.
func TestEventsThatWaitedOverTheDeadline(t *testing.T) {
	for _, intercepted := range []bool{false, true} {
		t.Run(fmt.Sprintf("intercepted %t", intercepted), func(t *testing.T) {
			var wall clock
			var ran record
			var proceed chan struct{} // belongs to the bubble
			handler := func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
				ran.add(e.Name())
				<-proceed
				return nil
			}
			setup := func(srv *socketio.Server) {
				srv.Use(func(_ context.Context, s *socketio.Socket) error {
					if intercepted {
						return s.Intercept("first", handler)
					}
					return nil
				})
				srv.HandleAny(handler)
			}
			bubble(t, socketio.Options{Now: wall.now}, setup, func(f *fixture) {
				proceed = make(chan struct{})
				p := f.dial(sockettest.Options{})
				synctest.Wait()
				s := socketOf(f, p)
				s.SetDeadline(time.Now().Add(3*time.Second), nil)
				for range 10 {
					_ = p.Emit("first")
				}
				synctest.Wait()
				wall.set(5 * time.Second)
				close(proceed)
				if got := ran.all(); !slices.Equal(got, []string{"first"}) {
					t.Errorf("handled %q", got)
				}
				f.ended(p, sockettest.ErrClosed)
			})
		})
	}
}

// A socket that ends while its worker reads the clock starts no handler: the state and the
// context are checked together, after the clock.
func TestNoHandlerBeginsAfterTheEnd(t *testing.T) {
	for _, name := range []string{"handled", "intercepted"} {
		t.Run(name, func(t *testing.T) {
			var wall clock
			var ran record
			handler := func(ctx context.Context, _ *socketio.Socket, e *socketio.Event) error {
				ran.add(fmt.Sprint(e.Name(), ctx.Err()))
				return nil
			}
			setup := func(srv *socketio.Server) {
				srv.Use(func(_ context.Context, s *socketio.Socket) error { return s.Intercept("intercepted", handler) })
				srv.HandleAny(handler)
			}
			bubble(t, socketio.Options{Now: wall.now}, setup, func(f *fixture) {
				p := f.dial(sockettest.Options{})
				synctest.Wait()
				s := socketOf(f, p)
				s.SetDeadline(time.Now().Add(time.Hour), nil)
				end := func() { s.Disconnect(nil) }
				wall.read.Store(&end)
				_ = p.Emit(name)
				if got := ran.all(); len(got) > 0 {
					t.Errorf("ran %q", got)
				}
				f.ended(p, sockettest.ErrDisconnected)
			})
		})
	}
}

// A socket whose deadline passed while it was held is not admitted, even if it has not been
// ended yet.
func TestDeadlineBeforeAdmission(t *testing.T) {
	for _, middleware := range []bool{false, true} {
		t.Run(fmt.Sprintf("middleware %t", middleware), func(t *testing.T) {
			var wall clock
			var ran record
			held := make(chan *socketio.Socket, 1)
			setup := func(srv *socketio.Server) {
				srv.Use(func(_ context.Context, s *socketio.Socket) error {
					held <- s
					return s.Hold(socketio.HoldOptions{})
				})
				if middleware {
					srv.Use(func(context.Context, *socketio.Socket) error {
						ran.add("middleware")
						return nil
					})
				}
				srv.OnConnect(func(context.Context, *socketio.Socket) error {
					ran.add("connected")
					return nil
				})
			}
			bubble(t, socketio.Options{Now: wall.now}, setup, func(f *fixture) {
				p := f.dial(sockettest.Options{})
				s := <-held
				s.SetDeadline(s.Now().Add(time.Hour), nil)
				wall.set(month)
				if err := s.AdmitWith("welcome"); err != nil {
					t.Error(err)
				}
				f.nothing(p)
				if got := ran.all(); len(got) > 0 || len(f.srv.Sockets()) > 0 {
					t.Errorf("ran %q, listed %v", got, f.srv.Sockets())
				}
				f.ended(p, sockettest.ErrClosed)
				f.nothing(p)
			})
		})
	}
}

// The end function of a deadline decides how a socket ends whose deadline passes before OnConnect fails,
// also if that function is running at this moment.
func TestDeadlineBeforeOnConnectFails(t *testing.T) {
	for _, running := range []bool{false, true} {
		t.Run(fmt.Sprintf("running %t", running), func(t *testing.T) {
			var wall clock
			var ran record
			begun := make(chan struct{})
			setup := func(srv *socketio.Server) {
				srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
					until := s.Now().Add(time.Hour)
					if running {
						until = s.Now()
					}
					s.SetDeadline(until, func() {
						ran.add("end")
						close(begun)
						for range 1000 { // OnConnect fails meanwhile
							runtime.Gosched()
						}
						s.Disconnect(&socketio.Ending{Event: "over", Temporary: true, WholeConnection: true})
					})
					if running {
						<-begun
					}
					wall.set(month)
					return s.Join("room")
				})
			}
			bubble(t, socketio.Options{Now: wall.now}, func(srv *socketio.Server) { open(srv); setup(srv) }, func(f *fixture) {
				p := f.dial(sockettest.Options{})
				f.expect(p, "over")
				f.ended(p, sockettest.ErrClosed)
				if got := ran.all(); !slices.Equal(got, []string{"end"}) {
					t.Errorf("ran %q", got)
				}
			})
		})
	}
}

// SetDeadline replaces and removes the previous deadline, and end runs once.
func TestSetDeadlineAgain(t *testing.T) {
	bubble(t, socketio.Options{}, open, func(f *fixture) {
		p, left := f.dial(sockettest.Options{}), f.dial(sockettest.Options{})
		synctest.Wait()
		var ran record
		s := socketOf(f, p)
		s.SetDeadline(time.Now().Add(time.Minute), func() { ran.add("first") })
		s.SetDeadline(time.Now().Add(10*time.Minute), func() { ran.add("second") })
		time.Sleep(2 * time.Minute)
		s.SetDeadline(time.Time{}, nil)
		time.Sleep(20 * time.Minute)
		s.SetDeadline(time.Now().Add(time.Minute), func() {
			ran.add("third")
			s.SetDeadline(time.Now().Add(time.Minute), func() { ran.add("fourth") })
		})
		start := time.Now()
		f.ended(p, sockettest.ErrClosed) // although no function ended it
		if got := ran.all(); !slices.Equal(got, []string{"third", "fourth"}) || time.Since(start) != 2*time.Minute {
			t.Errorf("ran %q in %v", got, time.Since(start))
		}
		gone := socketOf(f, left)
		gone.SetDeadline(time.Now().Add(time.Minute), func() { t.Error("it had ended before") })
		gone.Disconnect(nil)
		gone.SetDeadline(time.Now().Add(time.Minute), func() { t.Error("it had ended before") })
		time.Sleep(10 * time.Minute)
		if n := f.srv.Deadlines(); n != 0 {
			t.Errorf("%d deadlines are left", n)
		}
	})
}
