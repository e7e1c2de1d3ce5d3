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

// TestSelectionInParts checks that a selection by many names finds the sockets as they were when it began, although others
// join and leave rooms, come and go between its parts.
func TestSelectionInParts(t *testing.T) {
	const rooms = 600
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 2))
		srv, sockets := members(t, 200, socketio.Options{})
		room := func() string { return fmt.Sprint("room ", random.IntN([]int{10, rooms}[random.IntN(2)])) }
		model := roomModel{}
		for _, s := range sockets {
			model[s] = map[string]bool{}
		}
		change := func() {
			s := sockets[random.IntN(len(sockets))]
			switch action := random.IntN(8); {
			case model[s] == nil:
				s.List()
				model[s] = map[string]bool{}
			case action == 0:
				s.Unlist()
				delete(model, s)
			case action < 6:
				name := room()
				if err := s.Join(name); err != nil {
					t.Fatal(err)
				}
				model[s][name] = true
			default:
				for name := range model[s] {
					s.Leave(name)
					delete(model[s], name)
					break
				}
			}
		}
		for range 1000 {
			change()
		}
		for i := range 10 {
			names := func(n int) (some []string) {
				for range n {
					some = append(some, room(), sockets[random.IntN(len(sockets))].ID())
				}
				return some
			}
			to := socketio.Selector{All: i%3 == 0, Rooms: names(1400 - 140*i), Except: names(140 * i)}
			rooms := to.Rooms
			if to.All {
				rooms = nil
			}
			want := model.want(rooms, to.Except)
			parts := 0
			got := []string{}
			for _, s := range srv.SelectInParts(to, func() {
				parts++
				for range 200 {
					change()
				}
			}) {
				got = append(got, s.ID())
			}
			slices.Sort(got)
			if !slices.Equal(got, want) || parts < 3 {
				t.Fatalf("seed %d, selection %d: %d sockets in %d parts, want %d", seed, i, len(got), parts, len(want))
			}
		}
	}
}

// TestSelectionsOfMovingSockets checks selections by many names while sockets move from one of the rooms to another one, and from
// one excepted room to another one. All of them are always selected, or never.
func TestSelectionsOfMovingSockets(t *testing.T) {
	const rooms = 1000
	srv, all := members(t, 64, socketio.Options{})
	names := numbered(rooms, 1)
	selected, excepted := names[:rooms/2], names[rooms/2:]
	inBoth := make(map[*socketio.Socket]bool)
	for i, s := range all {
		_ = s.Join(selected[0])
		if i%2 == 0 {
			inBoth[s] = true
			_ = s.Join(excepted[0])
		}
	}
	var done atomic.Bool
	var others sync.WaitGroup
	defer others.Wait()
	defer done.Store(true)
	for part := range slices.Chunk(all, len(all)/2) {
		others.Go(func() {
			place := func(n int) int { return n * 389 % (rooms / 2) }
			for n := 0; !done.Load(); n++ {
				for _, s := range part {
					for _, list := range [][]string{selected, excepted} {
						if list[0] == selected[0] || inBoth[s] {
							_ = s.Join(list[place(n+1)])
							s.Leave(list[place(n)])
						}
					}
				}
			}
		})
	}
	others.Go(func() {
		for !done.Load() {
			srv.To(excepted...).To(selected[0]).Sockets()
		}
	})
	for i := range 500 {
		count := 0
		for _, s := range srv.To(selected...).Except(excepted...).Sockets() {
			if count++; inBoth[s] {
				t.Fatalf("selection %d: an excepted socket is selected", i)
			}
		}
		if count != len(all)/2 {
			t.Fatalf("selection %d: %d sockets, want %d", i, count, len(all)/2)
		}
	}
}
