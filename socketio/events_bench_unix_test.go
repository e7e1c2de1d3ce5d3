//go:build unix

package socketio_test

import (
	"bytes"
	"context"
	"net/http/httptest"
	"testing"

	"socketiojwt/internal/cputime"
	"socketiojwt/socketio"
)

// BenchmarkEvents measures the CPU time of small events that want no answer, by the kind of their handler. Each of 100
// connections sends 200 at a time.
func BenchmarkEvents(b *testing.B) {
	const connections, batch = 100, 200
	for _, event := range []string{"func", "scan", "raw", "none"} {
		b.Run(event, func(b *testing.B) {
			web := eventsServer(b)
			peers := make([]*framePeer, connections)
			for i := range peers {
				peers[i] = dialPeer(b, web)
			}
			block := bytes.Repeat(maskedFrame(0x81, []byte(`42["`+event+`","xxxxxxxxxxxxxxxxxxxx"]`)), batch)
			request, answers := binaryEcho(16)
			began, sent := cputime.Used(), 0
			b.ReportAllocs()
			for ; sent < b.N; sent += batch * connections {
				for _, p := range peers {
					if _, err := p.Write(append(block, request...)); err != nil {
						b.Fatal(err)
					}
				}
				for _, p := range peers {
					p.exchange(b, nil, answers)
				}
			}
			b.ReportMetric(float64(cputime.Used()-began)/float64(sent), "cpu-ns/event")
		})
	}
}

// eventsServer starts a server with a handler of each kind.
func eventsServer(tb testing.TB) *httptest.Server {
	return serveEcho(tb, func(srv *socketio.Server) {
		srv.Handle("func", socketio.Func(func(context.Context, *socketio.Socket, string) error { return nil }))
		srv.Handle("scan", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
			var text string
			return e.Scan(&text)
		})
		srv.Handle("raw", func(context.Context, *socketio.Socket, *socketio.Event) error { return nil })
	})
}
