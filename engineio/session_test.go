package engineio

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestPanicInMessageEndsOnlyTheSession(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log logBuffer
		f := newPipe(t, Options{Logger: log.logger()}, func(c *recorder, _ *http.Request) Conn {
			c.onMessage = func(data []byte, _ bool) {
				if string(data) == "boom" {
					panic("Bearer " + string(data))
				}
			}
			return c
		})
		w, c := f.openSocket()
		query, polling := f.open()
		w2, other := f.openSocket()
		w.write("4boom")
		expectEnd(t, c, TransportError)
		f.must("POST", query, "4boom\x1e4more")
		expectEnd(t, polling, TransportError)
		w2.write("4fine")
		synctest.Wait()
		expectAlive(t, other)
		if n := strings.Count(log.String(), "panic=string"); n != 1 || strings.Contains(log.String(), "boom") {
			t.Errorf("logged %d times: %s", n, log.String())
		}
	})
}

// TestBuffersAreReturnedOnce checks that no buffer is returned twice, because two
// connections would then share it.
func TestBuffersAreReturnedOnce(t *testing.T) {
	in := input{buf: new(readBuffer)}
	in.data = in.buf.bytes[:1]
	in.release()
	if in.buf != nil || in.data != nil {
		t.Error("a buffer that was given back is kept")
	}
}

// newTLS serves over TLS on the loopback interface.
func newTLS(t *testing.T, opts Options, hook onOpen) *fixture {
	t.Helper()
	srv, opened := newServer(t, patient(opts), hook)
	srv.linger = time.Minute
	web := httptest.NewTLSServer(srv)
	t.Cleanup(func() {
		srv.Close()
		web.Client().CloseIdleConnections()
		web.Close()
	})
	return &fixture{t: t, srv: srv, web: web.Config, client: web.Client(), url: web.URL + srv.opts.Path, opened: opened}
}

func TestTLS(t *testing.T) {
	f := newTLS(t, Options{}, func(c *recorder, _ *http.Request) Conn { c.echo(); return c })
	query, c := f.open()
	f.expect("POST", query, "4polled", 200, "ok")
	f.expect("GET", query, "", 200, "4polled")
	w := f.upgrade(query)
	long := strings.Repeat("long", 100_000)
	go w.write("4" + long)
	w.expect("4" + long)
	c.s.Close(ForcedClose)
	w.expect("close")
	w.raw(wire(frame{0x88, false, ""}))
	w.expect("end")
	expectEnd(t, c, ForcedClose)
}

// TestNothingIsLeftOfClosedConnections checks that no memory or goroutine is left of connections
// that have closed.
func TestNothingIsLeftOfClosedConnections(t *testing.T) {
	f := newTCP(t, Options{}, func(c *recorder, _ *http.Request) Conn { c.echo(); return c })
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	wave := func() {
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				for i := range 50 {
					conn, _, err := dialWebSocket(context.Background(), "ws"+strings.TrimPrefix(f.url, "http")+"?"+socketQuery, dialOptions{})
					if err != nil {
						t.Error(err)
						return
					}
					conn.Write(wire(frame{0x81, false, "4hello"}))
					if i%2 == 0 {
						conn.(*net.TCPConn).SetLinger(0) // a reset, rather than an end
					}
					conn.Close()
					<-f.opened
				}
			})
		}
		wg.Wait()
		f.expectNoSessions()
		eventually(t, "the end of the goroutines of the server", func() bool { return f.srv.Stats().Goroutines == 0 })
	}
	wave()
	before, goroutines := heap(), runtime.NumGoroutine()
	wave()
	eventually(t, "no more goroutines than before", func() bool { return runtime.NumGoroutine() <= goroutines })
	if after := heap(); after > before+before/20+200_000 {
		t.Errorf("heap %d, then %d", before, after)
	}
}

func TestRemoteAddrOfASession(t *testing.T) {
	f := newTCP(t, Options{}, nil)
	w, c := f.openSocket()
	if got := c.s.RemoteAddr(); got != w.r.in.conn.LocalAddr().String() {
		t.Errorf("%s, want %s", got, w.r.in.conn.LocalAddr())
	}
}
