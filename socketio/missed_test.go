package socketio_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"socketiojwt/socketio"
)

// TestSearchOfTheTail checks that a search in parts finds each event that a peer has missed once, and notices if one is
// no longer kept.
func TestSearchOfTheTail(t *testing.T) {
	lost := 0
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		often := seed%4 == 0 // so that nothing is forgotten before it was searched
		srv, _ := members(t, 1, socketio.Options{Recovery: &socketio.Recovery{}})
		search := srv.SearchTail()
		want := []int{}
		for i := range 20 + random.IntN(100) {
			if random.IntN(4) == 0 {
				want = append(want, i)
				search.Send(10, "in")
			} else {
				search.Send(random.IntN(600_000), "elsewhere")
			}
			if often || random.IntN(50) == 0 {
				search.CatchUp()
			}
		}
		got, ok := search.All()
		if !ok {
			lost++
			if often {
				t.Errorf("seed %d: an event that was searched is missing", seed)
			}
			continue
		}
		if !slices.Equal(got, want) {
			t.Errorf("seed %d: found %v, want %v", seed, got, want)
		}
	}
	if lost == 0 || lost > 150 {
		t.Errorf("%d of 200 searches have failed", lost)
	}
}

// The bound on the memory of a tail counts the names of rooms.
func TestNamesOfRoomsCountInTheTail(t *testing.T) {
	srv, _ := members(t, 1, socketio.Options{Recovery: &socketio.Recovery{}})
	search := srv.SearchTail()
	rooms := slices.Repeat([]string{strings.Repeat("r", 1000)}, 1000)
	for range 100 { // 100 MB of names
		search.Send(10, rooms...)
	}
	if n := search.Kept(); n == 0 || n > 17 {
		t.Errorf("%d events are kept, want at most 17", n)
	}
}

// Events that a tail has dropped are not kept by the array that they were in.
func TestDroppedEventsLeaveTheTail(t *testing.T) {
	srv, _ := members(t, 1, socketio.Options{Recovery: &socketio.Recovery{}})
	search := srv.SearchTail()
	for range 700 { // the array then has room for 200 more
		search.Send(10, "elsewhere")
	}
	for range 100 { // about 3 MB each
		search.Send(1<<20, "elsewhere")
	}
	if size := search.Reachable(); size > 40<<20 {
		t.Errorf("%d MiB are reachable, want at most 40", size>>20)
	}
}
