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

	"socketiojwt/engineio"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// A peer receives the last event before the end, in every state that can receive one. If the
// event cannot be encoded, the socket still ends.
func TestEndsWithALastEvent(t *testing.T) {
	for name, c := range map[string]struct {
		ending socketio.Ending
		how    error
		fail   bool
	}{
		"disconnect":        {socketio.Ending{}, sockettest.ErrDisconnected, false},
		"close":             {socketio.Ending{Temporary: true, WholeConnection: true}, sockettest.ErrClosed, false},
		"close, one socket": {socketio.Ending{Temporary: true}, sockettest.ErrClosed, false},
		"disconnect all":    {socketio.Ending{WholeConnection: true}, sockettest.ErrDisconnected, false},
		"disconnect, error": {socketio.Ending{Args: []any{make(chan int)}}, sockettest.ErrDisconnected, true},
		"close, error":      {socketio.Ending{Event: "connect", Temporary: true, WholeConnection: true}, sockettest.ErrClosed, true},
	} {
		for _, held := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, held %t", name, held), func(t *testing.T) {
				sockets := make(chan *socketio.Socket, 2)
				setup := func(srv *socketio.Server) {
					srv.Use(func(_ context.Context, s *socketio.Socket) error {
						sockets <- s
						if held {
							return s.Hold(socketio.HoldOptions{})
						}
						return nil
					})
				}
				var log logged
				bubble(t, socketio.Options{Logger: log.logger()}, setup, func(f *fixture) {
					p := f.dial(sockettest.Options{})
					s := <-sockets
					synctest.Wait()
					ending := c.ending
					if ending.Event == "" {
						ending.Event = "last"
					}
					if !c.fail {
						ending.Args = []any{1}
					}
					s.SetDeadline(s.Now().Add(-time.Hour), func() { s.Disconnect(&ending) })
					f.ended(p, c.how)
					if n := log.count("ending cannot be encoded"); n > 0 != c.fail {
						t.Errorf("%d errors in the log", n)
					}
					if c.fail {
						f.nothing(p)
						return
					}
					e, err := p.Expect(f.ctx, "last")
					if err != nil || !e.WantsAck() || len(p.Events()) != 0 {
						t.Errorf("%v; then %q", err, p.Events())
					}
				})
			})
		}
	}
}

// An ending of the whole connection tells each namespace, so that a JavaScript client does not
// reconnect, and closes the transport.
func TestDisconnectWholeConnection(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Of("/other").Open()
	}, func(f *fixture) {
		var packets record
		p := f.dial(sockettest.Options{Trace: func(sent bool, data []byte, _ bool) {
			if !sent && !strings.HasPrefix(string(data), "0") {
				packets.add(string(data))
			}
		}})
		other, err := p.Join(f.ctx, "/other", nil)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		cause := errors.New("banned")
		s := socketOf(f, p)
		ctx := s.Context()
		s.Disconnect(&socketio.Ending{WholeConnection: true, Err: cause})
		f.ended(p, sockettest.ErrDisconnected)
		f.ended(other, sockettest.ErrDisconnected)
		if got := packets.all(); !slices.Equal(got, []string{"1", "1/other,"}) {
			t.Errorf("packets %q", got)
		}
		if !errors.Is(context.Cause(ctx), cause) || f.srv.Remains() != "" {
			t.Errorf("cause %v, left: %s", context.Cause(ctx), f.srv.Remains())
		}
	})
}

