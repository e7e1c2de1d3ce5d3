package engineio

import (
	"strings"
	"testing"
	"time"
)

// queued returns how many messages of a session wait.
func (c *recorder) queued() int {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return len(c.s.ws.queue)
}

// idle opens a session and waits until nothing is being written.
func (f *fixture) idle() (*socket, *recorder) {
	w, c := f.openSocket()
	if err := c.s.Flush(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	return w, c
}

// sends sends messages.
func sends(t *testing.T, c *recorder, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := c.s.Send(NewMessage([]byte(text))); err != nil {
			t.Errorf("Send: %v", err)
		}
	}
}

// Messages that are sent during a batch are written at its end, in order.
func TestBatch(t *testing.T) {
	f := newCorking(t)
	w, c := f.idle()
	f.srv.Batch(func() {
		sends(t, c, "a")
		f.srv.Batch(func() { sends(t, c, "b") })
		sends(t, c, "c")
		if n := c.queued(); n != 1 { // the end of the inner batch wrote the others
			t.Errorf("%d messages wait", n)
		}
		sends(t, c, "d", "e")
		if n := c.queued(); n != 3 {
			t.Errorf("%d messages wait", n)
		}
	})
	if n := c.queued(); n != 0 {
		t.Errorf("%d messages wait after the batch", n)
	}
	sends(t, c, "f")
	w.expect("4a", "4b", "4c", "4d", "4e", "4f")
}

// A batch that panics has an end, too.
func TestBatchThatPanics(t *testing.T) {
	f := newCorking(t)
	w, c := f.idle()
	func() {
		defer func() { _ = recover() }()
		f.srv.Batch(func() {
			sends(t, c, "a", "b")
			panic("oops")
		})
	}()
	w.expect("4a", "4b")
	sends(t, c, "c")
	if n := c.queued(); n != 0 {
		t.Errorf("%d messages wait", n)
	}
	w.expect("4c")
}

// A volatile message is not queued behind others, because then it would not be dropped.
func TestVolatileMessageOfABatch(t *testing.T) {
	f := newCorking(t)
	w, c := f.idle()
	f.srv.Batch(func() {
		sends(t, c, "a", "b")
		if err := c.s.SendVolatile(NewMessage([]byte("c"))); err != nil {
			t.Error(err)
		}
		if n := c.queued(); n != 0 {
			t.Errorf("%d messages wait", n)
		}
		w.expect("4a", "4b", "4c")
		sends(t, c, "d")
	})
	w.expect("4d")
}

// A batch does not make a peer count as slow that takes everything, however much it is.
func TestLargeBatch(t *testing.T) {
	for _, most := range []int{1000, 1 << 20} {
		f := newTCP(t, Options{MaxOutbound: most}, nil)
		w, c := f.idle()
		text := strings.Repeat("x", 700)
		f.srv.Batch(func() {
			for range 300 {
				sends(t, c, text)
				if size := c.queued() * queuedSize([]byte(text)); size > maxBatch {
					t.Fatalf("%d bytes wait", size)
				}
			}
		})
		for i := range 300 {
			if w.read() != "4"+text {
				t.Fatalf("message %d has not arrived", i+1)
			}
		}
	}
}

// If many sessions wait for the end of a batch, they are written to during the batch.
func TestBatchForManySessions(t *testing.T) {
	f := newCorking(t)
	var all []*recorder
	for range maxCorked + 1 {
		_, c := f.idle()
		all = append(all, c)
	}
	f.srv.Batch(func() {
		for i, c := range all {
			sends(t, c, "a")
			if n := c.queued(); i < maxCorked && n != 1 {
				t.Fatalf("%d messages of session %d wait", n, i)
			}
		}
		for _, c := range all[:maxCorked] {
			if err := c.s.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if n := all[maxCorked].queued(); n != 1 {
			t.Errorf("%d messages of the last session wait", n)
		}
	})
	if n := all[maxCorked].queued(); n != 0 {
		t.Errorf("%d messages wait after the batch", n)
	}
}

// A batch that takes long does not hold messages back.
func TestSlowBatch(t *testing.T) {
	f := newTCP(t, Options{}, nil)
	w, c := f.idle()
	f.srv.Batch(func() {
		for _, text := range []string{"a", "b"} {
			sends(t, c, text)
			w.expect("4" + text)
		}
	})
}

// newCorking returns a server whose batches hold messages back until they end.
func newCorking(t *testing.T) *fixture {
	f := newTCP(t, Options{}, nil)
	f.srv.corks.patience = time.Hour
	return f
}

// A session that closes during a batch writes first what was sent before.
func TestCloseDuringABatch(t *testing.T) {
	f := newCorking(t)
	w, c := f.idle()
	f.srv.Batch(func() {
		sends(t, c, "a")
		c.s.Close(ForcedClose)
	})
	w.expect("4a")
	if got := w.read(); !strings.HasPrefix(got, "close") {
		t.Errorf("got %q", got)
	}
}

// A session whose writer is owned by another goroutine, or that cannot be written to without waiting,
// does not wait for a batch.
func TestSessionsThatDoNotWaitForABatch(t *testing.T) {
	f := newCorking(t)
	_, c := f.idle()
	f.srv.Batch(func() {
		c.s.mu.Lock()
		defer c.s.mu.Unlock()
		c.s.ws.state = writerOwned
		if c.s.ws.cork() {
			t.Error("the batch took over the writer of another goroutine")
		}
		c.s.ws.state = writerIdle
	})
	f = newTLS(t, Options{}, nil)
	w, c := f.idle()
	f.srv.Batch(func() {
		sends(t, c, "a", "b")
		w.expect("4a", "4b")
	})
}

// A probe that arrives during a batch is answered at once: its transport is not the session's yet, and
// the batch would not find it at its end.
func TestProbeDuringABatch(t *testing.T) {
	f := newCorking(t)
	query, _ := f.open()
	w := f.socket(strings.Replace(query, "polling", "websocket", 1))
	f.srv.Batch(func() {
		w.write("2probe")
		w.expect("3probe")
	})
}
