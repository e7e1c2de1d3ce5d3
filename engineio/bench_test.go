package engineio

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
)

// silent is a Conn that does nothing.
type silent struct{}

func (silent) Message([]byte, bool) {}
func (silent) Closed(Reason)        {}

// benchServer serves sessions over TCP. It returns a function that opens a WebSocket.
func benchServer(b *testing.B) (sessions chan *Session, dial func() net.Conn) {
	b.Helper()
	sessions = make(chan *Session, 1)
	srv, err := NewServer(func(s *Session, _ *http.Request) Conn { sessions <- s; return silent{} }, Options{})
	if err != nil {
		b.Fatal(err)
	}
	web := httptest.NewServer(srv)
	b.Cleanup(func() {
		srv.Close()
		srv.Shutdown(context.Background())
		web.Close()
	})
	url := "ws" + strings.TrimPrefix(web.URL, "http") + "/engine.io/?" + socketQuery
	return sessions, func() net.Conn {
		conn, _, err := dialWebSocket(context.Background(), url, dialOptions{})
		if err != nil {
			b.Fatal(err)
		}
		return conn
	}
}

// BenchmarkSend is one delivery of a broadcast: a shared message to a connection that takes
// it at once, and reading it at the other end. It must not allocate.
func BenchmarkSend(b *testing.B) {
	sessions, dial := benchServer(b)
	conn := dial()
	defer conn.Close()
	s := <-sessions
	m := NewMessage([]byte(`2["broadcast",{"t":1234567890,"pad":"` + strings.Repeat("x", 64) + `"}]`))
	buf := make([]byte, len(m.frames()))
	b.ReportAllocs()
	for b.Loop() {
		s.mu.Lock()
		s.ws.touched = 0
		s.mu.Unlock()
		if err := s.Send(m); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(conn, buf); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReceive is a message from the peer.
func BenchmarkReceive(b *testing.B) {
	sessions, dial := benchServer(b)
	conn := dial()
	defer conn.Close()
	<-sessions
	message := wire(frame{0x81, false, "4" + strings.Repeat("x", 100)})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := conn.Write(message); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen opens and closes a session by WebSocket, including the client's end.
func BenchmarkOpen(b *testing.B) {
	sessions, dial := benchServer(b)
	b.ReportAllocs()
	for b.Loop() {
		conn := dial()
		<-sessions
		conn.Close()
	}
}

// BenchmarkIdle reports what an idle session by WebSocket keeps after one message. What the
// client's end in the same process keeps, an open connection, is measured first and
// subtracted.
func BenchmarkIdle(b *testing.B) {
	for b.Loop() {
		const n = 1000
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		conns := make([]net.Conn, 0, 2*n)
		heap, stack := held()
		for range n {
			conn, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			conns = append(conns, conn)
		}
		heap2, stack2 := held()
		clientHeap, clientStack := heap2-heap, stack2-stack

		sessions, dial := benchServer(b)
		conn := dial() // pays costs that occur once
		<-sessions
		conns = append(conns, conn)
		heap, stack = held()
		for range n {
			conn := dial()
			conn.Write(wire(frame{0x81, false, "4hello"}))
			<-sessions
			conns = append(conns, conn)
		}
		heap2, stack2 = held()
		b.ReportMetric((heap2-heap-clientHeap)/n, "heap-B/session")
		b.ReportMetric((stack2-stack-clientStack)/n, "stack-B/session")
		for _, conn := range conns {
			conn.Close()
		}
		listener.Close()
	}
}

func held() (heap, stack float64) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc), float64(m.StackInuse)
}
