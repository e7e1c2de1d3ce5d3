package socketio_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"socketiojwt/socketio"
)

// TestSelectionOfRandomRooms compares selections with their definition: each socket once that is in one of the rooms, and in
// none of the excepted ones. The numbers of rooms and sockets are such that every way to select is taken.
func TestSelectionOfRandomRooms(t *testing.T) {
	const rooms = 12
	for _, sockets := range []int{1, 5, 60, 500} {
		srv, all := members(t, sockets, socketio.Options{})
		for _, s := range all {
			for room := range rooms {
				if rand.IntN(room+2) == 0 {
					if err := s.Join(fmt.Sprint("room ", room)); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		in := make(map[*socketio.Socket]map[string]bool)
		for _, s := range all {
			in[s] = make(map[string]bool)
			for _, room := range s.Rooms() {
				in[s][room] = true
			}
		}
		for range 100 {
			to := socketio.Selector{All: rand.IntN(3) == 0}
			names := func(most int) (some []string) {
				for range rand.IntN(most + 1) {
					switch rand.IntN(3) {
					case 0:
						some = append(some, all[rand.IntN(len(all))].ID())
					default:
						some = append(some, fmt.Sprint("room ", rand.IntN(rooms+1)))
					}
				}
				if rand.IntN(20) == 0 {
					some = append(some, numbered(1500, 1)[100:]...)
				}
				return some
			}
			to.Except = names(3)
			b := srv.Except(to.Except...)
			if !to.All {
				to.Rooms = names(1 + rand.IntN(12))
				b = b.To(to.Rooms...)
			}
			inAny := func(s *socketio.Socket, names []string) bool {
				return slices.ContainsFunc(names, func(name string) bool { return in[s][name] })
			}
			want := 0
			for _, s := range all {
				if (to.All || inAny(s, to.Rooms)) && !inAny(s, to.Except) {
					want++
				}
			}
			got := b.Sockets()
			seen := make(map[*socketio.Socket]bool)
			for _, s := range got {
				if seen[s] || inAny(s, to.Except) || !to.All && !inAny(s, to.Rooms) {
					t.Fatalf("%d sockets: rooms %.80q, except %.80q: a socket is selected twice or wrongly", sockets, to.Rooms, to.Except)
				}
				seen[s] = true
			}
			if len(got) != want {
				t.Fatalf("%d sockets: rooms %.80q, except %.80q: %d selected, want %d", sockets, to.Rooms, to.Except, len(got), want)
			}
		}
	}
}

// TestSelectionWhileRoomsChange checks that a selection finds what does not change exactly once, and sees other sockets
// as they are at one moment: a socket that is in a room only while it is excepted is not selected.
func TestSelectionWhileRoomsChange(t *testing.T) {
	const sockets = 400
	srv, all := members(t, sockets, socketio.Options{})
	steady, banned, moving := all[:sockets/4], all[sockets/4:sockets/2], all[sockets/2:]
	kind := make(map[*socketio.Socket]int)
	for _, s := range steady {
		_ = s.Join("lobby", "hall")
		kind[s] = 1
	}
	for _, s := range banned {
		_ = s.Join("lobby", "hall", "banned")
		kind[s] = 2
	}
	var done atomic.Bool
	var moves sync.WaitGroup
	defer moves.Wait()
	defer done.Store(true)
	for part := range slices.Chunk(moving, len(moving)/2) {
		moves.Go(func() {
			for !done.Load() {
				for _, s := range part {
					_ = s.Join("banned")
					_ = s.Join("lobby", "hall")
					s.Leave("hall", "lobby")
					s.Leave("banned")
				}
			}
		})
	}
	for i := range 300 {
		b := srv.To("lobby")
		switch i % 4 {
		case 1:
			b = b.To("hall")
		case 2:
			b = b.To(numbered(3000, 1)...)
		case 3:
			b = b.To("hall", moving[0].ID()).Except(moving[0].ID())
		}
		counts := make(map[*socketio.Socket]int)
		for _, s := range b.Except("banned").Sockets() {
			if counts[s]++; counts[s] > 1 || kind[s] != 1 {
				t.Fatalf("selection %d: a socket is selected %d times, of kind %d", i, counts[s], kind[s])
			}
		}
		if len(counts) != len(steady) {
			t.Fatalf("selection %d: %d sockets, want %d", i, len(counts), len(steady))
		}
	}
}
