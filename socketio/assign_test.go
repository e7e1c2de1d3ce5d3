package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// A socket is in the rooms of Assign from the moment at which it is listed, and not before.
func TestAssignedRoomsAreJoinedAtAdmission(t *testing.T) {
	var ran record
	held := make(chan *socketio.Socket, 1)
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			ran.add(fmt.Sprint("assign: ", s.Assign("user:ada", "left", "user:ada", s.ID())))
			s.Leave("left")
			held <- s
			return s.Hold(socketio.HoldOptions{})
		})
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			ran.add(fmt.Sprint("assign: ", s.Assign("late")))
			return nil
		})
		srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
			ran.add(fmt.Sprint("connected: ", s.In("user:ada"), s.In("late"), s.In("left"), len(s.Rooms())))
			return srv.To("user:ada").Emit("news")
		})
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		synctest.Wait()
		s := <-held
		if n, _ := f.srv.To("user:ada").EmitLocal("early"); n != 0 || s.In("user:ada") || s.Rooms() != nil {
			t.Errorf("while held: a broadcast reached %d sockets, rooms %q", n, s.Rooms())
		}
		_ = s.Admit()
		f.expect(p, "news")
		f.nothing(p)
		if err := s.Assign("admitted"); err != nil || !s.In("admitted") {
			t.Errorf("after the admission: %v, rooms %q", err, s.Rooms())
		}
		_ = p.Close()
		synctest.Wait()
		if err := s.Assign("ended"); !errors.Is(err, socketio.ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
		if got, want := ran.all(), []string{"assign: <nil>", "assign: <nil>", "connected: true true false 3"}; !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
		if left := f.srv.Remains(); left != "" {
			t.Errorf("left: %s", left)
		}
	})
}

// No broadcast finds a socket in the namespace and not in its assigned room.
func TestAssignedRoomsAreJoinedInOneStep(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error { return s.Assign("everyone") })
	}, func(f *fixture) {
		done, over := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(over)
			for {
				select {
				case <-done:
					return
				default:
				}
				listed := len(f.srv.Sockets())
				if n := len(f.srv.To("everyone").Sockets()); n < listed {
					t.Errorf("%d sockets are listed, and %d of them are in the room", listed, n)
					return
				}
			}
		}()
		for range 50 {
			f.dial(sockettest.Options{})
		}
		close(done)
		<-over
	})
}

// A socket that is refused leaves no trace of its assigned rooms.
func TestAssignedRoomsOfRefusedSockets(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			_ = s.Assign("user:ada")
			return errors.New("refused")
		})
	}, func(f *fixture) {
		f.refused(sockettest.Options{})
		synctest.Wait()
		if left := f.srv.Remains(); strings.Contains(left, "room") {
			t.Errorf("left: %s", left)
		}
	})
}

// Assign and CanJoin refuse the names that Join refuses. The rooms that the program has joined
// do not limit Assign, and the rooms of Assign count for Join.
func TestAssignIsBounded(t *testing.T) {
	bubble(t, socketio.Options{MaxRooms: 100, MaxNameLength: 20}, open, func(f *fixture) {
		s, other := socketOf(f, f.dial(sockettest.Options{})), socketOf(f, f.dial(sockettest.Options{}))
		for _, c := range []struct {
			rooms []string
			want  error
		}{
			{numbered(102, 1), socketio.ErrTooManyRooms},
			{numbered(101, 1), socketio.ErrTooManyRooms},
			{[]string{strings.Repeat("x", 21)}, socketio.ErrRoomName},
			{[]string{"good", other.ID()}, socketio.ErrReservedRoom},
		} {
			if err := s.Assign(c.rooms...); !errors.Is(err, c.want) {
				t.Errorf("Assign of %d rooms: %v, want %v", len(c.rooms), err, c.want)
			}
			if err := s.CanJoin(c.rooms...); !errors.Is(err, c.want) {
				t.Errorf("CanJoin of %d rooms: %v, want %v", len(c.rooms), err, c.want)
			}
		}
		if got := s.Rooms(); len(got) != 1 {
			t.Errorf("refused rooms were joined: %q", got)
		}
		byHand := make([]string, 100)
		for i := range byHand {
			byHand[i] = fmt.Sprint("by hand ", i)
		}
		for i, err := range []error{
			s.CanJoin(s.ID()), s.Join(byHand...), s.Assign(numbered(100, 3)...), s.Join(byHand...), s.Assign(numbered(100, 1)...),
		} {
			if err != nil {
				t.Errorf("step %d: %v", i, err)
			}
		}
		if err := s.Join("more"); !errors.Is(err, socketio.ErrTooManyRooms) {
			t.Errorf("Join: %v", err)
		}
		if err := s.Assign("more"); !errors.Is(err, socketio.ErrTooManyRooms) {
			t.Errorf("Assign: %v", err)
		}
		s.Leave(numbered(100, 1)...)
		if err := s.Assign("more"); err != nil || len(s.Rooms()) != 102 {
			t.Errorf("Assign after Leave: %v, %d rooms", err, len(s.Rooms()))
		}
	})
}
