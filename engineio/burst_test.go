package engineio

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The first message after a pause is written by its sender, and those that follow are left to a
// flusher, which writes them in order.
func TestBurst(t *testing.T) {
	f, release := newHeld(t, onTCP, Options{})
	w, c := f.idle()
	c.rest()
	sends(t, c, "a")
	expectQueued(t, c, 0)
	sends(t, c, "b", "c", "d")
	expectQueued(t, c, 3)
	release()
	expectQueued(t, c, 0)
	w.expect("4a", "4b", "4c", "4d")
	if _, c := f.idle(); c.s.listed != notListed {
		t.Error("a session is listed with its flusher that has nothing to write")
	}
}

// A flusher writes all that a session has queued with one write, and leaves no goroutine behind.
func TestBurstIsWrittenAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		w, c := f.openSocket()
		time.Sleep(time.Second)
		sends(t, c, "first")
		w.expect("4first")
		synctest.Wait() // the writer goroutine has ended
		before := f.srv.Stats()
		sends(t, c, "b", "c", "d")
		expectQueued(t, c, 3)
		synctest.Wait()
		var wire [64]byte
		if n, err := w.r.in.conn.Read(wire[:]); err != nil || n != 3*4 { // a pipe passes on one write at a time
			t.Errorf("read %d bytes, %v", n, err)
		}
		synctest.Wait()
		if after := f.srv.Stats(); after.Goroutines != before.Goroutines {
			t.Errorf("%d goroutines, before %d", after.Goroutines, before.Goroutines)
		}
		time.Sleep(time.Second)
		sends(t, c, "e")
		w.expect("4e")
	})
}

// An answer to the peer is written at once, with what is left to a flusher, unless the peer has sent more.
func TestAnswersAreNotLeftToAFlusher(t *testing.T) {
	f, _ := newHeld(t, onTCP, Options{})
	w, c := f.idle()
	answered := make(chan int, 3)
	c.onMessage = func(data []byte, _ bool) {
		sends(t, c, string(data))
		answered <- c.queued()
	}
	sends(t, c, "a", "b")
	expectQueued(t, c, 2)
	w.write("41")
	w.expect("4a", "4b", "41")
	if n := <-answered; n != 0 {
		t.Errorf("%d messages wait after an answer", n)
	}
	two := appendFrame(appendFrame(nil, clientSide, textFrame, "4", []byte("2")), clientSide, textFrame, "4", []byte("3"))
	w.raw(two)
	w.expect("42", "43")
	if n := <-answered; n != 1 {
		t.Errorf("%d messages wait after the first of two answers", n)
	}
}

// The sender of a broadcast writes only a few of its messages, and a message to one session does not wait
// behind the others.
func TestLargeBroadcast(t *testing.T) {
	f, release := newHeld(t, onTCP, Options{})
	type peer struct {
		w *socket
		c *recorder
	}
	var peers []peer
	for range 2 * maxDirect {
		w, c := f.idle()
		c.rest()
		peers = append(peers, peer{w, c})
	}
	f.srv.directs.Store(maxDirect - 2)
	m := NewMessage([]byte("m"))
	var waits []*recorder
	for _, p := range peers {
		if err := p.c.s.SendShared(m); err != nil {
			t.Fatal(err)
		}
		if p.c.queued() > 0 {
			waits = append(waits, p.c)
		}
	}
	if n := len(peers) - len(waits); n != 2 {
		t.Fatalf("the sender has written %d messages", n)
	}
	last := peers[slices.IndexFunc(peers, func(p peer) bool { return p.c == waits[len(waits)-1] })]
	sends(t, last.c, "own")
	last.w.expect("4m", "4own") // the sender takes the message of the broadcast with it
	release()
	for _, p := range peers {
		expectQueued(t, p.c, 0)
		if p.c != last.c {
			p.w.expect("4m")
		}
	}
}

// A volatile message is not left to a flusher, because then it would not be dropped.
func TestVolatileMessageOfABurst(t *testing.T) {
	f, _ := newHeld(t, onTCP, Options{})
	w, c := f.idle()
	sends(t, c, "a", "b")
	if err := c.s.SendVolatile(NewMessage([]byte("c"))); err != nil {
		t.Error(err)
	}
	expectQueued(t, c, 0)
	w.expect("4a", "4b", "4c")
}

// A peer by TLS that is not known to be slow gets volatile messages.
func TestVolatileMessageOfABurstByTLS(t *testing.T) {
	f, release := newHeld(t, onTLS, Options{})
	w, c := f.idle()
	sends(t, c, "a", "b")
	if err := c.s.SendVolatile(NewMessage([]byte("c"))); err != nil {
		t.Error(err)
	}
	release()
	w.expect("4a", "4b", "4c")
}

