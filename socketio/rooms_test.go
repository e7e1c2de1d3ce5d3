package socketio_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// numbered returns n names, each of them repeat times.
func numbered(n, repeat int) []string {
	names := make([]string, 0, n*repeat)
	for i := range n * repeat {
		names = append(names, fmt.Sprint("room ", i%n))
	}
	return names
}

// If there are more names than a socket may have rooms, Join fails before it takes the
// namespace's lock, so that no other socket waits.
func TestJoinOfTooManyRoomsTakesNoLock(t *testing.T) {
	bubble(t, socketio.Options{MaxRooms: 100}, open, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		synctest.Wait()
		s := socketOf(f, p)
		f.srv.WhileListingIsLocked(func() {
			for _, join := range []func(...string) error{
				s.Join,
				func(rooms ...string) error { return f.srv.SocketsJoin(rooms...) },
			} {
				if err := join(numbered(60_000, 1)...); !errors.Is(err, socketio.ErrTooManyRooms) {
					t.Errorf("60,000 rooms: %v", err)
				}
				if err := join(numbered(102, 1)...); !errors.Is(err, socketio.ErrTooManyRooms) {
					t.Errorf("102 rooms: %v", err)
				}
			}
		})
		if err := s.Join(append(numbered(100, 50), s.ID(), s.ID())...); err != nil || len(s.Rooms()) != 101 {
			t.Errorf("100 rooms and its own, with repeats: %v, %d rooms", err, len(s.Rooms()))
		}
		if err := s.Join("one more"); !errors.Is(err, socketio.ErrTooManyRooms) {
			t.Errorf("one more: %v", err)
		}
		if err := f.srv.SocketsJoin("one more", "and another"); !errors.Is(err, socketio.ErrTooManyRooms) {
			t.Errorf("SocketsJoin: %v", err)
		}
		s.Leave(numbered(5000, 3)...)
		if n := len(s.Rooms()); n != 1 {
			t.Errorf("%d rooms after all were left", n)
		}
	})
}

// The work of selecting sockets is linear in the number of names plus the number of members.
func TestSelectionIsLinear(t *testing.T) {
	const members = 50
	bubble(t, socketio.Options{}, open, func(f *fixture) {
		for range members {
			f.dial(sockettest.Options{})
		}
		synctest.Wait()
		for _, s := range f.srv.Sockets() {
			_ = s.Join("room 0", "room 1", "common")
		}
		for _, c := range []struct {
			name     string
			to       socketio.Selector
			selected int
			most     int
		}{
			{"all", socketio.Selector{All: true}, members, members},
			{"rooms", socketio.Selector{Rooms: numbered(10_000, 1)}, members, 10_000 + 2*members},
			{"rooms with repeats", socketio.Selector{Rooms: numbered(1000, 40)}, members, 1000 + 2*members},
			{"except", socketio.Selector{All: true, Except: numbered(10_000, 1)}, 0, 10_000 + 3*members},
			{"except with repeats", socketio.Selector{Rooms: []string{"common"}, Except: numbered(1000, 40)}, 0, 1000 + 4*members},
			{"both", socketio.Selector{Rooms: numbered(10_000, 1), Except: []string{"empty"}}, members, 10_001 + 2*members},
			{"a few", socketio.Selector{Rooms: numbered(8, 1), Except: []string{"empty"}}, members, 8 + 7*members},
		} {
			steps, _, selected := f.srv.Steps(c.to)
			if selected != c.selected || steps > c.most {
				t.Errorf("%s: %d selected in %d steps, want %d in at most %d", c.name, selected, steps, c.selected, c.most)
			}
		}
	})
}

// The number of sockets that are visited and of names that are looked up while the lock of the listing is held is bounded.
func TestSelectionHoldsTheLockBriefly(t *testing.T) {
	const sockets = 3000
	var large []string
	for i := range 60 {
		large = append(large, fmt.Sprint("large ", i))
	}
	srv, all := members(t, sockets, socketio.Options{})
	for i, s := range all {
		rooms := []string{"common"}
		if i%2 == 0 {
			rooms = append(append(rooms, "half"), large...)
		}
		if i < 20 {
			rooms = append(rooms, "few")
		}
		if err := s.Join(rooms...); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		to   socketio.Selector
		want int
	}{
		{socketio.Selector{All: true}, sockets},
		{socketio.Selector{Rooms: []string{"common"}, Except: []string{all[7].ID()}}, sockets - 1},
		{socketio.Selector{All: true, Except: []string{"half"}}, sockets / 2},
		{socketio.Selector{All: true, Except: []string{"half", all[1].ID()}}, sockets/2 - 1},
		{socketio.Selector{Rooms: []string{"half", "common", all[3].ID()}}, sockets},
		{socketio.Selector{Rooms: []string{"half", "common"}, Except: []string{"few"}}, sockets - 20},
		{socketio.Selector{Rooms: []string{"few", "none"}, Except: []string{"half"}}, 10},
		{socketio.Selector{Rooms: numbered(5000, 1)}, 0},
		{socketio.Selector{All: true, Except: append(numbered(5000, 1), "half")}, sockets / 2},
		{socketio.Selector{Rooms: large, Except: []string{"few"}}, sockets/2 - 10},
		{socketio.Selector{All: true, Except: large}, sockets / 2},
		{socketio.Selector{Rooms: append(numbered(5000, 1), large...)}, sockets / 2},
		{socketio.Selector{Rooms: append(numbered(5000, 1), "half"), Except: append(numbered(5000, 1), "few")}, sockets/2 - 10},
		{socketio.Selector{}, 0},
	} {
		_, locked, selected := srv.Steps(c.to)
		if selected != c.want {
			t.Errorf("%d rooms, except %d: %d selected, want %d", len(c.to.Rooms), len(c.to.Except), selected, c.want)
		}
		if locked > 1024+1+sockets/64 { // the last list may be any longer
			t.Errorf("%d rooms, except %d: %d steps with the lock", len(c.to.Rooms), len(c.to.Except), locked)
		}
	}
}

