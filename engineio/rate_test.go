package engineio

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// sendAll sends messages on another goroutine, because a pipe has no buffer.
func (w *socket) sendAll(frames ...frame) {
	go func() { _, _ = w.r.in.conn.Write(wire(frames...)) }()
}

// discard reads what the server sends, on another goroutine.
func (w *socket) discard() {
	go func() {
		for {
			if _, _, err := w.r.next(func(frameKind, []byte) {}); err != nil {
				return
			}
		}
	}()
}

func texts(n int, text string) []frame { return slices.Repeat([]frame{{0x81, false, text}}, n) }

// expectAfter checks how many messages c has after d.
func expectAfter(t *testing.T, c *recorder, d time.Duration, least, most int) {
	t.Helper()
	time.Sleep(d)
	synctest.Wait()
	if n := len(c.got()); n < least || n > most {
		t.Errorf("%d messages at %v, want %d to %d", n, c.s.srv.now(), least, most)
	}
}

// TestRateDelaysReading checks the rates of packets and bytes, the burst, and that an idle
// peer saves up no more than that.
func TestRateDelaysReading(t *testing.T) {
	for name, tc := range map[string]struct {
		opts Options
		send []frame
	}{
		"packets": {Options{MaxPacketsPerSecond: 10, RateBurst: time.Second}, texts(40, "4x")},
		"bytes":   {Options{MaxBytesPerSecond: 1080, RateBurst: time.Second}, texts(40, "4"+strings.Repeat("x", 101))},
		"both":    {Options{MaxPacketsPerSecond: 10, MaxBytesPerSecond: 1_000_000, RateBurst: time.Second}, texts(40, "4x")},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newPipe(t, tc.opts, nil)
				w, c := f.openSocket()
				time.Sleep(10 * time.Second) // which it must not save up
				w.sendAll(tc.send...)
				expectAfter(t, c, 0, 10, 11)
				expectAfter(t, c, 990*time.Millisecond, 18, 21)
				if s := f.srv.Stats(); s.Delayed != 1 || s.Delays < 5 {
					t.Errorf("%d sessions are delayed, %d delays", s.Delayed, s.Delays)
				}
				expectAfter(t, c, 2*time.Second+100*time.Millisecond, 39, 40)
				expectAfter(t, c, time.Second, 40, 40)
				if s := f.srv.Stats(); s.Delayed != 0 {
					t.Errorf("%d sessions are delayed", s.Delayed)
				}
			})
		})
	}
}

// TestRateCountsEveryFrame checks that frames without effect count.
func TestRateCountsEveryFrame(t *testing.T) {
	first, rest, last := frame{0x01, false, "4x"}, frame{0x00, false, ""}, frame{0x80, false, ""}
	for name, noise := range map[string][]frame{
		"pings":     slices.Repeat([]frame{{0x89, false, ""}}, 30),
		"pongs":     slices.Repeat([]frame{{0x8a, false, ""}}, 30),
		"no-ops":    texts(30, "6"),
		"fragments": slices.Concat([]frame{first}, slices.Repeat([]frame{rest}, 28), []frame{last}),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newPipe(t, Options{MaxPacketsPerSecond: 10, RateBurst: time.Second}, nil)
				w, c := f.openSocket()
				w.discard()
				w.sendAll(append(noise, frame{0x81, false, "4end"})...)
				expectAfter(t, c, 1900*time.Millisecond, 0, 0)
				time.Sleep(300 * time.Millisecond)
				synctest.Wait()
				if got := c.got(); len(got) == 0 || got[len(got)-1] != "end" {
					t.Errorf("messages %q", got)
				}
			})
		})
	}
}

// TestDelayedPeersAreNotSilent checks that a session does not end because the pong of its peer
// was not read yet, and ends when the peer is silent after the delay.
func TestDelayedPeersAreNotSilent(t *testing.T) {
	opts := Options{MaxPacketsPerSecond: 1, RateBurst: 10 * time.Millisecond, PingInterval: time.Second, PingTimeout: time.Second}
	t.Run("websocket", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			f := newPipe(t, opts, nil)
			w, c := f.openSocket()
			w.discard()
			w.sendAll(texts(20, "4x")...)
			expectAfter(t, c, 18*time.Second, 17, 20)
			select {
			case <-c.ended:
				t.Fatalf("ended: %q", c.reasons())
			default:
			}
			begin := f.srv.now()
			expectEnd(t, c, PingTimeout)
			if d := f.srv.now() - begin; d > 5*time.Second {
				t.Errorf("the silent peer was given up after %v", d)
			}
		})
	})
	t.Run("polling", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			f := newPipe(t, opts, nil)
			query, c := f.open()
			posted := f.background("POST", query, "4x"+strings.Repeat("\x1e4x", 9))
			f.expect("GET", query, "", 200, "2")
			expectAfter(t, c, 7*time.Second, 7, 9)
			select {
			case <-c.ended:
				t.Fatalf("ended: %q", c.reasons())
			default:
			}
			if a := <-posted; a.status != 200 {
				t.Errorf("the POST was answered with %d", a.status)
			}
			if n := len(c.got()); n != 10 {
				t.Errorf("%d messages", n)
			}
		})
	})
}