// A socket whose peer has left is in no listing while its last handler runs, and cannot join a
// room. OnDisconnecting receives its rooms.
func TestSocketWhosePeerIsGone(t *testing.T) {
	for _, how := range []string{"leaves", "is lost"} {
		t.Run(how, func(t *testing.T) {
			var ran record
			var proceed chan struct{} // belongs to the bubble
			setup := func(srv *socketio.Server) {
				srv.Open()
				srv.OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Join("room") })
				srv.Handle("work", func(_ context.Context, s *socketio.Socket, _ *socketio.Event) error {
					<-proceed
					ran.add(fmt.Sprintf("join %t, emit %t", errors.Is(s.Join("late"), socketio.ErrClosed), errors.Is(s.Emit("late"), socketio.ErrClosed)))
					return nil
				})
				srv.OnDisconnecting(func(_ context.Context, s *socketio.Socket, _ socketio.Reason, rooms []string) {
					rooms[0] = "own"
					ran.add(fmt.Sprint(rooms))
				})
			}
			bubble(t, socketio.Options{}, setup, func(f *fixture) {
				proceed = make(chan struct{})
				p := f.dial(sockettest.Options{})
				synctest.Wait()
				s := socketOf(f, p)
				_ = p.Emit("work")
				synctest.Wait()
				if how == "leaves" {
					_ = p.Leave()
				} else {
					_ = p.Close()
				}
				synctest.Wait()
				infos, err := f.srv.FetchSockets(f.ctx)
				if len(f.srv.Sockets()) != 0 || len(infos) != 0 || err != nil || s.Rooms() != nil {
					t.Errorf("listed: %v, %v, %v, in rooms %q", f.srv.Sockets(), infos, err, s.Rooms())
				}
				close(proceed)
				if got := ran.all(); !slices.Equal(got, []string{"join true, emit true", "[own room]"}) {
					t.Errorf("ran %q", got)
				}
			})
		})
	}
}

// The session's ErrClosed is the socket's ErrClosed, so that a handler that answers a peer that
// has left does not cause a warning.
func TestErrorOfAClosedSession(t *testing.T) {
	bubble(t, socketio.Options{}, open, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		synctest.Wait()
		s := socketOf(f, p)
		err := s.EmitOnClosedSession("late")
		if !errors.Is(err, socketio.ErrClosed) || !errors.Is(err, engineio.ErrClosed) {
			t.Errorf("Emit: %v", err)
		}
	})
}

// If a socket ends before OnConnect starts, neither OnConnect nor OnDisconnect runs. Once one
// function of OnConnect has started, OnDisconnect follows.
func TestEndBeforeOnConnect(t *testing.T) {
	for name, c := range map[string]struct {
		endAt int // number of the clock reading, counted from the one of the admission
		want  []string
	}{
		"before the first function":  {1, []string{}},
		"before the second function": {2, []string{"first", "disconnecting", "disconnected"}},
		"later":                      {3, []string{"first", "second", "disconnecting", "disconnected"}},
	} {
		t.Run(name, func(t *testing.T) {
			var wall clock
			var ran record
			var socket *socketio.Socket
			next := func(looks int) *func() {
				var count func()
				count = func() {
					if looks--; looks < 0 {
						socket.Disconnect(nil)
						return
					}
					wall.read.Store(&count)
				}
				return &count
			}
			setup := func(srv *socketio.Server) {
				srv.Use(func(_ context.Context, s *socketio.Socket) error {
					s.SetDeadline(time.Now().Add(time.Hour), nil)
					socket = s
					return nil
				}, func(context.Context, *socketio.Socket) error {
					wall.read.Store(next(c.endAt + 1)) // resume and admit read the clock before
					return nil
				})
				for _, function := range []string{"first", "second"} {
					srv.OnConnect(func(context.Context, *socketio.Socket) error {
						ran.add(function)
						return nil
					})
				}
				srv.OnDisconnecting(func(context.Context, *socketio.Socket, socketio.Reason, []string) { ran.add("disconnecting") })
				srv.OnDisconnect(func(context.Context, *socketio.Socket, socketio.Reason) { ran.add("disconnected") })
			}
			bubble(t, socketio.Options{Now: wall.now}, setup, func(f *fixture) {
				p := f.dial(sockettest.Options{})
				synctest.Wait()
				socket.Disconnect(nil)
				f.ended(p, sockettest.ErrDisconnected)
				if got := ran.all(); !slices.Equal(got, c.want) {
					t.Errorf("ran %q, want %q", got, c.want)
				}
			})
		})
	}
}
