package engineio

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

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

// Queues whose lists come from one pool keep their own bytes in order, also when others are dropped.
func TestQueuesDoNotMix(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	queues := make([]*webSocket, 4)
	want := make([][]byte, len(queues))
	for i := range queues {
		queues[i] = newWebSocket(&Session{srv: new(Server)}, nil, nil, codec4{}, 0)
	}
	for step := range 10_000 {
		i := random.IntN(len(queues))
		ws := queues[i]
		taken := func(frames []byte) {
			if !bytes.HasPrefix(want[i], frames) {
				t.Fatalf("step %d: queue %d has %.50q at its beginning, want %.50q", step, i, frames, want[i])
			}
			want[i] = want[i][len(frames):]
		}
		switch what := random.IntN(16); {
		case what == 0:
			ws.drop()
			want[i] = nil
		case what == 1:
			batch, size := ws.batch()
			for _, frames := range batch {
				taken(frames)
			}
			ws.setQueued(ws.queued - size)
		case what <= 6 && ws.pending():
			frames := ws.shift()
			if written := random.IntN(2 * len(frames)); written < len(frames) { // others queue while a part is written
				ws.push([]byte("meanwhile"))
				want[i] = append(want[i], "meanwhile"...)
				ws.unshift(frames[written:])
				frames = frames[:written]
			}
			taken(frames)
		default:
			frames := fmt.Appendf(nil, "%d of %d, ", step, i)
			if random.IntN(200) == 0 {
				frames = append(frames, make([]byte, maxBatch)...)
			}
			ws.push(frames)
			want[i] = append(want[i], frames...)
		}
		for i, ws := range queues {
			got := bytes.Clone(ws.first)
			if ws.more != nil {
				got = append(got, bytes.Join(ws.more.frames[ws.more.taken:], nil)...)
			}
			if !bytes.Equal(got, want[i]) {
				t.Fatalf("step %d: queue %d has %.50q of %d bytes, want %.50q of %d", step, i, got, len(got), want[i], len(want[i]))
			}
			if listed := ws.more != nil; listed != (ws.waiting() > 1) {
				t.Fatalf("step %d: queue %d has %d frames, and has a list: %t", step, i, ws.waiting(), listed)
			}
			if counted := len(got) + 40*ws.waiting(); ws.queued != counted {
				t.Fatalf("step %d: queue %d counts %d bytes, want %d", step, i, ws.queued, counted)
			}
		}
	}
}

// The memory of a queue that is never empty follows its length. Otherwise slow peers keep more than their queues count.
func TestQueueShrinks(t *testing.T) {
	ws := newWebSocket(&Session{srv: new(Server)}, nil, nil, codec4{}, 0)
	for range 10_000 {
		ws.push([]byte("frame"))
	}
	for range 9_900 {
		ws.shift()
	}
	for range 10_000 {
		ws.push([]byte("frame"))
		ws.shift()
	}
	if n := cap(ws.more.frames); n > 1000 {
		t.Errorf("the list has room for %d frames, and has %d", n, ws.waiting())
	}
}
