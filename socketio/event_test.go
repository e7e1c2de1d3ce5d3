package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

func TestEventsRunInOrderAndDelayOnlyTheirSocket(t *testing.T) {
	var ran record
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("n", socketio.Func(func(_ context.Context, _ *socketio.Socket, n int) error {
			time.Sleep(time.Duration(100-n) * time.Millisecond) // later ones take less time
			ran.add(fmt.Sprint(n))
			return nil
		}))
		srv.Handle("now", socketio.AckFunc(func(context.Context, *socketio.Socket, struct{}) (bool, error) { return true, nil }))
	}, func(f *fixture) {
		slow, fast := f.dial(sockettest.Options{}), f.dial(sockettest.Options{})
		var want []string
		for i := range 100 {
			_ = slow.Emit("n", i)
			want = append(want, fmt.Sprint(i))
		}
		begin := time.Now()
		if _, err := fast.EmitWithAck(f.ctx, "now"); err != nil || time.Since(begin) > 0 {
			t.Errorf("another socket waited: %v after %v", err, time.Since(begin))
		}
		time.Sleep(time.Minute)
		if got := ran.all(); !slices.Equal(got, want) {
			t.Errorf("order %q", got)
		}
	})
}

func TestPanicEndsOnlyThatSocket(t *testing.T) {
	var ended atomic.Int32
	var log logged
	const secret = "Bearer s3cret"
	bubble(t, socketio.Options{Logger: log.logger()}, func(srv *socketio.Server) {
		srv.Open()
		srv.OnDisconnect(func(context.Context, *socketio.Socket, socketio.Reason) { ended.Add(1) })
		srv.Handle("panic", func(context.Context, *socketio.Socket, *socketio.Event) error { panic(secret) })
		srv.Handle("goexit", func(context.Context, *socketio.Socket, *socketio.Event) error { runtime.Goexit(); return nil })
		srv.Handle("go", func(_ context.Context, s *socketio.Socket, _ *socketio.Event) error {
			s.Go(func(context.Context) { panic(errors.New(secret)) })
			return nil
		})
		srv.Of("/use").Use(func(context.Context, *socketio.Socket) error { panic([]byte(secret)) })
		srv.Of("/connect").Open().OnConnect(func(context.Context, *socketio.Socket) error { panic(struct{ Token string }{secret}) })
		srv.Of("/error").Open().OnConnect(func(context.Context, *socketio.Socket) error { return errors.New("no") })
	}, func(f *fixture) {
		bystander := f.dial(sockettest.Options{})
		for _, event := range []string{"panic", "goexit", "go"} {
			p := f.dial(sockettest.Options{})
			_ = p.Emit(event)
			f.ended(p, sockettest.ErrDisconnected)
			if again, err := p.Join(f.ctx, "/", nil); err != nil {
				t.Errorf("%s ended the connection: %v", event, err)
			} else if err := again.Emit("x"); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		if n := ended.Load(); n != 3 {
			t.Errorf("OnDisconnect ran %d times for 3 sockets", n)
		}
		if got := f.refused(sockettest.Options{Namespace: "/use"}); got.Message != "internal error" {
			t.Errorf("/use: %q", got.Message)
		}
		for _, name := range []string{"/connect", "/error"} {
			p := f.dial(sockettest.Options{Namespace: name})
			f.ended(p, sockettest.ErrDisconnected)
		}
		if err := bystander.Emit("x"); err != nil || len(f.srv.Sockets()) == 0 {
			t.Errorf("the bystander: %v", err)
		}
		for _, described := range []string{"panic=string", "panic=*errors.errorString", "panic=[]uint8", `panic="struct { Token string }"`, "panic=runtime.Goexit"} {
			if n := log.count(described); n != 1 {
				t.Errorf("%s is in the log %d times, want 1", described, n)
			}
		}
		if n := log.count("s3cret"); n != 0 {
			t.Errorf("the value of a panic is in the log %d times", n)
		}
	})
}

func TestInboxIsBounded(t *testing.T) {
	release := make(chan struct{})
	bubble(t, socketio.Options{MaxInbox: 10_000}, func(srv *socketio.Server) {
		release = make(chan struct{})
		srv.Open()
		srv.Handle("slow", func(context.Context, *socketio.Socket, *socketio.Event) error { <-release; return nil })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		_ = p.Emit("slow")
		synctest.Wait()
		for range 20 {
			_ = p.Emit("slow", strings.Repeat("x", 1000))
		}
		f.ended(p, sockettest.ErrClosed)
		close(release)
	})
}

func TestWrapAndHandleAny(t *testing.T) {
	var ran record
	wrap := func(name string) func(socketio.Handler) socketio.Handler {
		return func(h socketio.Handler) socketio.Handler {
			return func(ctx context.Context, s *socketio.Socket, e *socketio.Event) error {
				ran.add(name + " " + e.Name())
				if e.Name() == "blocked" {
					return nil
				}
				return h(ctx, s, e)
			}
		}
	}
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Wrap(wrap("outer"))
		srv.Wrap(wrap("inner"))
		srv.Handle("a", func(context.Context, *socketio.Socket, *socketio.Event) error { ran.add("a"); return nil })
		srv.Handle("blocked", func(context.Context, *socketio.Socket, *socketio.Event) error { ran.add("blocked"); return nil })
		srv.HandleAny(func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
			ran.add("any " + e.Name())
			return nil
		})
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for _, event := range []string{"a", "blocked", "b"} {
			_ = p.Emit(event)
		}
		want := []string{"outer a", "inner a", "a", "outer blocked", "outer b", "inner b", "any b"}
		if got := ran.all(); !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
	})
}

