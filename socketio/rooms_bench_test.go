package socketio_test

import (
	"context"
	"fmt"
	"testing"

	"socketiojwt/socketio"
)

// members returns a server with sockets without peers.
func members(b testing.TB, n int, opts socketio.Options) (*socketio.Server, []*socketio.Socket) {
	b.Helper()
	srv, err := socketio.NewServer(opts)
	if err != nil {
		b.Fatal(err)
	}
	return srv, srv.AddMembers(n)
}

func BenchmarkJoin(b *testing.B) {
	for _, n := range []int{1, 1000, 10_000, 20_000, 60_000} {
		for name, limit := range map[string]int{"allowed": n, "too many": 1000} {
			b.Run(fmt.Sprintf("%d %s", n, name), func(b *testing.B) {
				_, sockets := members(b, 1, socketio.Options{MaxRooms: limit})
				rooms := numbered(n, 1)
				for b.Loop() {
					_ = sockets[0].Join(rooms...)
					b.StopTimer()
					sockets[0].Leave(rooms...)
					b.StartTimer()
				}
			})
		}
	}
}

func BenchmarkSelect(b *testing.B) {
	srv, _ := members(b, 1000, socketio.Options{})
	for _, n := range []int{1, 10_000, 20_000, 60_000} {
		rooms := numbered(n, 1)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				_, _ = srv.To(rooms...).FetchSockets(context.Background())
			}
		})
	}
}

// BenchmarkFanOut measures a broadcast to sockets whose sessions drop everything: without and
// with deadlines, and to sockets that can be recovered.
func BenchmarkFanOut(b *testing.B) {
	for _, kind := range []string{"plain", "deadlines", "recovery"} {
		b.Run(kind, func(b *testing.B) {
			opts := socketio.Options{}
			if kind == "recovery" {
				opts.Recovery = &socketio.Recovery{}
			}
			srv, sockets := members(b, 1000, opts)
			for _, s := range sockets {
				if kind == "deadlines" {
					s.SetDeadline(s.Now().Add(1<<62), nil)
				}
			}
			for b.Loop() {
				_ = srv.Emit("event", "argument")
			}
		})
	}
}
