//go:build unix && !race

package socketio_test

import (
	"runtime"
	"runtime/metrics"
	"testing"
)

// TestCostOfAQuestion bounds what an event and its acknowledgement allocate, and the goroutines that they start. The goroutine
// that waits for the peer must stay, and goroutines that work must be reused. The race detector makes sync.Pool forget objects.
func TestCostOfAQuestion(t *testing.T) {
	const n, mostObjects, mostBytes = 2000, 5, 520
	p := echoPeer(t)
	request := maskedFrame(0x81, []byte(`4277["echo",{"n":77,"pad":"0123456789012345678901234567890123456789"}]`))
	answers := []int{len(`4377[{"n":77,"pad":"0123456789012345678901234567890123456789"}]`)}
	for range 100 {
		p.exchange(t, request, answers)
	}
	var before, after runtime.MemStats
	started := goroutinesCreated()
	runtime.ReadMemStats(&before)
	for range n {
		p.exchange(t, request, answers)
	}
	runtime.ReadMemStats(&after)
	started = goroutinesCreated() - started
	objects, bytes := float64(after.Mallocs-before.Mallocs)/n, float64(after.TotalAlloc-before.TotalAlloc)/n
	t.Logf("%.1f objects, %.0f bytes and %.3f goroutines for each question", objects, bytes, float64(started)/n)
	if objects > mostObjects+0.5 || bytes > mostBytes {
		t.Errorf("a question and its answer take %.1f objects with %.0f bytes, want at most %d with %d", objects, bytes, mostObjects, mostBytes)
	}
	if started > n/10 {
		t.Errorf("%d goroutines started for %d questions, want few", started, n)
	}
}

// goroutinesCreated returns how many goroutines have been started.
func goroutinesCreated() uint64 {
	sample := []metrics.Sample{{Name: "/sched/goroutines-created:goroutines"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
