//go:build unix

package engineio

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"socketiojwt/internal/cputime"
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
	began := cputime.Used()
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
	b.ReportMetric(float64((cputime.Used()-began).Nanoseconds())/float64(b.N*burst*sessions), "cpu-ns/message")
	for i := range next {
		close(next[i])
	}
}

// BenchmarkSpread is the time until the last of many sessions has been written a broadcast, for
// one and for two processors, and what a message costs. The floor is a loop of system calls on each
// processor. Two processors that share parts of one core take much more than half of the time of one. The peers do not
// read, so that the processors have nothing else to do:
//
//	go test ./engineio -run XXX -bench Spread -cpu 1,2 -benchtime 100x
func BenchmarkSpread(b *testing.B) {
	m := NewMessage([]byte(`2["broadcast",{"t":1234567890,"pad":"` + strings.Repeat("x", 64) + `"}]`))
	b.Run("floor", func(b *testing.B) {
		all := spreadSessions(b)
		fds := make([]int, len(all))
		for i, s := range all {
			if err := s.ws.in.poll.raw.Control(func(fd uintptr) { fds[i] = int(fd) }); err != nil {
				b.Fatal(err)
			}
		}
		b.ResetTimer()
		began := cputime.Used()
		for range b.N {
			var writing sync.WaitGroup
			processors := runtime.GOMAXPROCS(0)
			for part := range slices.Chunk(fds, (len(fds)+processors-1)/processors) {
				writing.Go(func() {
					for _, fd := range part {
						if _, err := writeNow(fd, m.frames()); err != nil {
							b.Error(err)
						}
					}
				})
			}
			writing.Wait()
		}
		b.ReportMetric(float64((cputime.Used()-began).Nanoseconds())/float64(b.N*len(fds)), "cpu-ns/message")
	})
	b.Run("sessions", func(b *testing.B) {
		all := spreadSessions(b)
		b.ResetTimer()
		began := cputime.Used()
		for range b.N {
			for i, s := range all {
				if err := s.SendShared(m); err != nil {
					b.Fatal(err)
				}
				if i%64 == 63 {
					s.srv.Yield() // as broadcasts of package socketio do
				}
			}
			for _, s := range all {
				for !s.written() {
					time.Sleep(200 * time.Microsecond)
				}
			}
		}
		b.ReportMetric(float64((cputime.Used()-began).Nanoseconds())/float64(b.N*len(all)), "cpu-ns/message")
	})
}

// spreadSessions returns many sessions whose peers do not read.
func spreadSessions(b *testing.B) (all []*Session) {
	const sessions = 9000 // two files each
	opened, dial := benchServer(b)
	for range sessions {
		fd := unpolled(b, dial())
		b.Cleanup(func() { syscall.Close(fd) })
		all = append(all, <-opened)
	}
	return all
}

// unpolled returns the file of a connection, and takes it out of the runtime's poller. Otherwise each
// message would wake the poller of this process, which in life is that of another one.
func unpolled(b *testing.B, conn net.Conn) (fd int) {
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		b.Fatal(err)
	}
	failed := raw.Control(func(own uintptr) { fd, err = syscall.Dup(int(own)) })
	if err := errors.Join(failed, err); err != nil {
		b.Fatal(err)
	}
	return fd
}

// written reports whether nothing waits for a flusher.
func (s *Session) written() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.allWritten()
}
