package denyredis_test

import (
	"slices"
	"testing"
	"time"

	"socketiojwt/auth/denyredis"
	"socketiojwt/internal/redistest"
)

// A receipt names a node that cannot be reached, also if Redis has lost what the node said about
// itself.
func TestReceiptAfterLossNamesASilentNode(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	list := start(t, redis.Addr(), "node 0")
	var address switchable
	address.set(redis.Addr())
	startWith(t, address.option(), options("node 1"), denyredis.Pace{})
	both := []string{"node 0", "node 1"}
	redistest.Eventually(t, "the nodes know each other", func() bool { return slices.Equal(list.Health().Nodes, both) })
	address.set("127.0.0.1:1")
	redis.KillClients()
	redis.Do("FLUSHALL")
	redistest.Eventually(t, "the loss is mended", func() bool { h := list.Health(); return h.Lost > 0 && h.Err == nil })
	receipt, err := list.Spread(t.Context(), blockOf("ada"), 300*time.Millisecond)
	if err != nil || !slices.Equal(receipt.Missing, both[1:]) {
		t.Errorf("%+v, %v", receipt, err)
	}
	address.set(redis.Addr())
	redistest.Eventually(t, "the node is confirmed again", func() bool {
		receipt, err := list.Spread(t.Context(), blockOf("bob"), 300*time.Millisecond)
		return err == nil && receipt.Missing == nil && len(receipt.Confirmed) == 1
	})
}

// A node that was closed is not missing, and is waited for again when it has started again.
func TestNodeThatHasLeft(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	list := start(t, redis.Addr(), "node 0")
	second := start(t, redis.Addr(), "node 1")
	redistest.Eventually(t, "the nodes know each other", func() bool { return len(list.Health().Nodes) == 2 })
	second.Close()
	late := start(t, redis.Addr(), "late") // reads what the node that has left said
	for _, l := range []*denyredis.Denylist{list, late} {
		receipt, err := l.Spread(t.Context(), blockOf("ada"), inTime)
		if err != nil || receipt.Missing != nil || len(receipt.Confirmed) != 1 || slices.Contains(l.Health().Nodes, "node 1") {
			t.Errorf("%+v, %v; nodes %q", receipt, err, l.Health().Nodes)
		}
	}
	start(t, redis.Addr(), "node 1")
	receipt, err := list.Spread(t.Context(), blockOf("bob"), inTime)
	if err != nil || receipt.Missing != nil || len(receipt.Confirmed) != 2 {
		t.Errorf("%+v, %v", receipt, err)
	}
}
