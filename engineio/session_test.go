package engineio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

func TestCloseByWebSocket(t *testing.T) {
	run := func(name string, test func(t *testing.T, f *fixture)) {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, serve serveFunc) { test(t, serve(t, Options{}, nil)) })
		})
	}
	run("answered", func(t *testing.T, f *fixture) {
		w, c := f.openSocket()
		c.s.Send(NewMessage([]byte("last")))
		c.s.Close(ForcedClose)
		if err := c.s.Send(NewMessage(nil)); err != ErrClosed {
			t.Errorf("Send after Close: %v", err)
		}
		w.expect("4last", "close")
		w.write("4not any more")
		w.raw(wire(frame{0x88, false, ""}))
		w.expect("end")
		expectEnd(t, c, ForcedClose)
		if got := c.got(); len(got) > 0 {
			t.Errorf("messages %q", got)
		}
	})
	run("not answered", func(t *testing.T, f *fixture) {
		w, c := f.openSocket()
		start := time.Now()
		c.s.Close(ForcedClose)
		w.expect("close", "end")
		expectEnd(t, c, ForcedClose)
		if waited := time.Since(start); waited > 5*time.Second {
			t.Errorf("ended after %s", waited)
		}
	})
	run("abort", func(t *testing.T, f *fixture) {
		w, c := f.openSocket()
		c.s.Abort("my reason")
		w.expect("close", "end")
		expectEnd(t, c, "my reason")
	})
	run("lost", func(t *testing.T, f *fixture) {
		w, c := f.openSocket()
		w.close()
		expectEnd(t, c, TransportClose)
		if err := c.s.Send(NewMessage(nil)); err != ErrClosed {
			t.Errorf("Send after the end: %v", err)
		}
	})
}

// TestCloseIsBounded checks that a closing session of a peer that does not read ends after
// the ping timeout.
func TestCloseIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		_, c := f.openSocket()
		c.s.Send(NewMessage([]byte("not read")))
		start := time.Now()
		c.s.Close(ForcedClose)
		expectEnd(t, c, ForcedClose)
		if waited := time.Since(start); waited != 20*time.Second {
			t.Errorf("ended after %s, want 20s", waited)
		}
	})
}

// TestClosedRunsElsewhere checks that Conn.Closed never runs on the stack of the caller of
// Close, which may hold locks that Closed needs.
func TestClosedRunsElsewhere(t *testing.T) {
	for name, end := range map[string]func(s *Session){
		"close": func(s *Session) { s.Close(ForcedClose) },
		"abort": func(s *Session) { s.Abort(ForcedClose) },
		"slow": func(s *Session) {
			for s.Send(NewMessage(make([]byte, 1000))) == nil {
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var mu sync.Mutex
				ended := make(chan struct{})
				f := newPipe(t, Options{MaxOutbound: 10_000}, func(c *recorder, _ *http.Request) Conn {
					return lockingConn{&mu, ended}
				})
				query, c := f.open()
				if name == "close" {
					f.background("GET", query, "")
					synctest.Wait()
				}
				mu.Lock()
				end(c.s)
				mu.Unlock()
				<-ended
			})
		})
	}
}

type lockingConn struct {
	mu    *sync.Mutex
	ended chan struct{}
}

func (c lockingConn) Message([]byte, bool) {}
func (c lockingConn) Closed(Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.ended)
}

