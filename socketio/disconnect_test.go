package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

func scan(raw json.RawMessage, dst any) error {
	if raw == nil {
		return nil
	}
	return json.Unmarshal(raw, dst)
}

func fields(s string) []string { return strings.Fields(s) }

func TestReasons(t *testing.T) {
	cause := errors.New("cause")
	for want, end := range map[string]func(f *fixture, p *sockettest.Peer, s *socketio.Socket){
		"client namespace disconnect": func(_ *fixture, p *sockettest.Peer, _ *socketio.Socket) { _ = p.Leave() },
		"server namespace disconnect": func(_ *fixture, _ *sockettest.Peer, s *socketio.Socket) { s.Disconnect(cause) },
		"forced server close": func(_ *fixture, _ *sockettest.Peer, s *socketio.Socket) {
			s.Disconnect(&socketio.Ending{Temporary: true, WholeConnection: true, Err: cause})
		},
		"transport close":      func(_ *fixture, p *sockettest.Peer, _ *socketio.Socket) { _ = p.Close() },
		"forced close":         func(_ *fixture, p *sockettest.Peer, _ *socketio.Socket) { _ = p.SendRaw("x") },
		"server shutting down": func(f *fixture, _ *sockettest.Peer, _ *socketio.Socket) { _ = f.srv.Shutdown(f.ctx) },
	} {
		t.Run(want, func(t *testing.T) {
			var ran record
			bubble(t, socketio.Options{}, func(srv *socketio.Server) {
				srv.Open()
				srv.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
					s.Go(func(ctx context.Context) {
						<-ctx.Done()
						var ended *socketio.DisconnectError
						if !errors.As(context.Cause(ctx), &ended) {
							ran.add("no cause")
							return
						}
						if given := want == "server namespace disconnect" || want == "forced server close"; errors.Is(ended, cause) != given || !errors.Is(ended, socketio.ErrClosed) {
							ran.add(fmt.Sprint("wrong cause: ", ended.Err))
						}
						ran.add(fmt.Sprint("cancelled: ", ended.Reason))
					})
					return s.Join("room")
				})
				srv.OnDisconnecting(func(ctx context.Context, s *socketio.Socket, r socketio.Reason, rooms []string) {
					slices.Sort(rooms)
					ran.add(fmt.Sprintf("disconnecting: %s, %d rooms, %d now, %v", r, len(rooms), len(s.Rooms()), ctx.Err()))
				})
				srv.OnDisconnect(func(ctx context.Context, _ *socketio.Socket, r socketio.Reason) {
					ran.add(fmt.Sprintf("disconnect: %s, %v", r, ctx.Err()))
				})
			}, func(f *fixture) {
				p := f.dial(sockettest.Options{})
				synctest.Wait()
				end(f, p, f.srv.Sockets()[0])
				got := ran.all()
				slices.Sort(got)
				wantLines := []string{"cancelled: " + want, "disconnect: " + want + ", <nil>", "disconnecting: " + want + ", 2 rooms, 0 now, <nil>"}
				if !slices.Equal(got, wantLines) {
					t.Errorf("got  %q\nwant %q", got, wantLines)
				}
				if n := len(f.srv.Sockets()); n != 0 {
					t.Errorf("%d sockets are still listed", n)
				}
			})
		})
	}
}

func TestOnEnd(t *testing.T) {
	var ran record
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			s.OnEnd(func() { ran.add("ended") })
			var auth struct{ Refuse, Hold bool }
			_ = scan(s.Handshake().Auth, &auth)
			switch {
			case auth.Refuse:
				return errors.New("no")
			case auth.Hold:
				return s.Hold(socketio.HoldOptions{})
			}
			return nil
		})
	}, func(f *fixture) {
		f.refused(sockettest.Options{Auth: map[string]bool{"refuse": true}})
		if got := ran.all(); len(got) != 1 {
			t.Errorf("refused: %q", got)
		}
		for _, hold := range []bool{true, false} {
			p := f.dial(sockettest.Options{Auth: map[string]bool{"hold": hold}})
			before := len(ran.all())
			_ = p.Close()
			if got := ran.all(); len(got) != before+1 {
				t.Errorf("held %v: %q", hold, got)
			}
		}
		p := f.dial(sockettest.Options{})
		synctest.Wait()
		s := f.srv.Sockets()[0]
		_ = p.Close()
		synctest.Wait()
		s.OnEnd(func() { ran.add("at once"); _ = s.Context() })
		if got := ran.all(); got[len(got)-1] != "at once" {
			t.Errorf("after the end: %q", got)
		}
	})
}

