package auth_test

import (
	"fmt"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// BenchmarkRevoke measures the revocation of a subject with one socket among 100,000 leases.
func BenchmarkRevoke(b *testing.B) {
	gate := newGate(b, verifier(b), auth.Options{})
	auth.FillIndex(gate, 100_000)
	srv := sockettest.NewServer(b, func(srv *socketio.Server) { srv.Use(gate.Handshake) })
	var longest, all time.Duration
	for i := range b.N {
		subject := fmt.Sprint("revoked ", i)
		p := srv.Dial(sockettest.Options{Auth: bearing(sign(claims{"iss": "https://issuer", "sub": subject}))})
		start := time.Now()
		got, err := gate.Revoke(b.Context(), auth.BySubject("https://issuer", subject), auth.RevokeOptions{})
		took := time.Since(start)
		all, longest = all+took, max(longest, took)
		if err != nil || got.Sockets != 1 {
			b.Fatal(got, err)
		}
		_ = p.Close()
	}
	b.ReportMetric(float64(all)/float64(b.N), "ns/op") // without the connections
	b.ReportMetric(float64(longest.Microseconds()), "us-longest")
}
