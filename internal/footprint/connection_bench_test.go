//go:build unix && !race

package footprint_test

import (
	"syscall"
	"testing"

	"socketiojwt/internal/cputime"
)

// BenchmarkConnection opens a connection, admits its socket with a token, and closes it as a browser does when the user leaves the
// page. Both ends are in this process; cpu-ns/op is the CPU time of both. It is for a comparison of two commits: build the test of each,
// and run them in turns.
func BenchmarkConnection(b *testing.B) {
	addr, sign := serve(b)
	compact := sign(map[string]any{"sub": "user", "name": "A User", "email": "user@example.com"})
	goingAway := []byte{0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9}
	b.ReportAllocs()
	before := cputime.Used()
	for b.Loop() {
		fd := admitted(b, addr, compact)
		if _, err := syscall.Write(fd, goingAway); err != nil {
			b.Fatal(err)
		}
		_ = syscall.Close(fd)
	}
	b.ReportMetric(float64(cputime.Used()-before)/float64(b.N), "cpu-ns/op")
}
