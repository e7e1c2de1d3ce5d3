package turns

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"socketiojwt/internal/turns/turnstest"
)

// A goroutine that waits for the network must run soon while all processors are busy. Without
// Pass it waits 10 ms at a time.
func TestPassLetsTheNetworkIn(t *testing.T) {
	busy := make([]func(), 4)
	for i := range busy {
		turn := new(Turn)
		busy[i] = func() {
			turn.Step()
			runtime.Gosched()
		}
	}
	if fastest := turnstest.FastestEcho(t, busy...); fastest > 5*time.Millisecond {
		t.Errorf("an echo took %v at least", fastest)
	}
}

// Many goroutines may pass at the same time, and all come back.
func TestPassConcurrently(t *testing.T) {
	var left atomic.Int64
	done := make(chan struct{})
	left.Store(64)
	for range 64 {
		go func() {
			for range 20 {
				Pass()
			}
			if left.Add(-1) == 0 {
				close(done)
			}
		}()
	}
	<-done
}

// A turn ends after its time, and not while the goroutine waits.
func TestTurn(t *testing.T) {
	var turn Turn
	turn.Check()
	began := turn.began
	time.Sleep(2 * turnTime)
	turn.Waited()
	if turn.began == began {
		t.Error("a turn goes on after its goroutine has waited")
	}
	began = turn.began
	time.Sleep(2 * turnTime)
	for range stepsPerLook {
		turn.Step()
	}
	if turn.began == began {
		t.Error("a turn does not end")
	}
	(*Turn)(nil).Step()
	(*Turn)(nil).Check()
	(*Turn)(nil).Give()
}

// Give lets others run only if some time has passed since it did so last.
func TestGive(t *testing.T) {
	var turn Turn
	turn.Give()
	if turn.gave == 0 {
		t.Error("the first call does not let others run")
	}
	soon := time.Since(epoch) + time.Hour
	for range 2 {
		turn.steps, turn.gave = 0, soon
		for range stepsPerGive - 1 {
			turn.Give()
		}
		if turn.gave != soon {
			t.Error("others run after each piece of work")
		}
		turn.Give()
		if turn.gave == soon {
			t.Errorf("others do not run after %d pieces of work", stepsPerGive)
		}
	}
	long := time.Since(epoch) - giveTime
	turn.gave = long
	turn.Give()
	if turn.gave <= long {
		t.Error("others do not run after a long piece of work")
	}
}

func BenchmarkGive(b *testing.B) {
	turn := new(Turn)
	for b.Loop() {
		turn.Give()
	}
}

func BenchmarkPass(b *testing.B) {
	for b.Loop() {
		Pass()
	}
}

func BenchmarkStep(b *testing.B) {
	turn := new(Turn)
	for b.Loop() {
		turn.Step()
	}
}