func TestContextValuesAndKeys(t *testing.T) {
	type key struct{}
	score := socketio.NewKey[int]()
	other := socketio.NewKey[int]()
	var ran record
	inside := make(chan struct{})
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		inside = make(chan struct{})
		srv.Use(func(ctx context.Context, s *socketio.Socket) error {
			if socketio.FromContext(ctx) != s {
				t.Error("FromContext in middleware")
			}
			s.SetContextValue(key{}, "one")
			return nil
		})
		srv.Handle("look", func(ctx context.Context, s *socketio.Socket, _ *socketio.Event) error {
			ran.add(fmt.Sprint(ctx.Value(key{})))
			<-inside
			ran.add(fmt.Sprint(ctx.Value(key{})))
			n, ok := score.Value(s)
			score.Set(s, n+1)
			_, none := other.Value(s)
			ran.add(fmt.Sprint(n, ok, none))
			return nil
		})
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		_ = p.Emit("look")
		synctest.Wait()
		f.srv.Sockets()[0].SetContextValue(key{}, "two") // a running handler does not see it
		close(inside)
		_ = p.Emit("look")
		_ = p.Emit("look")
		want := []string{"one", "one", "0 false false", "two", "two", "1 true false", "two", "two", "2 true false"}
		if got := ran.all(); !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
	})
}

// The log names the handler that failed, and has no warning about a socket that ended.
func TestFailedHandlersAreLogged(t *testing.T) {
	var log logged
	bubble(t, socketio.Options{Logger: log.logger()}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			return s.Intercept("seen", func(context.Context, *socketio.Socket, *socketio.Event) error { return errors.New("third") })
		})
		srv.Of("/connect").Open().OnConnect(func(context.Context, *socketio.Socket) error { return errors.New("fourth") })
		srv.Handle("fails", func(context.Context, *socketio.Socket, *socketio.Event) error { return errors.New("first") })
		srv.Handle("ends too", func(_ context.Context, s *socketio.Socket, _ *socketio.Event) error {
			s.Disconnect(nil)
			return errors.New("whatever")
		})
		srv.Handle("ends", socketio.AckFunc(func(_ context.Context, s *socketio.Socket, _ struct{}) (int, error) {
			s.Disconnect(nil)
			return 1, nil
		}))
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		f.ended(f.dial(sockettest.Options{Namespace: "/connect"}), sockettest.ErrDisconnected)
		_ = p.Emit("seen")
		synctest.Wait() // it runs concurrently with the others, which end the socket
		_ = p.SendRaw(`2["fails"]`)
		_ = p.SendRaw(`20["ends"]`)
		f.ended(p, sockettest.ErrDisconnected)
		again := f.dial(sockettest.Options{})
		_ = again.Emit("ends too")
		f.ended(again, sockettest.ErrDisconnected)
		for text, want := range map[string]int{"level=WARN": 3, "OnConnect failed": 1, "error=fourth": 1, "event=fails error=first": 1, "event=seen error=third": 1, "event=ends": 1} {
			if n := log.count(text); n != want {
				t.Errorf("%q is in the log %d times, want %d", text, n, want)
			}
		}
	})
}

// If event middleware refuses an event, the socket stays, and the peer receives only what the
// middleware sends.
func TestEventMiddlewareRefuses(t *testing.T) {
	var ran record
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Wrap(func(next socketio.Handler) socketio.Handler {
			return func(ctx context.Context, s *socketio.Socket, e *socketio.Event) error {
				if e.Name() != "allowed" {
					return errors.Join(errors.New("not allowed"), e.Ack("no"))
				}
				return next(ctx, s, e)
			}
		})
		srv.HandleAny(func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
			ran.add(e.Name())
			return e.Ack("yes")
		})
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for event, want := range map[string]string{"forbidden": "no", "allowed": "yes"} {
			answer, err := p.EmitWithAck(f.ctx, event)
			var got string
			if err != nil || answer.Scan(&got) != nil || got != want {
				t.Errorf("%s: %q, %v", event, got, err)
			}
		}
		if got := ran.all(); !slices.Equal(got, []string{"allowed"}) {
			t.Errorf("handled %q", got)
		}
	})
}

// A handler is not called with arguments of the wrong type.
func TestFuncChecksItsArgument(t *testing.T) {
	var ran record
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("n", socketio.Func(func(_ context.Context, _ *socketio.Socket, n int) error { ran.add(fmt.Sprint(n)); return nil }))
		srv.Handle("none", socketio.Func(func(context.Context, *socketio.Socket, struct{}) error { ran.add("none"); return nil }))
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for _, raw := range []string{`2["n"]`, `2["n","1"]`, `2["n",{}]`, `2["n",1.5]`, `2["n",7,"more"]`, `2["none"]`, `2["none",[1]]`} {
			_ = p.SendRaw(raw)
		}
		if got, want := ran.all(), []string{"7", "none", "none"}; !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
	})
}
