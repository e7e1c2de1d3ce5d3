package socketio_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
)

const bob = `"key":"bob"`

// A user who connects and is lost again and again has no more sessions in the cluster than
// Recovery.MaxSessionsPerKey for each node. The latest ones can be recovered, and so can those of
// other users.
func TestSavedSessionsOfAUserAreBounded(t *testing.T) {
	opts := recovering()
	opts.Recovery.MaxSessionsPerKey, opts.Recovery.Window = 3, time.Minute
	onNodes(t, opts, keyed, func(n *nodes) {
		one, two := n.at[0], n.at[1]
		other := one.recoverer("/", bob)
		other.take()
		other.lose()
		var all []*recoverer
		lose := func(at *fixture, count int) {
			for range count {
				p := at.recoverer("/", ada)
				p.take()
				p.lose()
				all = append(all, p)
			}
			synctest.Wait()
		}
		lose(one, 20)
		if got := n.hub.Sessions(); got != 1+3 {
			t.Errorf("%d sessions of two users are saved", got)
		}
		lose(two, 20)
		if got := n.hub.Sessions(); got != 1+3+3 {
			t.Errorf("%d sessions of two users are saved by two nodes", got)
		}
		for i, p := range all {
			_, saved := n.hub.Saved(p.pid)
			if want := i%20 >= 17; saved != want {
				t.Errorf("session %d is saved: %v", i, saved)
			}
		}
		for range 10 { // a session that is recovered and lost again is one session
			other.moves(two)
			other.connect(bob)
			check(t, "of another user", other.take(), "recovered")
			other.lose()
		}
		last := all[19]
		last.moves(two)
		last.connect(ada)
		check(t, "the latest of the user", last.take(), "recovered")

		time.Sleep(opts.Recovery.Window)
		lose(one, 3) // the earlier ones do not count any more
		if got := n.hub.Sessions(); got != 3 {
			t.Errorf("%d sessions after the window", got)
		}
	})
}

// The sessions of a key that are lost together are bounded, too.
func TestSessionsLostTogetherAreBounded(t *testing.T) {
	opts := recovering()
	opts.Recovery.MaxSessionsPerKey = 3
	onNodes(t, opts, keyed, func(n *nodes) {
		one := n.at[0]
		for range 20 {
			one.recoverer("/", ada).take()
		}
		if err := one.srv.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if got := n.hub.Sessions(); got != 3 {
			t.Errorf("%d sessions are saved", got)
		}
	})
}

// Sessions that are over are forgotten some at a time, and others may be saved in between.
func TestSavedSessionsAreForgottenInParts(t *testing.T) {
	const over, kept = 3000, 1000
	if pauses, left := socketio.PruneSaved(over, kept); pauses < (over+kept)/256 || left != kept+pauses {
		t.Errorf("%d pauses, %d sessions are left", pauses, left)
	}
}
