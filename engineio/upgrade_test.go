package engineio

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// upgradeSocket opens a WebSocket for the session of query.
func (f *fixture) upgradeSocket(query string) *socket {
	f.t.Helper()
	return f.socket(strings.Replace(query, "polling", "websocket", 1))
}

// upgrade changes a session from polling to WebSocket.
func (f *fixture) upgrade(query string) *socket {
	f.t.Helper()
	w := f.upgradeSocket(query)
	w.write("2probe")
	w.expect("3probe")
	w.write("5")
	return w
}

func TestUpgrade(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, func(c *recorder, _ *http.Request) Conn { c.echo(); return c })
		query, c := f.open()
		w := f.upgrade(query)
		w.write("4hello")
		w.expect("4hello")
		w.raw(appendFrame(nil, clientSide, binaryFrame, "", []byte{1, 2}))
		w.expect("binary:\x01\x02")
		if c.s.Transport() != WebSocket {
			t.Errorf("transport %q", c.s.Transport())
		}
		f.expect("GET", query, "", 400, badRequest)
		f.expect("POST", query, "4late", 400, badRequest)
		w.write("4alive")
		w.expect("4alive")
		expectAlive(t, c)
	})
}

// TestProbeAnswersThePoll checks that the probe ends the poll that waits. The client stops
// to poll when it sees the answer to the probe, and cannot go on before that poll has
// ended.
func TestProbeAnswersThePoll(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		query, _ := f.open()
		poll := f.background("GET", query, "")
		synctest.Wait()
		w := f.upgradeSocket(query)
		start := time.Now()
		w.write("2probe")
		if a := <-poll; a.body != "6" || time.Since(start) != 0 {
			t.Errorf("the waiting poll got %q after %s, want a noop at once", a.body, time.Since(start))
		}
		w.expect("3probe")
		// A poll that comes after the probe waits a moment for a message.
		f.expect("GET", query, "", 200, "6")
		if waited := time.Since(start); waited != noopInterval {
			t.Errorf("the later poll got its noop after %s, want %s", waited, noopInterval)
		}
	})
}

func TestMessagesDuringAnUpgradeAreKeptInOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		query, c := f.open()
		c.s.Send(NewMessage([]byte("1")))
		w := f.upgradeSocket(query)
		f.expect("GET", query, "", 200, "41")
		w.write("2probe")
		w.expect("3probe")
		c.s.Send(NewMessage([]byte("2")))
		f.expect("GET", query, "", 200, "42") // by polling until `5`
		c.s.Send(NewMessage([]byte("3"), []byte("bin")))
		c.s.Send(NewMessage([]byte("4")))
		w.write("5")
		w.expect("43", "binary:bin", "44")
		c.s.Send(NewMessage([]byte("5")))
		w.expect("45")
	})
}

// TestLastPostComesBeforeTheWebSocket checks that the packets of the last POST are delivered
// before the first message of the WebSocket, although a client might not wait for the POST.
func TestLastPostComesBeforeTheWebSocket(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gate := make(chan struct{})
		f := newPipe(t, Options{}, func(c *recorder, _ *http.Request) Conn {
			c.onMessage = func(data []byte, _ bool) {
				if string(data) == "slow" {
					<-gate
				}
			}
			return c
		})
		query, c := f.open()
		post := f.background("POST", query, "4slow\x1e4post")
		synctest.Wait()
		w := f.upgrade(query)
		go w.write("4socket")
		synctest.Wait()
		close(gate)
		<-post
		synctest.Wait()
		if got := strings.Join(c.got(), " "); got != "slow post socket" {
			t.Errorf("messages in the order %q", got)
		}
		expectAlive(t, c)
	})
}

func TestPollCaughtByTheUpgrade(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		query, c := f.open()
		w := f.upgradeSocket(query)
		w.write("2probe")
		w.expect("3probe")
		poll := f.background("GET", query, "")
		synctest.Wait()
		w.write("5")
		if a := <-poll; a.status != 400 || a.body != badRequest {
			t.Errorf("poll: %d %s", a.status, a.body)
		}
		expectAlive(t, c)
	})
}

func TestSecondUpgradeIsClosed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		query, c := f.open()
		first := f.upgradeSocket(query)
		f.upgradeSocket(query).expect("close", "end")
		first.write("2probe")
		first.expect("3probe")
		f.upgradeSocket(query).expect("close", "end")
		first.write("5")
		synctest.Wait()
		f.upgradeSocket(query).expect("close", "end")
		c.s.Send(NewMessage([]byte("here")))
		first.expect("4here")
		// A session that began by WebSocket cannot be upgraded.
		w, c := f.openSocket()
		f.upgradeSocket(socketQuery+"&sid="+c.s.ID()).expect("close", "end")
		c.s.Send(NewMessage([]byte("here")))
		w.expect("4here")
	})
}

