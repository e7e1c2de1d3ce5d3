package redisbus

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
)

// A node is silent if it sends nothing while heartbeats of this node come back. While this node
// hears nothing, or was stopped itself, no other node becomes silent.
func TestPeersBecomeSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p peers
		p.expect()
		if !p.heard(&beat{ID: "x"}) || p.heard(&beat{ID: "x"}) || p.count() != 1 {
			t.Fatal("the node is not there")
		}
		time.Sleep(time.Hour) // nothing comes back meanwhile
		if p.count() != 1 || p.deaf() != time.Hour {
			t.Errorf("%d nodes, deaf for %v", p.count(), p.deaf())
		}
		if silent := p.echoed(); len(silent) > 0 {
			t.Errorf("silent after one echo: %v", silent)
		}
		p.heard(&beat{ID: "x"})
		for i := range 10 {
			time.Sleep(beatEvery)
			silent := p.echoed()
			if want := i == 3; want != (len(silent) == 1) {
				t.Errorf("after %d s: silent %v", i+1, silent)
			}
		}
		if there, silent := p.known(); len(there) != 0 || len(silent) != 1 || p.count() != 0 {
			t.Errorf("known: %v, %v", there, silent)
		}
		if p.left("x") {
			t.Error("a silent node left, and was there")
		}
		if !p.heard(&beat{ID: "x"}) || p.count() != 1 || !p.left("x") || p.count() != 0 {
			t.Error("the node has not come back")
		}
		p.heard(&beat{ID: "y"})
		for range 70 {
			time.Sleep(beatEvery)
			p.echoed()
		}
		if len(p.byID) != 0 {
			t.Errorf("%d nodes are not forgotten", len(p.byID))
		}
	})
}

// A burst of this node's own heartbeats does not make another node silent.
func TestPeersSurviveABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p peers
		p.heard(&beat{ID: "x"})
		for range 100 {
			if silent := p.echoed(); len(silent) > 0 {
				t.Fatal("silent after a burst")
			}
		}
	})
}

// A node that is not subscribed to its own channel has vanished, unless that happens only once.
func TestPeersVanish(t *testing.T) {
	var p peers
	p.heard(&beat{ID: "x"})
	for i, is := range []bool{true, false, true, false, false, false} {
		if vanished := p.subscribed("x", is); vanished != (i == 4) {
			t.Errorf("step %d: vanished is %t", i, vanished)
		}
	}
	if p.count() != 0 || p.subscribed("unknown", false) {
		t.Errorf("%d nodes", p.count())
	}
	if p.heard(&beat{ID: "x"}); p.count() != 1 || p.subscribed("x", false) {
		t.Error("the node has not come back")
	}
}

// A node that has left may be subscribed to its channels for a moment.
func TestPeersThatHaveLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p peers
		p.heard(&beat{ID: "x"})
		if !p.left("x") || p.left("x") || p.count() != 0 || p.listening() != 1 {
			t.Errorf("%d nodes, %d listening", p.count(), p.listening())
		}
		if time.Sleep(leavesFor); p.listening() != 0 {
			t.Error("it is still listening")
		}
	})
}

// Anyone who can publish can invent nodes. Their number is bounded, and so are their IDs.
func TestPeersAreBounded(t *testing.T) {
	var p peers
	for i := range 2 * mostPeers {
		p.heard(&beat{ID: socketio.NodeID(fmt.Sprint(i)), Version: string(make([]byte, 1000))})
	}
	there, _ := p.known()
	if len(there) != mostPeers || len(there[0].Version) > longestID {
		t.Errorf("%d nodes", len(there))
	}
}