// Events that a peer sends before it leaves are handled.
func TestEventsBeforeTheEndAreHandled(t *testing.T) {
	for _, how := range []string{"leave", "close", "leave and close"} {
		var ran record
		bubble(t, socketio.Options{}, func(srv *socketio.Server) {
			srv.Open()
			srv.Handle("n", socketio.Func(func(_ context.Context, s *socketio.Socket, n int) error {
				time.Sleep(time.Second)
				ran.add(fmt.Sprint(n))
				if err := s.Emit("n"); !errors.Is(err, socketio.ErrClosed) {
					t.Errorf("%s: Emit to a peer that has gone: %v", how, err)
				}
				return s.Namespace().Emit("all")
			}))
			srv.OnDisconnect(func(context.Context, *socketio.Socket, socketio.Reason) { ran.add("end") })
		}, func(f *fixture) {
			p := f.dial(sockettest.Options{})
			for i := range 3 {
				_ = p.Emit("n", i)
			}
			synctest.Wait()
			var again *sockettest.Peer
			if how != "close" {
				_ = p.Leave()
			}
			if how == "leave" {
				var err error
				if again, err = p.Join(f.ctx, "/", nil); err != nil { // at once, while the old socket is still busy
					t.Errorf("join again: %v", err)
				}
			} else {
				synctest.Wait()
				_ = p.Close()
			}
			time.Sleep(4 * time.Second) // a second for each event, and not more
			want := []string{"0", "1", "2", "end"}
			if got := ran.all(); !slices.Equal(got, want) {
				t.Errorf("%s: ran %q, want %q", how, got, want)
			}
			if again != nil && len(again.Events()) != 3 { // the events are not repeated for the old socket
				t.Errorf("heard %q, want three times all", again.Events())
			}
		})
	}
}

// Draining is bounded: after ten seconds the remaining events are dropped, and the handler's
// context ends.
func TestDrainIsBounded(t *testing.T) {
	var ran record
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("wait", func(ctx context.Context, _ *socketio.Socket, _ *socketio.Event) error {
			<-ctx.Done()
			ran.add("cancelled")
			return nil
		})
		srv.OnDisconnect(func(context.Context, *socketio.Socket, socketio.Reason) { ran.add("end") })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		_ = p.Emit("wait")
		_ = p.Emit("wait")
		synctest.Wait()
		begin := time.Now()
		_ = p.Close()
		time.Sleep(9 * time.Second)
		if got := ran.all(); len(got) != 0 {
			t.Errorf("after %v: %q", time.Since(begin), got)
		}
		time.Sleep(2 * time.Second)
		if got, want := ran.all(), []string{"cancelled", "end"}; !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
	})
}

// Disconnect ends a socket at once and drops the events in its inbox.
func TestDisconnectDropsTheInbox(t *testing.T) {
	var ran record
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("n", socketio.Func(func(_ context.Context, s *socketio.Socket, n int) error {
			ran.add(fmt.Sprint(n))
			time.Sleep(time.Second)
			s.Disconnect(nil)
			return nil
		}))
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for i := range 3 {
			_ = p.Emit("n", i)
		}
		f.ended(p, sockettest.ErrDisconnected)
		if got, want := ran.all(), []string{"0"}; !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
	})
}

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

func TestBusIsClosedOnce(t *testing.T) {
	for _, how := range []string{"Shutdown", "Close", "Shutdown, Close", "Close, Shutdown"} {
		bus := &stubBus{}
		opts := socketio.Options{ClusterKey: make([]byte, 16), Bus: bus.join}
		bubble(t, opts, func(srv *socketio.Server) {
			srv.Open()
			srv.OfPattern(regexp.MustCompile(`/x`)).Open()
		}, func(f *fixture) {
			f.dial(sockettest.Options{})
			f.dial(sockettest.Options{Namespace: "/x"})
			for _, stop := range strings.Split(how, ", ") {
				if stop == "Close" {
					_ = f.srv.Close()
				} else {
					_ = f.srv.Shutdown(f.ctx)
				}
			}
			if bus.closed != 1 {
				t.Errorf("%s: closed %d times", how, bus.closed)
			}
			if err := f.srv.Emit("late"); !errors.Is(err, socketio.ErrClosed) {
				t.Errorf("%s: Emit: %v", how, err)
			}
		})
	}
}

// A panic in a function of OnEnd does not end anything else.
func TestPanicInOnEnd(t *testing.T) {
	var ran record
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
			s.OnEnd(func() { panic("OnEnd") })
			s.OnEnd(func() { ran.add("second") })
			return nil
		})
		srv.OnDisconnect(func(context.Context, *socketio.Socket, socketio.Reason) { ran.add("disconnect") })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		synctest.Wait()
		f.srv.Sockets()[0].Disconnect(nil)
		f.ended(p, sockettest.ErrDisconnected)
		got := ran.all()
		slices.Sort(got)
		if !slices.Equal(got, []string{"disconnect", "second"}) {
			t.Errorf("ran %q", got)
		}
	})
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
