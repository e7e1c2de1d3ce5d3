package auth_test

import (
	"net/http"
	"runtime"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/internal/memnet"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// BenchmarkAdmitted measures the heap of one more admitted socket on a connection, in
// a namespace without a gate and in one with a gate. The difference is the lease with its
// token and claims, its deadline and its place in the index.
func BenchmarkAdmitted(b *testing.B) {
	gate := newGate(b, verifier(b), auth.Options{})
	srv, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		b.Fatal(err)
	}
	srv.Open()
	srv.Of("/open").Open()
	srv.Of("/handshake").Use(gate.Handshake)
	srv.Of("/event").Use(gate.Event(auth.EventOptions{}))
	handler, err := srv.Handler()
	if err != nil {
		b.Fatal(err)
	}
	in := memnet.Listen()
	web := &http.Server{Handler: handler}
	go func() { _ = web.Serve(in) }()
	defer func() { _ = srv.Close(); _ = web.Close() }()

	for _, namespace := range []string{"/open", "/handshake", "/event"} {
		b.Run(namespace[1:], func(b *testing.B) {
			ctx := b.Context()
			payload := bearing(sign(nil))
			peers := make([]*sockettest.Peer, b.N)
			for i := range peers {
				if peers[i], err = sockettest.Dial(ctx, "http://server", sockettest.Options{NetDial: in.Dial}); err != nil {
					b.Fatal(err)
				}
				defer peers[i].Close()
			}
			before := heap()
			b.ResetTimer()
			for i := range peers {
				p, err := peers[i].Join(ctx, namespace, payload)
				if err != nil {
					b.Fatal(err)
				}
				if namespace == "/event" {
					if err := p.Emit("authenticate", payload); err != nil {
						b.Fatal(err)
					}
					if _, err := p.Expect(ctx, "authenticated"); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(heap()-before)/float64(b.N), "heap-B/socket")
		})
	}
}

// BenchmarkRefresh compares a refresh with a first admission, each from the peer's packet to
// its answer.
func BenchmarkRefresh(b *testing.B) {
	srv, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		b.Fatal(err)
	}
	srv.Use(newGate(b, verifier(b), auth.Options{}).Handshake)
	handler, err := srv.Handler()
	if err != nil {
		b.Fatal(err)
	}
	in := memnet.Listen()
	web := &http.Server{Handler: handler}
	go func() { _ = web.Serve(in) }()
	defer func() { _ = srv.Close(); _ = web.Close() }()
	payload := bearing(sign(nil))
	dial := func(b *testing.B) *sockettest.Peer {
		p, err := sockettest.Dial(b.Context(), "http://server", sockettest.Options{NetDial: in.Dial, Auth: payload})
		if err != nil {
			b.Fatal(err)
		}
		return p
	}
	b.Run("admission", func(b *testing.B) {
		for b.Loop() {
			_ = dial(b).Close()
		}
	})
	b.Run("refresh", func(b *testing.B) {
		var p *sockettest.Peer
		for i := 0; b.Loop(); i++ {
			if i%8 == 0 { // fewer than the limit of refreshes
				b.StopTimer()
				if p != nil {
					_ = p.Close()
				}
				p = dial(b)
				b.StartTimer()
			}
			if _, err := p.EmitWithAck(b.Context(), "authenticate", payload); err != nil {
				b.Fatal(err)
			}
		}
		_ = p.Close()
	})
}

func heap() uint64 {
	time.Sleep(200 * time.Millisecond) // until workers and net/http's goroutines have ended
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
