package leaktest

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) { Main(m) }

func TestSettledNoticesALeftover(t *testing.T) {
	before := runtime.NumGoroutine()
	stop := make(chan struct{})
	go leftover(stop)
	stacks, ok := settled(before, 20*time.Millisecond)
	if ok || !strings.Contains(string(stacks), "leftover") {
		t.Errorf("settled = %v with stacks\n%s\nwant the leftover goroutine", ok, stacks)
	}
	close(stop)
	if stacks, ok := settled(before, patience); !ok {
		t.Errorf("not settled after the goroutine has ended:\n%s", stacks)
	}
}

func leftover(stop chan struct{}) { <-stop }
