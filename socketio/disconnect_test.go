package socketio_test

import (
	"context"
	"encoding/json"
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
