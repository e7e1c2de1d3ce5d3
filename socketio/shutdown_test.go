package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

func TestShutdownLetsHandlersFinish(t *testing.T) {
	var ran record
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("work", func(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
			ran.add("begin")
			time.Sleep(5 * time.Second)
			ran.add("end")
			return errors.Join(e.Ack("done"), s.Emit("last words"))
		})
		srv.OnDisconnect(func(_ context.Context, _ *socketio.Socket, r socketio.Reason) {
			time.Sleep(time.Second) // Shutdown waits for this too
			ran.add(string(r))
		})
	}, func(f *fixture) {
		p, idle := f.dial(sockettest.Options{}), f.dial(sockettest.Options{})
		answered := make(chan error)
		go func() { _, err := p.EmitWithAck(f.ctx, "work"); answered <- err }()
		synctest.Wait()
		stopped := make(chan error)
		go func() { stopped <- f.srv.Shutdown(f.ctx) }()
		synctest.Wait()
		if _, err := sockettest.Dial(f.ctx, "http://server", f.options(sockettest.Options{})); err == nil {
			t.Error("a new connection was accepted")
		}
		if status := f.status("/socket.io/?EIO=4&transport=polling"); status != http.StatusServiceUnavailable {
			t.Errorf("a new connection got %d", status)
		}
		_ = p.Emit("work") // does not start any more
		if err := <-answered; err != nil {
			t.Errorf("the answer was lost: %v", err)
		}
		if err := <-stopped; err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		f.expect(p, "last words")
		f.ended(p, sockettest.ErrClosed) // no DISCONNECT, so that peers reconnect to the next server
		f.ended(idle, sockettest.ErrClosed)
		want := []string{"begin", "server shutting down", "end", "server shutting down"}
		if got := ran.all(); !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
	})
}

func TestShutdownReportsRunningHandlers(t *testing.T) {
	release := make(chan struct{})
	var ended time.Time
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		release = make(chan struct{})
		srv.Open()
		srv.Handle("hang", func(ctx context.Context, _ *socketio.Socket, _ *socketio.Event) error {
			<-ctx.Done()
			ended = time.Now()
			<-release
			return nil
		})
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		_ = p.Emit("hang")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(f.ctx, time.Second)
		defer cancel()
		begin := time.Now()
		err := f.srv.Shutdown(ctx)
		if err == nil || !strings.Contains(err.Error(), "1 handlers still run") || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown: %v", err)
		}
		f.ended(p, sockettest.ErrClosed)
		synctest.Wait()
		if d := ended.Sub(begin); d != time.Second {
			t.Errorf("the handler's context ended after %v", d)
		}
		close(release)
	})
}

func TestShutdownAndCloseFromAHandler(t *testing.T) {
	for name, stop := range map[string]func(context.Context, *socketio.Server) error{
		"Shutdown": func(ctx context.Context, srv *socketio.Server) error { return srv.Shutdown(ctx) },
		"Close":    func(_ context.Context, srv *socketio.Server) error { return srv.Close() },
	} {
		var ran record
		bubble(t, socketio.Options{}, func(srv *socketio.Server) {
			srv.Open()
			srv.Handle("stop", func(ctx context.Context, _ *socketio.Socket, _ *socketio.Event) error {
				ran.add(fmt.Sprint(name, ": ", stop(ctx, srv)))
				return nil
			})
		}, func(f *fixture) {
			p := f.dial(sockettest.Options{})
			_ = p.Emit("stop")
			f.ended(p, sockettest.ErrClosed)
			if got := ran.all(); !slices.Equal(got, []string{name + ": <nil>"}) {
				t.Errorf("%q", got)
			}
		})
	}
}

// Emitting to an idle socket that Shutdown has ended must not close the connection while
// another socket of it is still finishing.
func TestShutdownKeepsConnectionsOfBusySockets(t *testing.T) {
	var ran record
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.OnConnect(func(context.Context, *socketio.Socket) error { ran.add("connected"); return nil })
		srv.Of("/work").Open().Handle("work", func(ctx context.Context, s *socketio.Socket, e *socketio.Event) error {
			time.Sleep(time.Second)
			ran.add(fmt.Sprint("done, ", ctx.Err()))
			return e.Ack()
		})
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		work, err := p.Join(f.ctx, "/work", nil)
		if err != nil {
			t.Fatal(err)
		}
		answered := make(chan error)
		go func() { _, err := work.EmitWithAck(f.ctx, "work"); answered <- err }()
		synctest.Wait()
		stopped := make(chan error)
		go func() { stopped <- f.srv.Shutdown(f.ctx) }()
		synctest.Wait()
		_ = p.Emit("to a socket that has ended")
		_ = p.SendRaw("0")        // no socket is admitted any more
		_ = p.SendRaw("0/work2,") // or refused
		if err := <-answered; err != nil {
			t.Errorf("the answer was lost: %v", err)
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		if got, want := ran.all(), []string{"connected", "done, <nil>"}; !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
	})
}

