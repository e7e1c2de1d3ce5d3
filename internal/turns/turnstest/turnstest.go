// Package turnstest is for tests of goroutines that let the network in while they are busy.
package turnstest

import (
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// FastestEcho returns the time of the fastest of many echoes by TCP while each function runs again
// and again on a goroutine of its own, and the process has one processor. If one of them does not
// let the network in, each echo takes 10 ms or more.
func FastestEcho(t *testing.T, busy ...func()) time.Duration {
	t.Helper()
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
	var running sync.WaitGroup
	defer func() {
		done.Store(true)
		running.Wait()
	}()
	for _, run := range busy {
		running.Go(func() {
			for !done.Load() {
				run()
			}
		})
	}
	var one [1]byte
	fastest := time.Hour // of many, because the machine may be busy
	for range 20 {
		began := time.Now()
		if _, err := a.Write(one[:]); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(a, one[:]); err != nil {
			t.Fatal(err)
		}
		fastest = min(fastest, time.Since(began))
	}
	return fastest
}