// TestCloseFromInsideMessage checks that Close inside Message does not deadlock, and that no
// more messages are delivered.
func TestCloseFromInsideMessage(t *testing.T) {
	for _, how := range []string{"close", "abort", "server close"} {
		t.Run(how, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var f *fixture
				f = newPipe(t, Options{}, func(c *recorder, _ *http.Request) Conn {
					c.onMessage = func(data []byte, _ bool) {
						switch how {
						case "close":
							c.s.Close(ForcedClose)
						case "abort":
							c.s.Abort(ForcedClose)
						case "server close":
							f.srv.Close()
						}
						expectAlive(t, c) // Closed comes after Message
					}
					return c
				})
				query, c := f.open()
				w, c2 := f.openSocket()
				f.background("POST", query, "4a\x1e4b")
				go w.r.in.conn.Write(wire(frame{0x81, false, "4a"}, frame{0x81, false, "4b"}))
				if how == "close" {
					synctest.Wait()
					f.expect("GET", query, "", 200, "1")
				}
				<-c.ended
				if how != "server close" {
					w.expect("close")
					w.close()
				}
				<-c2.ended
				if a, b := c.got(), c2.got(); how != "server close" && (len(a) != 1 || len(b) != 1) {
					t.Errorf("messages %q and %q, want one each", a, b)
				}
			})
		})
	}
}

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

// TestSlowReader checks that the session of a slow reader ends with SlowPeer on each kind of
// connection, and that what was sent before is not mixed up.
func TestSlowReader(t *testing.T) {
	onBoth(t, func(t *testing.T, serve serveFunc) {
		f := serve(t, Options{MaxOutbound: 100_000}, nil)
		_, c := f.openSocket()
		m := NewMessage(bytes.Repeat([]byte("x"), 10_000))
		sent := 0
		var err error
		for ; err == nil && sent < 10_000; sent++ {
			err = c.s.Send(m)
		}
		if err != ErrSlow {
			t.Errorf("after %d messages: %v, want ErrSlow", sent, err)
		}
		if err := c.s.Send(m); err != ErrClosed {
			t.Errorf("after that: %v", err)
		}
		expectEnd(t, c, SlowPeer)
	})
}

// The bound is on memory, so short messages count more than their length.
func TestShortMessagesCountToo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{MaxOutbound: 10_000}, nil)
		_, c := f.openSocket()
		n := 0
		for ; n < 10_000 && c.s.Send(NewMessage([]byte("x"))) == nil; n++ {
		}
		if n < 100 || n > 250 {
			t.Errorf("%d short messages were queued", n)
		}
		expectEnd(t, c, SlowPeer)
	})
}

// TestMessageOverTheBound checks that no message is too big to be sent, but that no other
// may be queued behind one that exceeds the bound.
func TestMessageOverTheBound(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{MaxOutbound: 1000}, nil)
		w, c := f.openSocket()
		synctest.Wait()
		text := strings.Repeat("x", 5000)
		if err := c.s.Send(NewMessage([]byte(text))); err != nil {
			t.Errorf("alone: %v", err)
		}
		w.expect("4" + text)
		synctest.Wait()
		c.s.Send(NewMessage([]byte(text)))
		if err := c.s.Send(NewMessage([]byte("behind it"))); err != ErrSlow {
			t.Errorf("behind it: %v", err)
		}
		expectEnd(t, c, SlowPeer)
	})
}

// TestManySendersDoNotMixFrames checks that a reader that is slow, but within bounds, gets
// the messages of several senders in order, with attachments directly after their text.
func TestManySendersDoNotMixFrames(t *testing.T) {
	for _, how := range []string{"tcp", "tls"} {
		t.Run(how, func(t *testing.T) {
			f := newTCP(t, Options{MaxOutbound: 64 << 20}, nil)
			if how == "tls" {
				f = newTLS(t, Options{MaxOutbound: 64 << 20}, nil)
			}
			w, c := f.openSocket()
			const senders, each, size = 8, 100, 20_000 // more than the system's buffers hold
			var wg sync.WaitGroup
			for sender := range senders {
				wg.Go(func() {
					for i := range each {
						tail := bytes.Repeat([]byte{byte(sender)}, size)
						if err := c.s.Send(NewMessage(fmt.Appendf(nil, "%d:%d", sender, i), tail)); err != nil {
							t.Errorf("sender %d: %v", sender, err)
							return
						}
					}
				})
			}
			wg.Wait() // the senders do not wait for the reader, which begins now
			next := make([]int, senders)
			for range senders * each {
				var sender, i int
				if _, err := fmt.Sscanf(w.read(), "4%d:%d", &sender, &i); err != nil {
					t.Fatal(err)
				}
				if next[sender] != i {
					t.Fatalf("sender %d: message %d, want %d", sender, i, next[sender])
				}
				next[sender]++
				if tail := w.read(); tail != "binary:"+strings.Repeat(string(rune(sender)), size) {
					t.Fatalf("message %d:%d is not followed by its attachment", sender, i)
				}
			}
			c.s.Close(ForcedClose)
			w.expect("close")
		})
	}
}

