package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/engineio"
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

func TestAckBothWays(t *testing.T) {
	type file struct {
		Name string
		Data []byte
	}
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("store", socketio.AckFunc(func(_ context.Context, _ *socketio.Socket, in file) (file, error) {
			return file{in.Name + "!", append(in.Data, '!')}, nil
		}))
		srv.Handle("ask me", func(ctx context.Context, s *socketio.Socket, e *socketio.Event) error {
			// the answer arrives while this handler, the only one of the socket, waits
			answer, err := s.EmitWithAck(ctx, "question", []byte{1, 2})
			if err != nil {
				return err
			}
			return e.Ack(answer.Args()...)
		})
		srv.Handle("back", func(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
			if e.WantsAck() {
				defer func() {
					if err := e.Ack("again"); !errors.Is(err, socketio.ErrAckSent) {
						t.Errorf("the second Ack: %v", err)
					}
				}()
			}
			return errors.Join(s.Emit("back", e.Args()...), e.Ack(e.Args()...))
		})
		srv.Handle("public", socketio.AckFunc(func(context.Context, *socketio.Socket, int) (int, error) {
			return 0, &socketio.PublicError{Message: "room is full"}
		}))
		srv.Handle("private", socketio.AckFunc(func(context.Context, *socketio.Socket, struct{}) (int, error) {
			return 0, errors.New("password=hunter2")
		}))
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		answer, err := p.EmitWithAck(f.ctx, "store", file{"a", []byte("xyz")})
		var got file
		if err != nil || answer.Scan(&got) != nil || got.Name != "a!" || string(got.Data) != "xyz!" {
			t.Errorf("store: %+v, %v", got, err)
		}

		asked := make(chan sockettest.Event)
		go func() {
			e, _ := p.Expect(f.ctx, "question")
			_ = e.Ack("fine", []byte{3})
			asked <- e
		}()
		answer, err = p.EmitWithAck(f.ctx, "ask me")
		var word string
		var data []byte
		if err != nil || answer.Scan(&word, &data) != nil || word != "fine" || !slices.Equal(data, []byte{3}) {
			t.Errorf("ask me: %q %v, %v", word, data, err)
		}
		if e := <-asked; !e.WantsAck() {
			t.Error("the question wants no answer")
		}

		answer, err = p.EmitWithAck(f.ctx, "back", 1, map[string]any{"x": []byte("b")}, nil)
		var n int
		var x struct{ X []byte }
		if err != nil || answer.Len() != 3 || answer.Scan(&n, &x) != nil || n != 1 || string(x.X) != "b" {
			t.Errorf("back: %d %+v, %v", n, x, err)
		}

		for event, want := range map[string]string{"public": "room is full", "private": "internal error"} {
			answer, err = p.EmitWithAck(f.ctx, event, 1)
			var failed struct{ Error string }
			if err != nil || answer.Scan(&failed) != nil || failed.Error != want {
				t.Errorf("%s: %+v, %v", event, failed, err)
			}
		}
		answer, err = p.EmitWithAck(f.ctx, "public", "not a number")
		var failed struct{ Error string }
		if err != nil || answer.Scan(&failed) != nil || failed.Error != "bad arguments" {
			t.Errorf("bad arguments: %+v, %v", failed, err)
		}
	})
}

// Ack sends nothing if the peer does not wait for it, or the second time.
func TestAckIsSentOnceAndOnlyIfWanted(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("x", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
			_ = e.Ack(1)
			_ = e.Ack(2)
			return nil
		})
	}, func(f *fixture) {
		var heard record
		p := f.dial(sockettest.Options{Trace: func(sent bool, data []byte, _ bool) {
			if !sent && data[0] == '3' {
				heard.add(string(data))
			}
		}})
		_ = p.SendRaw(`2["x"]`)
		_ = p.SendRaw(`20["x"]`)
		_ = p.SendRaw(`2["x"]`)
		if got := heard.all(); !slices.Equal(got, []string{"30[1]"}) {
			t.Errorf("heard %q", got)
		}
	})
}

