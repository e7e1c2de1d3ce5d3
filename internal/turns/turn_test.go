package turns

import (
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// A goroutine that waits for the network must run soon while all processors are busy. Without
// Pass it waits 10 ms at a time.
func TestPassLetsTheNetworkIn(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	go func() { _, _ = io.Copy(b, b) }()

	var done atomic.Bool
	var turns atomic.Int64
	for range 4 {
		go func() {
			for turn := new(Turn); !done.Load(); turns.Add(1) {
				turn.Step()
				runtime.Gosched()
			}
		}()
	}
	defer done.Store(true)
	var byte1 [1]byte
	best := time.Hour // of many, because the machine may be busy
	for range 20 {
		start := time.Now()
		if _, err := a.Write(byte1[:]); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(a, byte1[:]); err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(start))
	}
	if best > 5*time.Millisecond {
		t.Errorf("an echo took %v at least, beside %d steps", best, turns.Load())
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
