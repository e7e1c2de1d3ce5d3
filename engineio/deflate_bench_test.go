package engineio

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// rows returns JSON of about n bytes, as an application may send it.
func rows(n int) string {
	var b strings.Builder
	b.WriteString(`42["rows",[`)
	for i, x := 0, uint32(1); b.Len() < n; i++ {
		x = x*1664525 + 1013904223
		fmt.Fprintf(&b, `{"id":%d,"name":"user-%d","email":"user%d@example.com","score":%d.%d},`, x>>12, x>>22, x>>14, x>>25, x>>8&1023)
	}
	return b.String()[:n]
}

// deflateBench opens a session with or without permessage-deflate.
func deflateBench(b *testing.B, deflate bool) (*Session, net.Conn) {
	b.Helper()
	sessions := make(chan *Session, 1)
	srv, err := NewServer(func(s *Session, _ *http.Request) Conn { sessions <- s; return silent{} }, Options{PerMessageDeflate: true})
	if err != nil {
		b.Fatal(err)
	}
	web := httptest.NewServer(srv)
	conn, _, err := dialWebSocket(context.Background(), "ws"+strings.TrimPrefix(web.URL, "http")+"/engine.io/?"+socketQuery, dialOptions{Deflate: deflate})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		conn.Close()
		srv.Close()
		web.Close()
	})
	return <-sessions, conn
}

// BenchmarkDeflateSend sends JSON to one session, with another message each time or, as a
// broadcast to very many sessions does, with the same one, and reads it at the other end.
func BenchmarkDeflateSend(b *testing.B) {
	for _, size := range []int{1024, 4096, 16384, 65536} {
		for _, deflate := range []bool{false, true} {
			for _, shared := range []bool{false, true} {
				b.Run(fmt.Sprintf("bytes=%d/deflate=%t/shared=%t", size, deflate, shared), func(b *testing.B) {
					s, conn := deflateBench(b, deflate)
					text := []byte(rows(size))
					m := NewMessage(text)
					buf := make([]byte, size+100)
					b.ReportAllocs()
					var wire int
					for b.Loop() {
						if !shared {
							m = NewMessage(text)
						}
						if err := s.Send(m); err != nil {
							b.Fatal(err)
						}
						wire = len(s.ws.frames(m))
						if _, err := io.ReadFull(conn, buf[:wire]); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(wire), "wire-B")
				})
			}
		}
	}
}

// BenchmarkDeflateReceive reads messages of a peer. Browsers compress each message, even a
// pong, if they may.
func BenchmarkDeflateReceive(b *testing.B) {
	for _, text := range []string{"3", "4" + rows(1024), "4" + rows(16384)} {
		for _, deflate := range []bool{false, true} {
			b.Run(fmt.Sprintf("bytes=%d/deflate=%t", len(text), deflate), func(b *testing.B) {
				frame := frame{0x81, false, text}
				if deflate {
					frame.first, frame.payload = 0xc1, compressed(text)
				}
				wire := frame.bytes()
				r := newFrameReader(nil, 1<<20, 1<<20)
				r.deflate = deflate
				b.ReportAllocs()
				for b.Loop() {
					r.in.data = bytes.Clone(wire)
					if _, _, err := r.next(nil); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(wire)), "wire-B")
			})
		}
	}
}