func TestEmitWithAckGivesUp(t *testing.T) {
	bubble(t, socketio.Options{MaxPendingAcks: 2}, open, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		synctest.Wait()
		s := f.srv.Sockets()[0]
		ctx, cancel := context.WithTimeout(f.ctx, time.Second)
		defer cancel()
		if _, err := s.EmitWithAck(ctx, "q"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		late, err := p.Expect(f.ctx, "q")
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			go func() {
				if _, err := s.EmitWithAck(f.ctx, "q"); errors.Is(err, socketio.ErrTooManyAcks) {
					t.Error("the one that was given up still counts")
				}
			}()
		}
		synctest.Wait()
		if _, err := s.EmitWithAck(f.ctx, "q"); !errors.Is(err, socketio.ErrTooManyAcks) {
			t.Errorf("a third: %v", err)
		}
		_ = late.Ack("too late") // no call waits for it any more
		waited := make(chan error)
		e, _ := p.Expect(f.ctx, "q")
		_ = e.Ack()
		synctest.Wait()
		go func() { _, err := s.EmitWithAck(f.ctx, "q"); waited <- err }()
		synctest.Wait()
		_ = p.Close() // the answer will never arrive
		if err := <-waited; !errors.Is(err, socketio.ErrClosed) {
			t.Errorf("after the peer left: %v", err)
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

func TestSlowPeerIsClosed(t *testing.T) {
	opts := socketio.Options{Engine: engineio.Options{MaxOutbound: 100_000}}
	bubble(t, opts, open, func(f *fixture) {
		p := f.dial(sockettest.Options{Trace: func(sent bool, _ []byte, _ bool) {}})
		synctest.Wait()
		s := f.srv.Sockets()[0]
		var err error
		for range 1000 { // the peer's reader runs only while this goroutine waits
			if err = s.Emit("flood", strings.Repeat("x", 10_000)); err != nil {
				break
			}
		}
		if !errors.Is(err, engineio.ErrSlow) {
			t.Fatalf("got %v, want ErrSlow", err)
		}
		if err := s.Emit("more"); !errors.Is(err, engineio.ErrClosed) && !errors.Is(err, socketio.ErrClosed) {
			t.Errorf("afterwards: %v", err)
		}
		f.ended(p, sockettest.ErrClosed)
	})
}

// If a result cannot be encoded, the peer still gets an answer, because it waits for one.
func TestAckOfUnencodableResult(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("bad", socketio.AckFunc(func(context.Context, *socketio.Socket, struct{}) (chan int, error) { return make(chan int), nil }))
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		answer, err := p.EmitWithAck(f.ctx, "bad")
		var failed struct{ Error string }
		if err != nil || answer.Scan(&failed) != nil || failed.Error != "internal error" {
			t.Errorf("%+v, %v", failed, err)
		}
	})
}

// If the peer receives only part of an error, the log has the cause.
func TestCausesAreLogged(t *testing.T) {
	var log logged
	bubble(t, socketio.Options{Logger: log.logger()}, func(srv *socketio.Server) {
		srv.Open()
		srv.Of("/no").Use(func(context.Context, *socketio.Socket) error {
			return &socketio.Ending{Message: "no", Err: errors.New("first cause")}
		})
		srv.Handle("public", socketio.AckFunc(func(context.Context, *socketio.Socket, struct{}) (int, error) {
			return 0, &socketio.PublicError{Message: "room is full", Err: errors.New("second cause")}
		}))
	}, func(f *fixture) {
		f.refused(sockettest.Options{Namespace: "/no"})
		p := f.dial(sockettest.Options{})
		answer, err := p.EmitWithAck(f.ctx, "public")
		if err != nil || strings.Contains(string(answer.Args()[0].(socketio.Raw).JSON()), "cause") {
			t.Errorf("%v, %v", answer, err)
		}
		for _, cause := range []string{"first cause", "second cause"} {
			if n := log.count(cause); n != 1 {
				t.Errorf("%q is in the log %d times", cause, n)
			}
		}
	})
}

// logged is a log that a test can read.
type logged struct{ lines record }

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (l *logged) Write(p []byte) (int, error) {
	l.lines.add(string(p))
	return len(p), nil
}

// count returns the number of lines that contain text.
func (l *logged) count(text string) int {
	n := 0
	for _, line := range l.lines.all() {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
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

// A volatile event is dropped instead of queued. A volatile EmitWithAck that reaches no peer
// returns no answers.
func TestVolatileIsDropped(t *testing.T) {
	bubble(t, socketio.Options{MaxPendingAcks: 1}, open, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		path := f.pollingSession()
		f.post(path, "40")
		_ = f.poll(path) // the answer to CONNECT
		synctest.Wait()
		transports := map[engineio.Transport]int{}
		for _, s := range f.srv.Sockets() {
			transports[s.Transport()]++
		}
		if transports[engineio.Polling] != 1 || transports[engineio.WebSocket] != 1 {
			t.Errorf("transports %v", transports)
		}
		// Between two polls nothing can be written. A WebSocket can always take an event.
		_ = f.srv.Volatile().Emit("volatile")
		f.expect(p, "volatile")
		synctest.Wait() // now it can be written to again
		go func() {
			if e, err := p.Expect(f.ctx, "question"); err == nil {
				_ = e.Ack()
			}
		}()
		answers, err := f.srv.Volatile().EmitWithAck(f.ctx, "question")
		if len(answers.List) != 1 || err != nil {
			t.Errorf("%+v, %v", answers, err)
		}
		// A dropped event leaves no pending acknowledgement, so there is room for the next one.
		short, cancel := context.WithTimeout(f.ctx, time.Second)
		defer cancel()
		_, _ = f.srv.EmitWithAck(short, "kept")
		if got := f.poll(path); !strings.HasSuffix(got, `["kept"]`) || strings.Contains(got, "question") {
			t.Errorf("the poll got %q", got)
		}
	})
}

// A handler that waits for an answer is told at once that none will come, while its socket is
// still draining.
func TestEmitWithAckEndsWhenThePeerLeaves(t *testing.T) {
	for _, how := range []string{"leave", "close"} {
		var ran record
		bubble(t, socketio.Options{}, func(srv *socketio.Server) {
			srv.Open()
			srv.Handle("ask", func(ctx context.Context, s *socketio.Socket, _ *socketio.Event) error {
				begin := time.Now()
				_, err := s.EmitWithAck(ctx, "question")
				ran.add(fmt.Sprint(errors.Is(err, socketio.ErrClosed), time.Since(begin), ctx.Err()))
				_, err = s.EmitWithAck(ctx, "another")
				ran.add(fmt.Sprint(errors.Is(err, socketio.ErrClosed)))
				return nil
			})
		}, func(f *fixture) {
			p := f.dial(sockettest.Options{})
			_ = p.Emit("ask")
			synctest.Wait()
			if how == "leave" {
				_ = p.Leave()
			} else {
				_ = p.Close()
			}
			if got, want := ran.all(), []string{"true 0s <nil>", "true"}; !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", how, got, want)
			}
		})
	}
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