// A selector has each name once. A broadcast does not change when the slices it was made from
// change.
func TestSelectorHasNoRepeats(t *testing.T) {
	var asked []socketio.Emitted
	setup := func(srv *socketio.Server) {
		srv.Open()
		srv.OnEmit(func(e socketio.Emitted) { asked = append(asked, e) })
	}
	bubble(t, socketio.Options{}, setup, func(f *fixture) {
		names := numbered(2000, 3)
		b := f.srv.To(names...).Except(names...).Local()
		one := f.srv.To()
		for _, name := range names {
			one = one.To(name)
		}
		base := f.srv.To("a")
		left, right := base.To("b"), base.To("c")
		clear(names)
		for _, b := range []socketio.Broadcast{b, one, left, right, f.srv.To(), f.srv.Except()} {
			if err := b.Emit("e"); err != nil {
				t.Fatal(err)
			}
		}
		want := numbered(2000, 1)
		slices.Sort(want)
		for i, s := range [][]string{asked[0].To.Rooms, asked[0].To.Except, asked[1].To.Rooms} {
			slices.Sort(s)
			if !slices.Equal(s, want) {
				t.Errorf("list %d has %d names", i, len(s))
			}
		}
		if !asked[0].Local || asked[1].Local || len(asked[2].To.Rooms) != 2 || slices.Contains(asked[2].To.Rooms, "c") || slices.Contains(asked[3].To.Rooms, "b") {
			t.Errorf("asked for %v", asked[2:])
		}
		if asked[4].To.All || len(asked[4].To.Rooms) != 0 || !asked[5].To.All {
			t.Errorf("no room is %v, all sockets are %v", asked[4].To, asked[5].To)
		}
	})
}

// No socket may join a room that is named by the id of another socket, even after that one has
// left.
func TestRoomsNamedLikeSocketsAreReserved(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Of("/other").Open()
	}, func(f *fixture) {
		ada, eve := f.dial(sockettest.Options{}), f.dial(sockettest.Options{})
		elsewhere := f.dial(sockettest.Options{Namespace: "/other"})
		synctest.Wait()
		a, e := socketOf(f, ada), socketOf(f, eve)
		check := func(when string) {
			t.Helper()
			if err := e.Join("harmless", ada.ID()); !errors.Is(err, socketio.ErrReservedRoom) {
				t.Errorf("%s: %v", when, err)
			}
			if err := f.srv.To(eve.ID()).SocketsJoin(ada.ID()); !errors.Is(err, socketio.ErrReservedRoom) {
				t.Errorf("%s, SocketsJoin: %v", when, err)
			}
			if rooms := e.Rooms(); !slices.Equal(rooms, []string{eve.ID()}) {
				t.Errorf("%s: in rooms %q", when, rooms)
			}
			_ = f.srv.To(ada.ID()).Emit("secret")
			f.nothing(eve)
		}
		check("while the socket is there")
		f.expect(ada, "secret")
		a.Disconnect(nil)
		synctest.Wait()
		check("after it has left")
		// A name that only resembles an id is an ordinary name, and so is the id of a socket in
		// another namespace.
		for _, name := range []string{"AAAAAAAAAAAAAAAAAAAA", ada.ID()[1:] + "A", elsewhere.ID(), "/other#" + eve.ID()} {
			if err := e.Join(name); err != nil {
				t.Errorf("Join(%q): %v", name, err)
			}
		}
		if err := f.srv.SocketsJoin(eve.ID()); err != nil {
			t.Errorf("its own id: %v", err)
		}
	})
}

// The socket of a peer of Engine.IO 3 has the ID of its session, so its id is known before the
// peer joins a namespace.
func TestRoomsNamedLikeOldSocketsAreReserved(t *testing.T) {
	bubble(t, socketio.Options{Engine: withEIO3}, func(srv *socketio.Server) {
		srv.Open()
		srv.Of("/other").Open()
	}, func(f *fixture) {
		old := f.pollLegacy("").sid
		eve, elsewhere := f.dial(sockettest.Options{}), f.dial(sockettest.Options{Namespace: "/other"})
		synctest.Wait()
		e, o := socketOf(f, eve), f.srv.Of("/other").Sockets()[0]
		for _, c := range []struct {
			s    *socketio.Socket
			name string
			want error
		}{
			{e, old, socketio.ErrReservedRoom},
			{o, "/other#" + old, socketio.ErrReservedRoom}, // which it has not joined yet
			{o, old, nil},
			{e, "/other#" + old, nil},
			{e, "AAAAAAAAAAAAAAAAAAAAAA", nil},
			{o, "/other#AAAAAAAAAAAAAAAAAAAAAA", nil},
			{o, elsewhere.ID(), nil}, // its own id
		} {
			if err := c.s.Join(c.name); !errors.Is(err, c.want) {
				t.Errorf("Join(%q): %v, want %v", c.name, err, c.want)
			}
		}
	})
}
