package engineio

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"
)

// memorySessions is the number of sessions that a benchmark of memory opens.
const memorySessions = 1000

// memoryServer serves sessions over TCP, as plain HTTP or by TLS.
func memoryServer(b *testing.B, byTLS bool, opts Options) (srv *Server, opened chan *Session, dial func() net.Conn) {
	b.Helper()
	opened = make(chan *Session, 1)
	srv, err := NewServer(func(s *Session, _ *http.Request) Conn { opened <- s; return silent{} }, opts)
	if err != nil {
		b.Fatal(err)
	}
	srv.parkAfter = 0
	web := httptest.NewUnstartedServer(srv)
	if byTLS {
		web.StartTLS()
	} else {
		web.Start()
	}
	b.Cleanup(func() {
		srv.Close()
		srv.Shutdown(context.Background())
		web.Close()
	})
	addr := web.Listener.Addr().String()
	client := &tls.Config{InsecureSkipVerify: true} // the certificate is of this process
	return srv, opened, func() net.Conn {
		conn, err := net.Dial("tcp", addr)
		if err == nil && byTLS {
			secure := tls.Client(conn, client)
			conn, err = secure, secure.Handshake()
		}
		if err != nil {
			b.Fatal(err)
		}
		return conn
	}
}

// browserHeaders are what a browser sends with a poll, without cookies.
const browserHeaders = "Host: chat.example.com\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\n" +
	"Accept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n" +
	"Referer: https://chat.example.com/\r\nSec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-origin\r\n"

// exchange sends a request and returns the body of its response.
func exchange(b *testing.B, conn net.Conn, method, query, body string) string {
	b.Helper()
	send(b, conn, method, query, body)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		b.Fatalf("%s: %d %q %v", method, resp.StatusCode, text, err)
	}
	return string(text)
}

func send(b *testing.B, conn net.Conn, method, query, body string) {
	b.Helper()
	if _, err := fmt.Fprintf(conn, "%s /engine.io/?%s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", method, query, browserHeaders, len(body), body); err != nil {
		b.Fatal(err)
	}
}

// polls reports whether a poll of s waits.
func polls(s *Session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.polling != nil && s.polling.waiting != nil
}

// BenchmarkIdlePolling reports what a session by polling keeps while its poll waits: with the
// connection of the poll only, and with a second one, by which it has sent something, as
// every client does that has answered a ping.
func BenchmarkIdlePolling(b *testing.B) {
	for _, byTLS := range []bool{false, true} {
		for _, posts := range []bool{false, true} {
			b.Run(fmt.Sprintf("tls=%t/posts=%t", byTLS, posts), func(b *testing.B) {
				benchMemory(b, byTLS, Options{PingInterval: time.Hour}, func(opened chan *Session, dial func() net.Conn) []net.Conn {
					conn := dial()
					exchange(b, conn, "GET", pollingQuery, "")
					s := <-opened
					query := pollingQuery + "&sid=" + s.ID()
					conns := []net.Conn{conn}
					if posts {
						conns = append(conns, dial())
						exchange(b, conns[1], "POST", query, "4hello")
					}
					send(b, conn, "GET", query, "")
					for !polls(s) {
						runtime.Gosched()
					}
					return conns
				})
			})
		}
	}
}

// BenchmarkIdleWebSocket reports what a session by WebSocket keeps after one message, by
// plain TCP and by TLS, with a goroutine that waits for it and with one for all of them.
func BenchmarkIdleWebSocket(b *testing.B) {
	for _, byTLS := range []bool{false, true} {
		for _, shared := range []bool{false, true} {
			b.Run(fmt.Sprintf("tls=%t/shared=%t", byTLS, shared), func(b *testing.B) {
				benchMemory(b, byTLS, Options{PingInterval: time.Hour, SharedWait: shared}, func(opened chan *Session, dial func() net.Conn) []net.Conn {
					conn := dial()
					fmt.Fprintf(conn, "GET /engine.io/?%s HTTP/1.1\r\n%sConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n",
						socketQuery, browserHeaders)
					resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
					if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
						b.Fatal(resp, err)
					}
					conn.Write(wire(frame{0x81, false, "4hello"}))
					<-opened
					return []net.Conn{conn}
				})
			})
		}
	}
}

// benchMemory reports the memory of a session that open starts, without what the client's
// ends of its connections keep in the same process.
func benchMemory(b *testing.B, byTLS bool, opts Options, open func(opened chan *Session, dial func() net.Conn) []net.Conn) {
	for b.Loop() {
		_, opened, dial := memoryServer(b, byTLS, opts)
		conns := open(opened, dial) // pays costs that occur once
		perSession := len(conns)
		before := memory()
		for range memorySessions {
			conns = append(conns, open(opened, dial)...)
		}
		time.Sleep(settle)
		used := memory().minus(before)
		client := clientMemory(b, byTLS).times(perSession)
		used = used.minus(client)
		b.ReportMetric(used.heap/memorySessions, "heap-B/session")
		b.ReportMetric(used.spans/memorySessions, "spans-B/session")
		b.ReportMetric(used.stack/memorySessions, "stack-B/session")
		b.ReportMetric(used.goroutines/memorySessions, "goroutines/session")
		b.ReportMetric(0, "ns/op")
		for _, conn := range conns {
			conn.Close()
		}
	}
}

// settle is longer than the time after which a session is idle.
const settle = 100 * time.Millisecond

// clientMemory returns what memorySessions client's ends of connections keep.
func clientMemory(b *testing.B, byTLS bool) usage {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	client := &tls.Config{InsecureSkipVerify: true} // the certificate is of this process
	var certificate tls.Certificate
	if byTLS {
		web := httptest.NewUnstartedServer(nil)
		web.StartTLS()
		certificate = web.TLS.Certificates[0]
		web.Close()
	}
	// The server's ends are closed and dropped before the memory is read.
	conns := make([]net.Conn, 0, memorySessions)
	before := memory()
	for range memorySessions {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		server, err := listener.Accept()
		if err != nil {
			b.Fatal(err)
		}
		if byTLS {
			secure := tls.Client(conn, client)
			done := make(chan error, 1)
			go func() {
				done <- tls.Server(server, &tls.Config{Certificates: []tls.Certificate{certificate}}).Handshake()
			}()
			if err := secure.Handshake(); err != nil {
				b.Fatal(err)
			}
			if err := <-done; err != nil {
				b.Fatal(err)
			}
			conn = secure
		}
		server.Close()
		conns = append(conns, conn)
	}
	used := memory().minus(before)
	for _, conn := range conns {
		conn.Close()
	}
	return used
}

// usage is memory in bytes, and goroutines.
type usage struct{ heap, spans, stack, goroutines float64 }

func (u usage) minus(o usage) usage {
	return usage{u.heap - o.heap, u.spans - o.spans, u.stack - o.stack, u.goroutines - o.goroutines}
}

func (u usage) times(n int) usage {
	f := float64(n)
	return usage{u.heap * f, u.spans * f, u.stack * f, u.goroutines * f}
}

// memory returns what the process keeps after garbage collections.
func memory() usage {
	for range 3 { // sync.Pools keep their contents for two
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{float64(m.HeapAlloc), float64(m.HeapInuse), float64(m.StackInuse), float64(runtime.NumGoroutine())}
}