// TestDelaysEndWithTheSession checks that nothing waits for a delay when the session closes.
func TestDelaysEndWithTheSession(t *testing.T) {
	for name, end := range map[string]func(*Session){
		"abort": func(s *Session) { s.Abort(ForcedClose) },
		"close": func(s *Session) { s.Close(ForcedClose) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newPipe(t, Options{MaxBytesPerSecond: 1, RateBurst: 10 * time.Millisecond}, nil)
				w, c := f.openSocket()
				w.sendAll(append(texts(2, "4"+strings.Repeat("x", 100)), frame{0x88, false, ""})...)
				expectAfter(t, c, time.Second, 1, 1)
				w.discard()
				end(c.s)
				before := f.srv.now()
				expectEnd(t, c, ForcedClose)
				if d := f.srv.now() - before; d > time.Second {
					t.Errorf("the end took %v", d)
				}
			})
		})
	}
}

// TestCloseAboveRate checks the reason, the close code, the answer to a POST and the log.
func TestCloseAboveRate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log logBuffer
		f := newPipe(t, Options{MaxPacketsPerSecond: 10, RateBurst: 500 * time.Millisecond, CloseAboveRate: true, Logger: log.logger()}, nil)
		w, c := f.openSocket()
		w.sendAll(texts(40, "4x")...)
		w.expect("close 1008")
		expectEnd(t, c, RateExceeded)
		if n := len(c.got()); n < 5 || n > 6 {
			t.Errorf("%d messages, want those of the burst", n)
		}
		query, c := f.open()
		if a := f.must("POST", query, "4x"+strings.Repeat("\x1e4x", 9)); a.status != 429 {
			t.Errorf("the POST was answered with %d", a.status)
		}
		expectEnd(t, c, RateExceeded)
		if n := f.srv.Stats().Closed[RateExceeded]; n != 2 {
			t.Errorf("%d sessions closed", n)
		}
		if n := strings.Count(log.String(), "level=WARN"); n != 1 {
			t.Errorf("logged %d times, want once: %s", n, log.String())
		}
	})
}

// TestRateOfPosts checks that the packets of a POST are delayed too, and with them its answer.
func TestRateOfPosts(t *testing.T) {
	for _, eio3 := range []bool{false, true} {
		t.Run(fmt.Sprint("EIO3 ", eio3), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				opts := withLegacy()
				opts.MaxPacketsPerSecond, opts.RateBurst = 10, 500*time.Millisecond
				f := newPipe(t, opts, nil)
				query, c := "", (*recorder)(nil)
				body := "4x" + strings.Repeat("\x1e4x", 29)
				if eio3 {
					query, c = f.openLegacy("")
					body = strings.Repeat("2:4x", 30)
				} else {
					query, c = f.open("X-Peer", "me")
				}
				before := f.srv.now()
				if a := f.must("POST", query, body, "X-Peer", "me"); a.status != 200 {
					t.Errorf("%d %s", a.status, a.body)
				}
				if d := f.srv.now() - before; d < 2400*time.Millisecond || d > 2700*time.Millisecond {
					t.Errorf("30 packets took %v", d)
				}
				if n := len(c.got()); n != 30 {
					t.Errorf("%d messages", n)
				}
			})
		})
	}
}

// TestNoRateCostsNothing checks that a session keeps nothing if its rate is not bounded.
func TestNoRateCostsNothing(t *testing.T) {
	f := newTCP(t, Options{}, nil)
	w, c := f.openSocket()
	c.echo()
	w.write("4x")
	w.expect("4x")
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.s.traffic != nil {
		t.Error("the session counts what its peer sends")
	}
}

// TestRateOfCompressedMessages checks that what was compressed counts with its own size.
func TestRateOfCompressedMessages(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{PerMessageDeflate: true, MaxBytesPerSecond: 10_000, RateBurst: time.Second}, nil)
		w, c := f.startDeflate(socketQuery)
		w.sendAll(slices.Repeat([]frame{{0xc1, false, compressed("4" + strings.Repeat("x", 10_000))}}, 3)...)
		expectAfter(t, c, 0, 1, 2)
		expectAfter(t, c, 3*time.Second, 3, 3)
	})
}