// Shutdown is called from handlers of several sockets at once. None waits for the other.
func TestShutdownFromTwoHandlers(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("stop", func(ctx context.Context, _ *socketio.Socket, _ *socketio.Event) error {
			time.Sleep(time.Second) // until both are running
			if err := srv.Shutdown(ctx); err != nil {
				t.Error(err)
			}
			return nil
		})
	}, func(f *fixture) {
		one, two := f.dial(sockettest.Options{}), f.dial(sockettest.Options{})
		_ = one.Emit("stop")
		_ = two.Emit("stop")
		f.ended(one, sockettest.ErrClosed)
		f.ended(two, sockettest.ErrClosed)
		synctest.Wait()
		if left := f.srv.Remains(); left != "" {
			t.Errorf("left: %s", left)
		}
	})
}

// Close also ends sockets whose peers have left and whose events are still being handled.
func TestCloseEndsDrainingSockets(t *testing.T) {
	for _, how := range []string{"leave", "close"} {
		var ran record
		bubble(t, socketio.Options{}, func(srv *socketio.Server) {
			srv.Open()
			srv.Handle("wait", func(ctx context.Context, _ *socketio.Socket, _ *socketio.Event) error {
				<-ctx.Done()
				ran.add("cancelled")
				return nil
			})
		}, func(f *fixture) {
			p := f.dial(sockettest.Options{})
			_ = p.Emit("wait")
			synctest.Wait()
			if how == "leave" {
				_ = p.Leave()
			} else {
				_ = p.Close()
			}
			if got := ran.all(); len(got) != 0 {
				t.Errorf("%s: ended too early", how)
			}
			_ = f.srv.Close()
			if got := ran.all(); len(got) != 1 {
				t.Errorf("%s: Close left a handler's context alive", how)
			}
		})
	}
}

// During Shutdown a running handler still receives answers, and its events still reach the
// peer. No intercepting handler starts any more.
func TestHandlersCanWaitForAnswersDuringShutdown(t *testing.T) {
	var ran record
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			return s.Intercept("seen", func(context.Context, *socketio.Socket, *socketio.Event) error { ran.add("seen"); return nil })
		})
		srv.Handle("ask", func(ctx context.Context, s *socketio.Socket, _ *socketio.Event) error {
			_, err := s.EmitWithAck(ctx, "question")
			ran.add(fmt.Sprint("answered: ", err))
			return nil
		})
		srv.Of("/held").Use(func(_ context.Context, s *socketio.Socket) error { return s.Hold(socketio.HoldOptions{}) })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		held, err := p.Join(f.ctx, "/held", nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = p.Emit("ask")
		e, err := p.Expect(f.ctx, "question")
		if err != nil {
			t.Fatal(err)
		}
		stopped := make(chan error)
		go func() { stopped <- f.srv.Shutdown(f.ctx) }()
		synctest.Wait()
		_ = p.Emit("seen")
		_ = held.Emit("early")
		_ = e.Ack()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		if got, want := ran.all(), []string{"answered: <nil>"}; !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
	})
}

// A socket that is busy when Shutdown begins ends when it is idle, so that code that waits for
// its end continues. If the peer of a socket has left, its events are still handled.
func TestShutdownEndsBusySockets(t *testing.T) {
	var ran record
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("n", socketio.Func(func(_ context.Context, s *socketio.Socket, n int) error {
			s.Go(func(ctx context.Context) { <-ctx.Done() })
			time.Sleep(time.Second)
			ran.add(fmt.Sprint(n))
			return nil
		}))
		srv.OnDisconnect(func(_ context.Context, _ *socketio.Socket, r socketio.Reason) { ran.add(string(r)) })
	}, func(f *fixture) {
		for _, leaves := range []bool{true, false} {
			p := f.dial(sockettest.Options{})
			for n := range 3 {
				_ = p.Emit("n", n)
			}
			synctest.Wait()
			if leaves {
				_ = p.Leave()
				time.Sleep(100 * time.Millisecond) // so that the two do not mix
			}
		}
		begin := time.Now()
		if err := f.srv.Shutdown(f.ctx); err != nil || time.Since(begin) > 4*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		want := []string{"0", "0", "1", "1", "2", "client namespace disconnect", "2", "server shutting down"}
		if got := ran.all(); !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
	})
}