// TestFailedUpgradeLeavesTheSession checks that the session goes on whatever happens to the
// new WebSocket.
func TestFailedUpgradeLeavesTheSession(t *testing.T) {
	cases := map[string]func(w *socket){
		"a message":       func(w *socket) { w.write("4hello"); w.expect("close") },
		"not a packet":    func(w *socket) { w.write("x"); w.expect("close") },
		"an empty packet": func(w *socket) { w.write(""); w.expect("close") },
		"another ping":    func(w *socket) { w.write("2"); w.expect("close") },
		"binary": func(w *socket) {
			w.raw(appendFrame(nil, clientSide, binaryFrame, "", []byte("2probe")))
			w.expect("close")
		},
		"5 without a probe":   func(w *socket) { w.write("5"); w.expect("close") },
		"close packet":        func(w *socket) { w.write("2probe"); w.expect("3probe"); w.write("1"); w.expect("close") },
		"close frame":         func(w *socket) { w.raw(appendFrame(nil, clientSide, closeFrame, "", nil)); w.expect("close", "end") },
		"protocol error":      func(w *socket) { w.raw([]byte{0x81, 0}); w.expect("close 1002") },
		"gone":                func(w *socket) { w.close() },
		"gone after probe":    func(w *socket) { w.write("2probe"); w.expect("3probe"); w.close() },
		"silent":              func(w *socket) { w.expect("close", "end") },
		"silent after probe":  func(w *socket) { w.write("2probe"); w.expect("3probe", "close", "end") },
		"too big":             func(w *socket) { w.raw([]byte{0x81, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}); w.expect("close 1009") },
		"half a frame, quiet": func(w *socket) { w.raw([]byte{0x81}); w.expect("close") },
	}
	for name, fail := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newPipe(t, Options{}, nil)
				query, c := f.open()
				start := time.Now()
				fail(f.upgradeSocket(query))
				if waited := time.Since(start); strings.HasPrefix(name, "silent") && waited != 10*time.Second {
					t.Errorf("closed after %s, want the upgrade timeout of 10s", waited)
				}
				synctest.Wait()
				c.s.Send(NewMessage([]byte("still polling")))
				f.expect("GET", query, "", 200, "4still polling")
				w := f.upgrade(query) // and may try again
				c.s.Send(NewMessage([]byte("done")))
				w.expect("4done")
				expectAlive(t, c)
			})
		})
	}
}

func TestCloseDuringAnUpgrade(t *testing.T) {
	start := func(t *testing.T) (f *fixture, query string, c *recorder, w *socket) {
		f = newPipe(t, Options{}, nil)
		query, c = f.open()
		w = f.upgradeSocket(query)
		w.write("2probe")
		w.expect("3probe")
		c.s.Send(NewMessage([]byte("last")))
		c.s.Close(ForcedClose)
		if err := c.s.Send(NewMessage(nil)); err != ErrClosed {
			t.Errorf("Send after Close: %v", err)
		}
		synctest.Wait()
		expectAlive(t, c)
		return f, query, c, w
	}
	t.Run("upgrade finishes", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			_, _, c, w := start(t)
			w.write("5")
			w.expect("4last", "close")
			w.raw(appendFrame(nil, clientSide, closeFrame, "", nil))
			w.expect("end")
			expectEnd(t, c, ForcedClose)
		})
	})
	t.Run("poll comes", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			f, query, c, w := start(t)
			f.expect("GET", query, "", 200, "4last")
			f.expect("GET", query, "", 200, "1")
			w.expect("close", "end")
			expectEnd(t, c, ForcedClose)
		})
	})
	t.Run("upgrade fails, poll comes", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			f, query, c, w := start(t)
			w.close()
			synctest.Wait()
			f.expect("GET", query, "", 200, "4last")
			f.expect("GET", query, "", 200, "1")
			expectEnd(t, c, ForcedClose)
		})
	})
	t.Run("nothing comes", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			_, _, c, w := start(t)
			begin := time.Now()
			w.expect("close", "end")
			expectEnd(t, c, ForcedClose)
			if waited := time.Since(begin); waited != pollingCloseTimeout {
				t.Errorf("ended after %s, want %s", waited, pollingCloseTimeout)
			}
		})
	})
}

func TestNoUpgrades(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{NoUpgrades: true}, nil)
		query, c := f.open()
		if _, err := f.trySocket(strings.Replace(query, "polling", "websocket", 1)); err == nil {
			t.Error("the upgrade was accepted")
		}
		expectAlive(t, c)
	})
}
