package auth_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// The ID of a lease finds its socket until the socket has ended, and not the next socket in
// the same place of the index.
func TestLeaseByID(t *testing.T) {
	bubble(t, setup{event: true}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		synctest.Wait()
		held := only(t, f.gate)
		f.login(p, sign(named("7")))
		synctest.Wait()
		running := only(t, f.gate)
		if held.ID == "" || held.ID != running.ID || held.State != auth.LeaseHeld || running.State != auth.LeaseRunning {
			t.Errorf("%+v, then %+v", held, running)
		}
		if got, ok := f.gate.Lease(running.ID); !ok || got != running {
			t.Errorf("by ID: %+v, %t", got, ok)
		}
		if !f.gate.Disconnect(running.ID, &socketio.Ending{}) {
			t.Error("Disconnect found no socket")
		}
		synctest.Wait()
		f.dial(sockettest.Options{})
		synctest.Wait()
		if other := only(t, f.gate); other.ID == running.ID {
			t.Error("two sockets have one ID")
		}
		for _, id := range []string{running.ID, "", "?", "AAAA", "_____________________w", running.ID + "A"} {
			if got, ok := f.gate.Lease(id); ok {
				t.Errorf("%q: %+v", id, got)
			}
			if f.gate.Disconnect(id, &socketio.Ending{}) {
				t.Errorf("%q: Disconnect found a socket", id)
			}
		}
	})
}

// only returns the only lease of a gate.
func only(t *testing.T, g *auth.Gate) (found auth.LeaseInfo) {
	t.Helper()
	n := 0
	for l := range g.Leases() {
		found = l
		n++
	}
	if n != 1 {
		t.Fatalf("%d leases, want 1", n)
	}
	return found
}

// An iteration can be resumed after any socket, also one that has ended, and IDs sort in its
// order.
func TestLeasesAfter(t *testing.T) {
	bubble(t, setup{event: true}, func(f *fixture) {
		const n = 200
		for range n {
			f.dial(sockettest.Options{})
		}
		synctest.Wait()
		var ids []string
		for l := range f.gate.Leases() {
			ids = append(ids, l.ID)
		}
		if len(ids) != n || !slices.IsSorted(ids) {
			t.Fatalf("%d leases, sorted %t", len(ids), slices.IsSorted(ids))
		}
		f.gate.Disconnect(ids[n/2], &socketio.Ending{})
		synctest.Wait()
		rest := f.gate.LeasesAfter(ids[n/2])
		for range 2 { // a sequence can be iterated again
			var after []string
			for l := range rest {
				after = append(after, l.ID)
			}
			if !slices.Equal(after, ids[n/2+1:]) {
				t.Errorf("%d leases after the middle, want %d", len(after), n-n/2-1)
			}
		}
		for range f.gate.LeasesAfter("?") {
			t.Error("a text that is not an ID lists sockets")
		}
	})
}