// A burst does not make a peer count as slow that takes everything, however much it is, and what waits is
// bounded.
func TestLargeBurst(t *testing.T) {
	for _, most := range []int{1000, 1 << 20} {
		f, release := newHeld(t, onTCP, Options{MaxOutbound: most})
		w, c := f.idle()
		text := strings.Repeat("x", 700)
		for range 300 {
			sends(t, c, text)
			if size := c.queued() * queuedSize([]byte(text)); size > maxBatch {
				t.Fatalf("%d bytes wait", size)
			}
		}
		release()
		for i := range 300 {
			if w.read() != "4"+text {
				t.Fatalf("message %d has not arrived", i+1)
			}
		}
	}
}

// A peer that takes nothing is slow, although a flusher writes to it.
func TestBurstToASlowPeer(t *testing.T) {
	f := newTCP(t, Options{MaxOutbound: 100_000}, nil)
	_, c := f.idle()
	m := NewMessage(bytes.Repeat([]byte("x"), 1000))
	var err error
	for range 1_000_000 {
		if err = c.s.SendShared(m); err != nil {
			break
		}
	}
	if err != ErrSlow {
		t.Errorf("got %v, want ErrSlow", err)
	}
	expectEnd(t, c, SlowPeer)
}

// A session that closes writes first what was left to a flusher. One that is aborted drops it.
func TestEndsDuringABurst(t *testing.T) {
	for _, how := range []string{"tcp", "tls"} {
		t.Run(how, func(t *testing.T) {
			serve := onTCP
			if how == "tls" {
				serve = onTLS
			}
			f, release := newHeld(t, serve, Options{})
			w, c := f.idle()
			sends(t, c, "a", "b")
			c.s.Close(ForcedClose)
			if err := c.s.Send(NewMessage([]byte("late"))); err != ErrClosed {
				t.Errorf("Send after Close: %v", err)
			}
			w.expect("4a", "4b", "close")

			w, c = f.idle()
			sends(t, c, "a", "b")
			c.s.Abort(ForcedClose)
			if got := w.read(); got != "close" && got != "end" {
				t.Errorf("after Abort: %q", got)
			}
			release()
		})
	}
}

// A pong is sent once for all pings that come during a burst, behind the messages.
func TestPingsDuringABurst(t *testing.T) {
	f, release := newHeld(t, onTCP, Options{})
	w, c := f.idle()
	got := make(chan string, 1)
	c.onMessage = func([]byte, bool) { close(got) }
	sends(t, c, "a", "b")
	var wire []byte
	for i := range 1000 {
		wire = appendFrame(wire, clientSide, pingFrame, "", fmt.Append(nil, i))
	}
	w.raw(appendFrame(wire, clientSide, textFrame, "4", []byte("done")))
	<-got
	release()
	pongs := ""
	for _, want := range []string{"4a", "4b"} {
		data, _, err := w.r.next(func(kind frameKind, payload []byte) { pongs += string(payload) })
		if err != nil || string(data) != want {
			t.Errorf("got %q, %v", data, err)
		}
	}
	c.rest()
	sends(t, c, "c")
	_, _, _ = w.r.next(func(kind frameKind, payload []byte) { pongs += string(payload) })
	if pongs != "999" {
		t.Errorf("got pongs %.20q", pongs)
	}
}

// Flush does not wait for a flusher.
func TestFlushDuringABurst(t *testing.T) {
	f, _ := newHeld(t, onTCP, Options{})
	w, c := f.idle()
	sends(t, c, "a", "b")
	if err := c.s.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	w.expect("4a", "4b")
}

// A session whose writer is owned by another goroutine is not left to a flusher.
func TestOwnedWriterIsNotLeftToAFlusher(t *testing.T) {
	f := newTCP(t, Options{}, nil)
	_, c := f.idle()
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.ws.state = writerOwned
	if c.s.ws.leave(c.s.srv.tick(), 1, true) {
		t.Error("the flusher took over the writer of another goroutine")
	}
	c.s.ws.state = writerIdle
}

// A probe is answered at once: its transport is not the session's yet, and the flusher would not find it.
func TestProbeDuringABurst(t *testing.T) {
	f, release := newHeld(t, onTCP, Options{})
	query, c := f.open()
	w := f.socket(strings.Replace(query, "polling", "websocket", 1))
	w.write("2probe")
	w.expect("3probe")
	release() // which has nothing to write; if the answer is still being written, a flusher gets what follows
	_ = c.s.Send(NewMessage([]byte("a")))
	w.write("5")
	w.expect("4a")
}
