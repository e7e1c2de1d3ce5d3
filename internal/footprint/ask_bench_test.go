//go:build linux && !race

package footprint_test

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"socketiojwt/internal/cputime"
)

// BenchmarkAsk asks a question on each connection, and then reads all answers. cpu-ns/op is the CPU time of the server
// for one question. The benchmark runs on a thread of its own, whose time does not count. With FOOTPRINT_SHARED_WAIT=1 one goroutine
// waits for all connections.
func BenchmarkAsk(b *testing.B) {
	for _, n := range []int{1, 200, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchAsk(b, n) })
	}
}

func benchAsk(b *testing.B, n int) {
	addr, sign := serve(b)
	compact := sign(map[string]any{"sub": "user"})
	fds := make([]int, n)
	for i := range fds {
		fds[i] = admitted(b, addr, compact)
		defer syscall.Close(fds[i])
	}
	question := append([]byte{0x81, 0x80 | 10, 0, 0, 0, 0}, `420["ask"]`...)
	answer := make([]byte, len("__430[]"))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := cputime.Used() - ofThread()
	rounds := 0
	for b.Loop() {
		for _, fd := range fds {
			if _, err := syscall.Write(fd, question); err != nil {
				b.Fatal(err)
			}
		}
		for _, fd := range fds {
			if n, err := syscall.Read(fd, answer); err != nil || string(answer[2:n]) != "430[]" {
				b.Fatalf("got %q and %v", answer[:n], err)
			}
		}
		rounds++
	}
	b.ReportMetric(float64(cputime.Used()-ofThread()-before)/float64(rounds*n), "cpu-ns/op")
}

// ofThread returns the CPU time of the caller's thread.
func ofThread() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_THREAD, &u) // fails only for wrong arguments
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
