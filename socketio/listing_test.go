package socketio_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"socketiojwt/socketio"
)

// roomModel is what a listing of sockets and rooms must contain.
type roomModel map[*socketio.Socket]map[string]bool

// want returns the ids of the sockets that a broadcast addresses, sorted. Without rooms that is
// all sockets.
func (m roomModel) want(rooms, except []string) []string {
	in := func(s *socketio.Socket, names []string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return m[s][name] || name == s.ID() })
	}
	ids := []string{}
	for s := range m {
		if (rooms == nil || in(s, rooms)) && !in(s, except) {
			ids = append(ids, s.ID())
		}
	}
	slices.Sort(ids)
	return ids
}

// Broadcasts address the right sockets, each once, after any sequence of joining, leaving and
// ending. The lists of sockets are in no order, so a wrong place in one of them shows only later.
func TestListingModel(t *testing.T) {
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 1))
		srv, sockets := members(t, 120, socketio.Options{})
		model := roomModel{}
		for _, s := range sockets {
			model[s] = map[string]bool{}
		}
		room := func() string { return fmt.Sprint("room", random.IntN(6)) }
		name := func() string {
			if random.IntN(3) > 0 {
				return room()
			}
			return sockets[random.IntN(len(sockets))].ID() // also of one that has ended
		}
		for step := range 600 {
			s := sockets[random.IntN(len(sockets))]
			switch action := random.IntN(20); {
			case action == 0 && len(model) > 1:
				s.Unlist()
				delete(model, s)
			case action < 10:
				a, b := room(), room()
				if err := s.Join(a, b); (err == nil) != (model[s] != nil) {
					t.Fatalf("seed %d, step %d: Join: %v", seed, step, err)
				}
				if model[s] != nil {
					model[s][a], model[s][b] = true, true
				}
			default:
				a := room()
				s.Leave(a)
				delete(model[s], a)
			}
			rooms, except := [][]string{nil, {name()}, {name(), name()}}[random.IntN(3)], [][]string{nil, {name()}, {name(), name()}}[random.IntN(3)]
			b := srv.Except(except...)
			if rooms != nil {
				b = b.To(rooms...)
			}
			var got []string
			for _, s := range b.Sockets() {
				got = append(got, s.ID())
			}
			slices.Sort(got)
			if want := model.want(rooms, except); !slices.Equal(got, want) {
				t.Fatalf("seed %d, step %d: to %q except %q: %d sockets, want %d", seed, step, rooms, except, len(got), len(want))
			}
		}
		for s := range maps.Keys(model) {
			s.Unlist()
		}
		if left := srv.Remains(); strings.Contains(left, "/") {
			t.Errorf("seed %d: after all have ended: %s", seed, left)
		}
	}
}
