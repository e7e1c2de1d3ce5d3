package denyredis_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"socketiojwt/internal/redistest"
)

// Receipts of many revocations at the same time are complete, and share what they read.
func TestReceiptsOfManyRevocations(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	lists := startAll(t, redis.Addr(), 3)
	redistest.Eventually(t, "the nodes know each other", func() bool { return len(lists[0].Health().Nodes) == 3 })
	var group sync.WaitGroup
	var incomplete atomic.Int64
	const revocations = 400
	before := redis.Calls("hgetall")
	for i := range revocations {
		group.Go(func() {
			receipt, err := lists[i%2].Spread(t.Context(), blockOf(fmt.Sprint("user ", i)), inTime)
			if err != nil || receipt.Missing != nil || len(receipt.Confirmed) != 2 {
				incomplete.Add(1)
			}
		})
	}
	group.Wait()
	if n := incomplete.Load(); n > 0 {
		t.Errorf("%d receipts are incomplete", n)
	}
	if reads := redis.Calls("hgetall") - before; reads >= revocations {
		t.Errorf("%d receipts took %d reads of the state of the nodes", revocations, reads)
	}
}