// TestRestOfAFrameComesFirst checks that a frame that is half written is finished before
// what other senders have queued meanwhile.
func TestRestOfAFrameComesFirst(t *testing.T) {
	f := newTCP(t, Options{}, nil)
	w, c := f.openSocket()
	ws := c.s.ws
	c.s.mu.Lock()
	for ws.state != writerIdle {
		c.s.mu.Unlock()
		runtime.Gosched()
		c.s.mu.Lock()
	}
	ws.state = writerOwned
	frame := NewMessage([]byte("half and half")).frames()
	ws.in.conn.Write(frame[:7])
	ws.push(NewMessage([]byte("queued meanwhile")).frames())
	ws.release(frame[7:], nil)
	c.s.mu.Unlock()
	w.expect("4half and half", "4queued meanwhile")
}

// TestClosedDoesNotWaitForThePeer checks that Conn.Closed is called at once, however long
// the peer takes to close.
func TestClosedDoesNotWaitForThePeer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		w, c := f.openSocket()
		start := time.Now()
		w.write("no packet")
		expectEnd(t, c, ParseError)
		if waited := time.Since(start); waited != 0 {
			t.Errorf("told after %s", waited)
		}
	})
}

// TestBuffersAreReturnedOnce checks that no buffer is returned twice, because two
// connections would then share it.
func TestBuffersAreReturnedOnce(t *testing.T) {
	in := input{buf: new(readBuffer)}
	in.data = in.buf[:1]
	in.release()
	if in.buf != nil || in.data != nil {
		t.Error("a buffer that was given back is kept")
	}
}

// newTLS serves over TLS on the loopback interface.
func newTLS(t *testing.T, opts Options, hook onOpen) *fixture {
	t.Helper()
	srv, opened := newServer(t, opts, hook)
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

func TestVolatileByWebSocket(t *testing.T) {
	f := newTCP(t, Options{MaxOutbound: 1 << 20}, nil)
	w, c := f.openSocket()
	c.s.mu.Lock()
	for c.s.ws.state != writerIdle { // the goroutine that wrote the open packet
		c.s.mu.Unlock()
		runtime.Gosched()
		c.s.mu.Lock()
	}
	c.s.mu.Unlock()
	if err := c.s.SendVolatile(NewMessage([]byte("idle"))); err != nil {
		t.Errorf("on an idle connection: %v", err)
	}
	w.expect("4idle")
	m := NewMessage(make([]byte, 100_000))
	sent := 0
	var err error
	for ; err == nil; sent++ {
		err = c.s.SendVolatile(m)
	}
	if err != ErrNotWritable {
		t.Fatalf("to a peer that does not read: %v", err)
	}
	expectAlive(t, c)
	for range sent - 1 {
		if got := w.read(); len(got) != 100_001 {
			t.Fatalf("got %d bytes", len(got))
		}
	}
	c.s.Send(NewMessage([]byte("after")))
	w.expect("4after")
}

func TestShutdown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		query, polling := f.open()
		idle, away := f.open()
		w, socket := f.openSocket()
		_ = idle
		poll := f.background("GET", query, "")
		synctest.Wait()
		socket.s.Send(NewMessage([]byte("last")))
		done := make(chan error)
		go func() { done <- f.srv.Shutdown(context.Background()) }()
		w.expect("4last", "close")
		w.raw(wire(frame{0x88, false, ""}))
		if a := <-poll; a.body != "1" {
			t.Errorf("poll: %q", a.body)
		}
		synctest.Wait()
		f.expect("GET", pollingQuery, "", 503, `{"code":4,"message":"Service unavailable"}`)
		if _, err := f.trySocket(socketQuery); err == nil {
			t.Error("a new session during the shutdown")
		}
		start := time.Now()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if waited := time.Since(start); waited != shutdownTimeout {
			t.Errorf("returned after %s; one session has no poll pending, so %s", waited, shutdownTimeout)
		}
		for _, c := range []*recorder{polling, away, socket} {
			expectEnd(t, c, ServerShutdown)
		}
		if err := f.srv.Shutdown(context.Background()); err != nil {
			t.Errorf("a second time: %v", err)
		}
		if err := f.srv.Close(); err != nil {
			t.Errorf("Close after it: %v", err)
		}
	})
}

func TestShutdownEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		_, c := f.open()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := f.srv.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		expectEnd(t, c, ServerShutdown)
	})
}

// TestShutdownFromInsideMessage checks that Shutdown inside a call of Conn does not wait for
// that call.
func TestShutdownFromInsideMessage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		done := make(chan error, 1)
		var f *fixture
		f = newPipe(t, Options{}, func(c *recorder, _ *http.Request) Conn {
			c.onMessage = func([]byte, bool) { done <- f.srv.Shutdown(context.Background()) }
			return c
		})
		w, c := f.openSocket()
		w2, other := f.openSocket()
		go w2.expect("close", "end")
		start := time.Now()
		w.write("4stop")
		go w.expect("close", "end")
		if err := <-done; err == nil || !strings.Contains(err.Error(), "inside a call") {
			t.Errorf("got %v", err)
		}
		if waited := time.Since(start); waited > 5*time.Second {
			t.Errorf("returned after %s", waited)
		}
		expectEnd(t, c, ServerShutdown)
		expectEnd(t, other, ServerShutdown)
	})
}

func TestServerClose(t *testing.T) {
	f := newTCP(t, Options{}, nil)
	query, polling := f.open()
	poll := f.background("GET", query, "")
	w, socket := f.openSocket()
	upgrading, third := f.open()
	w2 := f.upgradeSocket(upgrading)
	w2.write("2probe")
	w2.expect("3probe")
	time.Sleep(10 * time.Millisecond) // for the poll to come in; either order is fine
	f.srv.Close()
	w.expect("close", "end")
	w2.expect("close", "end")
	<-poll
	for _, c := range []*recorder{polling, socket, third} {
		expectEnd(t, c, ServerShutdown)
	}
	if err := f.srv.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestNothingIsLeftOfClosedConnections checks that no memory or goroutine is left a second
// after connections have closed.
func TestNothingIsLeftOfClosedConnections(t *testing.T) {
	f := newTCP(t, Options{}, func(c *recorder, _ *http.Request) Conn { c.echo(); return c })
	measure := func() (heap uint64, goroutines int) {
		f.client.CloseIdleConnections()
		f.expectNoSessions()
		time.Sleep(100 * time.Millisecond)
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, runtime.NumGoroutine()
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
	}
	wave()
	heap, goroutines := measure()
	wave()
	heap2, goroutines2 := measure()
	if heap2 > heap+heap/20+200_000 {
		t.Errorf("heap %d, then %d", heap, heap2)
	}
	if goroutines2 > goroutines {
		t.Errorf("goroutines %d, then %d", goroutines, goroutines2)
	}
}

func TestRemoteAddrOfASession(t *testing.T) {
	f := newTCP(t, Options{}, nil)
	w, c := f.openSocket()
	if got := c.s.RemoteAddr(); got != w.r.in.conn.LocalAddr().String() {
		t.Errorf("%s, want %s", got, w.r.in.conn.LocalAddr())
	}
}
