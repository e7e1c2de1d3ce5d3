//go:build unix && !race

package footprint_test

import (
	"net/http/httptest"
	"syscall"
	"testing"

	"socketiojwt/auth"
	"socketiojwt/auth/authtest"
	"socketiojwt/engineio"
	"socketiojwt/socketio"
)

// BenchmarkConnection opens a connection, admits its socket with a token, and closes it as a browser does when the user leaves the
// page. Both ends are in this process; cpu-ns/op is the CPU time of both. It is for a comparison of two commits: build the test of each,
// and run them in turns.
func BenchmarkConnection(b *testing.B) {
	srv, err := socketio.NewServer(socketio.Options{Engine: engineio.Options{MaxNewPerAddress: -1}})
	if err != nil {
		b.Fatal(err)
	}
	gate, sign := authtest.NewGate(b, auth.Options{})
	srv.Use(gate.Handshake)
	handler, err := srv.Handler()
	if err != nil {
		b.Fatal(err)
	}
	web := httptest.NewServer(handler)
	b.Cleanup(func() { _ = srv.Close(); web.Close() })
	compact := sign(map[string]any{"sub": "user", "name": "A User", "email": "user@example.com"})
	goingAway := []byte{0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9}
	b.ReportAllocs()
	before := cpuTime()
	for b.Loop() {
		fd := admitted(b, web.Listener.Addr().String(), compact)
		if _, err := syscall.Write(fd, goingAway); err != nil {
			b.Fatal(err)
		}
		_ = syscall.Close(fd)
	}
	b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
}

// cpuTime returns the CPU time of this process in nanoseconds.
func cpuTime() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}
