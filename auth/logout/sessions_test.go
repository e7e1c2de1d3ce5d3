package logout

import (
	"testing"
	"testing/synctest"
	"time"
)

// A user has so many sessions within one to two days, and other users have theirs.
func TestSessionsAreCounted(t *testing.T) {
	synctest.Test(t, func(*testing.T) {
		s := newSessions(100, 3)
		ada, bob := keyOf("i", "ada"), keyOf("i", "bob")
		for n, want := range []bool{true, true, true, false, false} {
			if got := s.add(ada); got != want {
				t.Errorf("session %d: %t", n+1, got)
			}
		}
		if !s.add(bob) {
			t.Error("another user has none")
		}
		time.Sleep(25 * time.Hour)
		if s.add(ada) {
			t.Error("a user is forgotten too early")
		}
		time.Sleep(25 * time.Hour)
		if s.add(bob); !s.add(ada) {
			t.Error("a user is never forgotten")
		}
	})
}

// The memory is bounded, however many users log out.
func TestSessionsAreBounded(t *testing.T) {
	s := newSessions(10, 3)
	for n := range 1000 {
		s.add(digest{byte(n), byte(n >> 8)})
		if len(s.young)+len(s.old) > 10 {
			t.Fatalf("%d users", len(s.young)+len(s.old))
		}
	}
}
