//go:build unix

package engineio

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"socketiojwt/internal/cputime"
)

// BenchmarkLarge is what a message of 16 KB costs for each of 200 sessions, without and with 50
// sessions whose peers do not read. The floor is a program that only writes the frames to the connections of
// the 200. Reading is not measured:
//
//	go test ./engineio -run XXX -bench Large -cpu 1 -benchtime 150x
func BenchmarkLarge(b *testing.B) {
	for _, silent := range []int{0, 50} {
		b.Run(fmt.Sprintf("floor/silent=%d", silent), func(b *testing.B) {
			benchLarge(b, silent, func(l *largeBroadcast, m *Message) {
				for _, fd := range l.own {
					if n, err := writeNow(fd, m.frames()); n != len(m.frames()) {
						b.Fatal(n, err)
					}
				}
			})
		})
		b.Run(fmt.Sprintf("sessions/silent=%d", silent), func(b *testing.B) {
			benchLarge(b, silent, (*largeBroadcast).send)
		})
	}
}

// largeBroadcast has sessions whose peers read between two broadcasts, and after them those whose peers do not.
type largeBroadcast struct {
	sessions []*Session
	own      []int // the server's end of those that read
	peers    []int
}

func benchLarge(b *testing.B, silent int, send func(*largeBroadcast, *Message)) {
	const reading, warm = 200, 60 // what the connections of the silent ones take is written before
	l := new(largeBroadcast)
	opened, dial := benchServer(b)
	for i := range reading + silent {
		fd := unpolled(b, dial())
		defer syscall.Close(fd)
		s := <-opened
		s.srv.opts.MaxOutbound = 1 << 30
		l.sessions = append(l.sessions, s)
		if i < reading {
			l.peers = append(l.peers, fd)
			if err := s.ws.in.poll.raw.Control(func(own uintptr) { l.own = append(l.own, int(own)) }); err != nil {
				b.Fatal(err)
			}
		}
	}
	text := []byte(`2["broadcast",{"t":1234567890,"pad":"` + strings.Repeat("x", 16_000) + `"}]`)
	for range warm {
		l.send(NewMessage(text))
		l.drain()
	}
	var used time.Duration
	for range b.N {
		began := cputime.Used()
		send(l, NewMessage(text))
		used += cputime.Used() - began
		l.drain()
	}
	b.ReportMetric(float64(used.Nanoseconds())/float64(b.N*reading), "cpu-ns/message")
}

// send sends a message to all sessions, and waits until it has been written to those that read.
func (l *largeBroadcast) send(m *Message) {
	for i, s := range l.sessions {
		_ = s.SendShared(m)
		if i%64 == 63 {
			s.srv.Yield() // as broadcasts of package socketio do
		}
	}
	for _, s := range l.sessions[:len(l.peers)] {
		for !s.written() {
			time.Sleep(200 * time.Microsecond)
		}
	}
}

// drain reads what the peers have received.
func (l *largeBroadcast) drain() {
	buf := make([]byte, 64<<10)
	for _, fd := range l.peers {
		for {
			if n, _, err := syscall.Recvfrom(fd, buf, syscall.MSG_DONTWAIT); n <= 0 || err != nil {
				break
			}
		}
	}
}
