package engineio

import (
	"net/http"
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
		f.srv.linger = lingerTimeout
		w, c := f.openSocket()
		start := time.Now()
		c.s.Close(ForcedClose)
		w.expect("close", "end")
		expectEnd(t, c, ForcedClose)
		if waited := time.Since(start); waited > 30*time.Second { // of a machine that may be busy
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
