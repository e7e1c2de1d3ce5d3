package engineio

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// write opens a connection, writes text and never reads.
func (f *fixture) write(text string) net.Conn {
	f.t.Helper()
	conn, err := f.dial(context.Background(), "tcp", "pipe")
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.Close() })
	if _, err := conn.Write([]byte(text)); err != nil {
		f.t.Fatal(err)
	}
	return conn
}

// request returns the head of a request for f's Server.
func (f *fixture) request(method, query, header string) string {
	return fmt.Sprintf("%s %s?%s HTTP/1.1\r\nHost: pipe\r\n%s\r\n", method, f.srv.opts.Path, query, header)
}

// deadPeers are the ways in which a peer may keep the server waiting. Over net.Pipe a peer
// that does not read has a window of zero.
var deadPeers = map[string]func(f *fixture){
	"polling, away": func(f *fixture) { f.open() },
	"polling, away, closing": func(f *fixture) {
		_, c := f.open()
		c.s.Close("the lease is over")
	},
	"polling, away, with a queue": func(f *fixture) {
		_, c := f.open()
		c.s.Send(NewMessage([]byte("never taken")))
	},
	"a poll that waits": func(f *fixture) {
		query, _ := f.open()
		f.write(f.request("GET", query, ""))
	},
	"a response that is not read": func(f *fixture) {
		query, c := f.open()
		f.write(f.request("GET", query, ""))
		synctest.Wait()
		c.s.Send(NewMessage([]byte(strings.Repeat("x", 1<<20))))
	},
	"half a POST": func(f *fixture) {
		query, _ := f.open()
		f.write(f.request("POST", query, "Content-Length: 100\r\n") + "4half")
	},
	"half a POST, closing": func(f *fixture) {
		query, c := f.open()
		f.write(f.request("POST", query, "Content-Length: 100\r\n") + "4half")
		synctest.Wait()
		c.s.Close("the lease is over")
	},
	"half a POST that is refused": func(f *fixture) {
		f.write(f.request("POST", pollingQuery, "Content-Length: 100\r\n") + "4half")
	},
	"websocket, does not answer": func(f *fixture) {
		w, _ := f.openSocket()
		go func() { // reads, and does not answer the close frame
			for {
				if _, err := w.r.in.conn.Read(make([]byte, 100)); err != nil {
					return
				}
			}
		}()
	},
	"websocket, does not read": func(f *fixture) { f.openSocket() },
	"websocket, does not read, with a queue": func(f *fixture) {
		_, c := f.openSocket()
		c.s.Send(NewMessage([]byte("never taken")))
	},
	"websocket, does not read, closing": func(f *fixture) {
		_, c := f.openSocket()
		c.s.Send(NewMessage([]byte("never taken")))
		c.s.Close("the lease is over")
	},
	"websocket, broke a rule and does not read": func(f *fixture) {
		w, c := f.openSocket()
		c.s.Send(NewMessage([]byte("never taken")))
		w.write("no packet")
	},
	"websocket, does not read its handshake": func(f *fixture) {
		f.write(f.request("GET", socketQuery, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"))
		<-f.opened
	},
	"an upgrade before its probe": func(f *fixture) {
		query, _ := f.open()
		f.upgradeSocket(query)
	},
	"an upgrade after its probe": func(f *fixture) {
		query, c := f.open()
		w := f.upgradeSocket(query)
		w.write("2probe")
		w.expect("3probe")
		c.s.Send(NewMessage([]byte("never taken")))
	},
	"an upgrade after its probe, closing": func(f *fixture) {
		query, c := f.open()
		w := f.upgradeSocket(query)
		w.write("2probe")
		w.expect("3probe")
		c.s.Close("the lease is over")
	},
	"an upgrade whose answer is not read": func(f *fixture) {
		query, _ := f.open()
		w := f.upgradeSocket(query)
		w.write("2probe")
		w.write("5")
	},
	"a second upgrade": func(f *fixture) {
		query, _ := f.open()
		f.upgradeSocket(query)
		f.upgradeSocket(query)
	},
}

func TestShutdownAbortsUnreachablePeers(t *testing.T) {
	check := func(t *testing.T, kinds ...func(f *fixture)) {
		bubble(t, func(t *testing.T) {
			f := newPipe(t, Options{}, nil)
			for _, kind := range kinds {
				kind(f)
			}
			synctest.Wait()
			start := time.Now()
			if err := f.srv.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
			if took := time.Since(start); took > shutdownTimeout+lingerTimeout {
				t.Errorf("Shutdown took %v", took)
			}
			if err := f.web.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
			if took := time.Since(start); took > shutdownTimeout+lingerTimeout+500*time.Millisecond { // net/http looks twice a second
				t.Errorf("a request was left, and the HTTP server ended after %v", took)
			}
		})
	}
	var all []func(f *fixture)
	for name, kind := range deadPeers {
		t.Run(name, func(t *testing.T) { check(t, kind) })
		all = append(all, kind)
	}
	t.Run("all of them", func(t *testing.T) { check(t, all...) })
}

// TestShutdownWaitsForNoNewBody checks that a request that arrives during Shutdown gets no
// more time than others.
func TestShutdownWaitsForNoNewBody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		query, _ := f.open()
		ended := make(chan error)
		start := time.Now()
		go func() { ended <- f.srv.Shutdown(context.Background()) }()
		time.Sleep(shutdownTimeout - time.Millisecond)
		f.write(f.request("POST", query, "Content-Length: 100\r\n") + "4half")
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > shutdownTimeout+lingerTimeout {
			t.Errorf("Shutdown took %v", took)
		}
		f.write(f.request("POST", query, "Content-Length: 100\r\n") + "4half")
		start = time.Now()
		if err := f.web.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > shutdownTimeout+time.Second {
			t.Errorf("the HTTP server took %v", took)
		}
	})
}

func TestShutdown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		query, polling := f.open()
		_, away := f.open()
		_, silent := f.open() // nothing is queued for it, so nothing is waited for
		w, socket := f.openSocket()
		away.s.Send(NewMessage([]byte("for the next poll")))
		poll := f.background("GET", query, "")
		synctest.Wait()
		socket.s.Send(NewMessage([]byte("last")))
		done := make(chan error)
		go func() { done <- f.srv.Shutdown(context.Background()) }()
		w.expect("4last", "close")
		w.raw(wire(frame{0x88, false, ""}))
		expectEnd(t, silent, ServerShutdown)
		if a := <-poll; a.body != closeAndReconnect {
			t.Errorf("poll: %q", a.body)
		}
		synctest.Wait()
		f.expect("GET", query, "", 400, `{"code":1,"message":"Session ID unknown"}`)
		f.expect("GET", pollingQuery, "", 503, `{"code":4,"message":"Service unavailable"}`)
		if _, err := f.trySocket(socketQuery); err == nil {
			t.Error("a new session during the shutdown")
		}
		start := time.Now()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if waited := time.Since(start); waited != shutdownTimeout {
			t.Errorf("returned after %s; one session has something queued and no poll pending, so %s", waited, shutdownTimeout)
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
		c.s.Send(NewMessage([]byte("for the next poll")))
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
