package auth_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/bustest"
	"socketiojwt/socketio/sockettest"
)

// cutOff runs a test with four nodes that are joined and one whose bus can be cut off.
func cutOff(t *testing.T, honest bool, test func(bus *gappy, n *fixture, others []*fixture)) {
	t.Helper()
	inCluster(t, 4, auth.Options{}, func(hub *bustest.Hub, _ []socketio.NodeID, nodes []*fixture) {
		var server socketio.Options
		hub.Join(&server)
		bus := &gappy{honest: honest}
		bus.wrap(&server)
		n, stop := startNode(nodes[0].t, server, auth.Options{})
		defer stop()
		for _, f := range append(nodes, n) {
			f.dial(sockettest.Options{Auth: bearing(sign(claims{"sub": "eve"}))})
		}
		time.Sleep(20 * time.Second)
		test(bus, n, nodes)
	})
}

// A revocation on a node that is cut off from the bus ends the sockets of that node, fails, and
// reaches the other nodes when the bus is back.
func TestRevokeWhileCutOff(t *testing.T) {
	cutOff(t, true, func(bus *gappy, n *fixture, others []*fixture) {
		here := n.dial(sockettest.Options{Auth: bearing(sign(named("7")))})
		there := others[1].dial(sockettest.Options{Auth: bearing(sign(named("7")))})
		bus.cut.Store(true)
		got, err := n.gate.Revoke(n.ctx, ada, auth.RevokeOptions{})
		if !errors.Is(err, auth.ErrOthersNotTold) || got.Sockets != 1 || !strings.Contains(err.Error(), "ended on this node; other nodes were not told") {
			t.Errorf("%+v, %v", got, err)
		}
		if err := n.gate.Unblock(n.ctx, "https://issuer", "bob", ""); !errors.Is(err, auth.ErrOthersNotTold) {
			t.Errorf("Unblock: %v", err)
		}
		n.revoked(here)
		if log := n.log.String(); !strings.Contains(log, `level=ERROR msg="auth: revoked"`) || !strings.Contains(log, `gate=chat error="auth: ended on this node`) {
			t.Errorf("log:\n%s", log)
		}
		time.Sleep(time.Minute)
		if got := others[1].whoami(there); got != "ada" {
			t.Errorf("it is %s", got)
		}
		bus.cut.Store(false) // this node missed nothing, so the bus reports no gap
		time.Sleep(20 * time.Second)
		others[1].revoked(there)
		for _, other := range others { // also if others that were not told answer faster
			other.refusedAs("handshake", sign(named("7")), "token_revoked")
		}
		if _, err := n.gate.Revoke(n.ctx, ada, auth.RevokeOptions{}); err != nil {
			t.Errorf("connected again: %v", err)
		}
	})
}

// A revocation reaches the other nodes also if the bus finds out later that it has lost it.
func TestRevocationIsLostByTheBus(t *testing.T) {
	cutOff(t, false, func(bus *gappy, n *fixture, others []*fixture) {
		there := others[1].dial(sockettest.Options{Auth: bearing(sign(named("7")))})
		bus.cut.Store(true)
		n.revoke(ada, auth.RevokeOptions{}, 0)
		bus.cut.Store(false)
		time.Sleep(30 * time.Second)
		others[1].revoked(there)
		if log := n.log.String(); !strings.Contains(log, `level=WARN msg="auth: the bus may have lost messages`) {
			t.Errorf("log:\n%s", log)
		}
	})
}

// A bus that loses messages of other packages all the time makes no node ask for entries.
func TestOtherMessagesAreLostByTheBus(t *testing.T) {
	cutOff(t, true, func(bus *gappy, n *fixture, others []*fixture) {
		n.revoke(ada, auth.RevokeOptions{}, 0)
		time.Sleep(2 * time.Minute)
		for range 20 {
			bus.dropped.Add(1)
			time.Sleep(5 * time.Second)
		}
		if log := n.log.String(); strings.Contains(log, "may have lost messages") {
			t.Errorf("log:\n%s", log)
		}
	})
}

// Close ends the timer of the gate, which reads the state of the bus.
func TestShareEndsWithTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var server socketio.Options
		bustest.New().Join(&server)
		bus := &gappy{honest: true}
		bus.wrap(&server)
		n, stop := startNode(t, server, auth.Options{})
		n.dial(sockettest.Options{Auth: bearing(sign(claims{"sub": "eve"}))})
		time.Sleep(20 * time.Second)
		if bus.looks.Load() == 0 {
			t.Error("the state of the bus is not read")
		}
		stop()
		before := bus.looks.Load()
		time.Sleep(time.Hour)
		if more := bus.looks.Load() - before; more > 0 {
			t.Errorf("the state of the bus was read %d times after Close", more)
		}
	})
}
