package auth_test

import (
	"fmt"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/bustest"
	"socketiojwt/socketio/sockettest"
)

// someCutOff runs a test with two nodes that are joined and three whose buses can be cut off.
func someCutOff(t *testing.T, test func(buses []*gappy, cut, others []*fixture)) {
	t.Helper()
	inCluster(t, 2, auth.Options{}, func(hub *bustest.Hub, _ []socketio.NodeID, others []*fixture) {
		var buses []*gappy
		var cut []*fixture
		for range 3 {
			var server socketio.Options
			hub.Join(&server)
			bus := &gappy{honest: true}
			bus.wrap(&server)
			n, stop := startNode(others[0].t, server, auth.Options{})
			defer stop()
			buses, cut = append(buses, bus), append(cut, n)
		}
		for _, f := range append(others[:2:2], cut...) {
			f.dial(sockettest.Options{Auth: bearing(sign(claims{"sub": "eve"}))})
		}
		time.Sleep(20 * time.Second)
		test(buses, cut, others)
	})
}

// Nodes that were cut off together fetch what they have missed from nodes that were not, and not
// from one another.
func TestSeveralNodesAreCutOff(t *testing.T) {
	someCutOff(t, func(buses []*gappy, cut, others []*fixture) {
		for round := range 10 {
			for _, bus := range buses {
				bus.cut.Store(true)
			}
			user := fmt.Sprint("user", round)
			others[0].revoke(auth.BySubject("https://issuer", user), auth.RevokeOptions{}, 0)
			time.Sleep(10 * time.Second)
			for _, bus := range buses {
				bus.mend()
			}
			time.Sleep(30 * time.Second)
			for i, n := range cut {
				if got := n.gate.Stats().Denied; got != round+1 {
					t.Fatalf("round %d: node %d has %d entries", round, i, got)
				}
			}
		}
	})
}

// Nodes that were all cut off answer one another nevertheless.
func TestAllNodesAreCutOff(t *testing.T) {
	someCutOff(t, func(buses []*gappy, cut, others []*fixture) {
		buses[0].cut.Store(true)
		others[0].revoke(ada, auth.RevokeOptions{}, 0)
		for _, n := range others { // they leave, so all that remain may have missed entries
			_ = n.srv.Close()
		}
		for _, bus := range buses[1:] {
			bus.gaps.Add(1)
		}
		buses[0].mend()
		time.Sleep(30 * time.Second)
		for i, n := range cut {
			if got := n.gate.Stats().Denied; got != 1 {
				t.Errorf("node %d has %d entries", i, got)
			}
		}
	})
}

// A node that was asked to fetch the entries of another one does so after a second interruption, too.
func TestSecondInterruption(t *testing.T) {
	cutOff(t, true, func(bus *gappy, n *fixture, others []*fixture) {
		bus.cut.Store(true)
		_, _ = n.gate.Revoke(n.ctx, ada, auth.RevokeOptions{})
		time.Sleep(time.Minute)
		bus.cut.Store(false)
		for told := false; !told; time.Sleep(50 * time.Millisecond) {
			told = bus.again.Load() > 0
		}
		bus.cut.Store(true)
		time.Sleep(time.Minute)
		bus.mend()
		time.Sleep(30 * time.Second)
		for i, other := range others {
			if got := other.gate.Stats().Denied; got != 1 {
				t.Errorf("node %d has %d entries", i, got)
			}
		}
	})
}

// A node that comes back after another one has asked to be asked gets the entries of that one, even if
// a node answers that has not fetched them yet.
func TestNodeMissesThatOneAsksToBeAsked(t *testing.T) {
	someCutOff(t, func(buses []*gappy, cut, others []*fixture) {
		for round := range 10 {
			buses[0].cut.Store(true)
			buses[1].cut.Store(true)
			user := fmt.Sprint("user", round)
			_, _ = cut[0].gate.Block(cut[0].ctx, "https://issuer", user, auth.RevokeOptions{})
			time.Sleep(10 * time.Second)
			before := buses[0].again.Load()
			buses[0].mend()
			for buses[0].again.Load() == before {
				time.Sleep(10 * time.Millisecond)
			}
			buses[1].mend()
			time.Sleep(2 * time.Minute)
			for i, n := range append(cut[:3:3], others...) {
				if got := n.gate.Stats().Denied; got != round+1 {
					t.Fatalf("round %d: node %d has %d entries", round, i, got)
				}
			}
		}
	})
}
