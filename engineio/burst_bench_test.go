package engineio

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// BenchmarkBroadcast is what one message of broadcasts costs its sender and the flushers, and those who read it:
// single ones, with a pause after each, and bursts of 100, back to back.
func BenchmarkBroadcast(b *testing.B) {
	for _, n := range []int{1, 10, 200} {
		for _, burst := range []int{1, 100} {
			b.Run(fmt.Sprintf("sessions=%d/burst=%d", n, burst), func(b *testing.B) { benchBroadcast(b, n, burst) })
		}
	}
}

func benchBroadcast(b *testing.B, sessions, burst int) {
	opened, dial := benchServer(b)
	m := NewMessage([]byte(`2["broadcast",{"t":1234567890,"pad":"` + strings.Repeat("x", 64) + `"}]`))
	var all []*Session
	read := make(chan struct{}, sessions)
	size := int64(burst * len(m.frames()))
	next := make([]chan struct{}, sessions)
	for i := range sessions {
		conn := dial()
		defer conn.Close()
		all = append(all, <-opened)
		next[i] = make(chan struct{}, 1)
		go func(conn net.Conn) {
			for range next[i] {
				if _, err := io.CopyN(io.Discard, conn, size); err != nil {
					return
				}
				read <- struct{}{}
			}
		}(conn)
	}
	b.ReportAllocs()
	for b.Loop() {
		for i, s := range all {
			s.mu.Lock()
			if burst == 1 {
				s.ws.touched = 0
			}
			s.mu.Unlock()
			next[i] <- struct{}{}
		}
		for range burst {
			for _, s := range all {
				if err := s.SendShared(m); err != nil {
					b.Fatal(err)
				}
			}
			all[0].srv.Yield()
		}
		for range sessions {
			<-read
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*burst*sessions), "ns/message")
	for i := range next {
		close(next[i])
	}
}
