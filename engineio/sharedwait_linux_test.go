package engineio

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// expectWatched waits until n WebSockets are watched.
func (f *fixture) expectWatched(n int) {
	f.t.Helper()
	waitFor(f.t, func() bool { return len(f.watched()) == n })
}

// watched returns the WebSockets in the table.
func (f *fixture) watched() (all []*pollConn) {
	w := &f.srv.shared
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.table {
		if p != nil {
			all = append(all, p)
		}
	}
	if len(all) != w.watched {
		f.t.Errorf("%d in the table, counted %d", len(all), w.watched)
	}
	return all
}

func echoing(c *recorder, _ *http.Request) Conn { c.echo(); return c }

func TestSharedWaitNeedsNoGoroutines(t *testing.T) {
	f := newShared(t, Options{PingInterval: time.Hour}, echoing)
	const n = 100
	before := runtime.NumGoroutine()
	sockets := make([]*socket, n)
	for i := range sockets {
		sockets[i], _ = f.openSocket()
	}
	query, _ := f.open()
	upgraded := f.upgrade(query)
	sockets = append(sockets, upgraded)
	for range 3 {
		for _, w := range sockets {
			w.write("4a")
		}
		for _, w := range sockets {
			w.expect("4a")
		}
		f.expectWatched(n + 1)
		waitFor(t, func() bool { return runtime.NumGoroutine()-before <= mostIdleHands+10 })
	}
	for _, w := range sockets {
		w.close()
	}
	f.expectNoSessions()
	waitFor(t, func() bool {
		f.srv.shared.mu.Lock()
		defer f.srv.shared.mu.Unlock()
		return f.srv.shared.file == nil && f.srv.shared.watched == 0 && f.srv.shared.table == nil
	})
	next, _ := f.openSocket() // starts another goroutine
	next.write("4b")
	next.expect("4b")
	f.expectWatched(1)
}

// TestSharedWaitEnds checks each way in which a session ends that is watched.
func TestSharedWaitEnds(t *testing.T) {
	for name, end := range map[string]func(w *socket, s *Session) Reason{
		"abort": func(_ *socket, s *Session) Reason { s.Abort("aborted"); return "aborted" },
		"close": func(_ *socket, s *Session) Reason { s.Close(ForcedClose); return ForcedClose },
		"peer":  func(w *socket, _ *Session) Reason { w.close(); return TransportClose },
		"reset": func(w *socket, _ *Session) Reason {
			_ = w.r.in.conn.(*net.TCPConn).SetLinger(0)
			w.close()
			return TransportClose
		},
		"slow":      func(_ *socket, s *Session) Reason { sendUntilSlow(s); return SlowPeer },
		"heartbeat": func(*socket, *Session) Reason { return PingTimeout },
	} {
		t.Run(name, func(t *testing.T) {
			opts := Options{PingInterval: time.Hour, MaxOutbound: 10_000}
			if name == "heartbeat" {
				opts.PingInterval, opts.PingTimeout = 50*time.Millisecond, 50*time.Millisecond
			}
			f := newShared(t, opts, nil)
			w, c := f.openSocket()
			if name != "heartbeat" {
				f.expectWatched(1)
			}
			expectEnd(t, c, end(w, c.s))
			f.expectNoSessions()
			f.expectWatched(0)
			waitFor(t, func() bool { return f.srv.Stats().Goroutines == 0 })
		})
	}
}

// sendUntilSlow sends until the queue is full, because the peer does not read.
func sendUntilSlow(s *Session) {
	m := NewMessage(make([]byte, 9000))
	for s.Send(m) == nil {
	}
}

// TestSharedWaitRaces ends sessions while their readers rest. None may be left.
func TestSharedWaitRaces(t *testing.T) {
	f := newShared(t, Options{PingInterval: time.Hour}, nil)
	var ended sync.WaitGroup
	for i := range 200 {
		w, c := f.openSocket()
		ended.Go(func() {
			for range i % 7 {
				w.r.in.conn.Write(wire(frame{0x81, false, "4a"}))
			}
			c.s.Abort("aborted")
			expectEnd(t, c, "aborted")
			_ = w.r.in.conn.SetReadDeadline(time.Now().Add(time.Minute))
			if _, err := io.Copy(io.Discard, w.r.in.conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection is still open")
			}
		})
	}
	ended.Wait()
	f.expectNoSessions()
	f.expectWatched(0)
	waitFor(t, func() bool { return f.srv.Stats().Goroutines == 0 })
	waitFor(t, func() bool { _, sockets := idleHands(&f.srv.hands); return sockets == 0 })
}

// TestSharedWaitOfStrayEvent checks that an event for a descriptor with nothing to read does no harm.
func TestSharedWaitOfStrayEvent(t *testing.T) {
	f := newShared(t, Options{PingInterval: time.Hour}, echoing)
	w, c := f.openSocket()
	f.expectWatched(1)
	p := f.watched()[0]
	for range 100 {
		p.arrived()
	}
	if p := f.srv.shared.at(1 << 20); p != nil {
		t.Errorf("%v for a descriptor that was never watched", p)
	}
	expectAlive(t, c)
	for range 3 {
		w.write("4a")
		w.expect("4a")
	}
	waitFor(t, func() bool { return p.state.Load() == pollResting })
}

// TestSharedWaitThatFails checks that sessions go on, each with a goroutine, if the one for all of them
// has failed, and that sessions end that are opened before and after that.
func TestSharedWaitThatFails(t *testing.T) {
	f := newShared(t, Options{PingInterval: time.Hour}, echoing)
	w1, c1 := f.openSocket()
	f.expectWatched(1)
	_ = f.srv.shared.file.Close() // makes the wait fail
	f.expectWatched(0)
	w2, c2 := f.openSocket()
	for _, w := range []*socket{w1, w2} {
		for range 3 {
			w.write("4a")
			w.expect("4a")
		}
	}
	for _, c := range []*recorder{c1, c2} {
		c.s.Abort("aborted")
		expectEnd(t, c, "aborted")
	}
	f.expectNoSessions()
	waitFor(t, func() bool { return f.srv.Stats().Goroutines == 0 })
}

// TestSharedWaitForParts checks messages that come in parts, and a peer that takes them late.
func TestSharedWaitForParts(t *testing.T) {
	f := newShared(t, Options{PingInterval: time.Hour}, echoing)
	w, c := f.openSocket()
	text := "4" + strings.Repeat("x", 300_000)
	message := wire(frame{0x81, false, text})
	for _, cut := range []int{1, 3, 10, 5000, 200_000} {
		w.raw(message[:cut])
		time.Sleep(time.Millisecond)
		w.raw(message[cut:])
		w.expect(text)
	}
	m := NewMessage(make([]byte, 1<<20))
	for range 4 {
		if err := c.s.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	for range 4 {
		if got := w.read(); len(got) != 1+1<<20 {
			t.Fatalf("%d bytes", len(got))
		}
	}
	w.write("4a")
	w.expect("4a")
	f.expectWatched(1)
}

// detached returns an fdConn and its peer.
func detached(t *testing.T, w *sharedWait) (*fdConn, net.Conn) {
	t.Helper()
	ours, theirs := tcpPair(t)
	w.enabled = true
	c, ok := w.detach(ours).(*fdConn)
	if !ok {
		t.Fatal("not detached")
	}
	if err := ours.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the connection that it replaces: %v, want it closed", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, theirs
}

// watchedBy returns a pollConn for c that a goroutine of the test reads.
func watchedBy(t *testing.T, c *fdConn) *pollConn {
	t.Helper()
	p := newPollConn(c)
	p.ws = new(webSocket)
	if !c.watch(p) {
		t.Fatal("not watched")
	}
	return p
}

// TestFDConnOfWhatWasBefore checks that a watch reports what has happened before it began.
func TestFDConnOfWhatWasBefore(t *testing.T) {
	for name, before := range map[string]struct {
		do  func(c *fdConn, theirs net.Conn)
		err error
	}{
		"bytes": {func(_ *fdConn, theirs net.Conn) { _, _ = theirs.Write([]byte("a")) }, nil},
		"end":   {func(_ *fdConn, theirs net.Conn) { _ = theirs.Close() }, nil},
		"abort": {func(c *fdConn, _ net.Conn) { _ = c.SetDeadline(longAgo) }, os.ErrDeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			c, theirs := detached(t, new(sharedWait))
			before.do(c, theirs)
			p := watchedBy(t, c)
			expectReadable(t, p)
			if err := p.endOfWatch(); err != before.err {
				t.Errorf("%v, want %v", err, before.err)
			}
		})
	}
}

// expectReadable waits until an event has reached p.
func expectReadable(t *testing.T, p *pollConn) {
	t.Helper()
	waitFor(t, func() bool { return p.state.Load() == pollReadable })
}

// TestFDConnsInTurn checks that connections are watched that get the descriptors of earlier ones.
func TestFDConnsInTurn(t *testing.T) {
	w := new(sharedWait)
	first, _ := detached(t, w)
	watchedBy(t, first) // stays, and with it the goroutine
	for i := range 100 {
		c, theirs := detached(t, w)
		p := watchedBy(t, c)
		if _, err := theirs.Write([]byte("a")); err != nil {
			t.Fatal(err)
		}
		expectReadable(t, p)
		if i%2 == 0 {
			_ = c.SetDeadline(longAgo)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if w.watched != 1 {
		t.Errorf("%d connections are watched, want 1", w.watched)
	}
}

// TestSharedWaitThatIsRefused checks that a connection is not watched that the system does not register. A
// file of the file system is such a one.
func TestSharedWaitThatIsRefused(t *testing.T) {
	f, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, p := new(sharedWait), new(pollConn)
	if w.add(int(f.Fd()), p) {
		t.Error("a file is watched")
	}
	if w.watched != 0 || w.file != nil || w.table != nil {
		t.Errorf("still in the table: %d, %v", w.watched, w.file)
	}
}

// TestReaderDoesNotRestAfterAnEvent checks that a reader reads again if something has arrived since its last read began.
func TestReaderDoesNotRestAfterAnEvent(t *testing.T) {
	c, theirs := detached(t, new(sharedWait))
	p := watchedBy(t, c)
	var b [8]byte
	for range 3 {
		if n, err := p.read(b[:]); n != 0 || err != nil {
			t.Fatalf("%d bytes and %v, want nothing", n, err)
		}
		_, _ = theirs.Write([]byte("a"))
		expectReadable(t, p)
		if p.rest() {
			t.Fatal("it rests, and misses a byte")
		}
		if n, err := p.read(b[:]); n != 1 || err != nil {
			t.Fatalf("%d bytes and %v, want one", n, err)
		}
	}
}

// TestSharedWaitTakesAllEvents checks more events at once than the goroutine takes with one call.
func TestSharedWaitTakesAllEvents(t *testing.T) {
	w := new(sharedWait)
	blocking, peer := detached(t, w)
	p := newPollConn(blocking)
	p.ws, p.wake = new(webSocket), make(chan struct{}) // without room, so that its event blocks the goroutine
	p.state.Store(pollWaiting)
	if !blocking.watch(p) {
		t.Fatal("not watched")
	}
	_, _ = peer.Write([]byte("a"))
	waitFor(t, func() bool { return p.state.Load() == pollReading })
	var all []*pollConn
	for range 3*mostEvents + 1 {
		c, theirs := detached(t, w)
		all = append(all, watchedBy(t, c))
		_, _ = theirs.Write([]byte("a"))
	}
	<-p.wake
	for _, p := range all {
		expectReadable(t, p)
	}
}

// TestFDConnEndsItsWatch checks that the reader learns of the end of a watch, and that the goroutine ends with the last one.
func TestFDConnEndsItsWatch(t *testing.T) {
	for name, end := range map[string]struct {
		do  func(c *fdConn) error
		err error
	}{
		"SetDeadline":     {func(c *fdConn) error { return c.SetDeadline(longAgo) }, os.ErrDeadlineExceeded},
		"SetReadDeadline": {func(c *fdConn) error { return c.SetReadDeadline(longAgo) }, os.ErrDeadlineExceeded},
		"Close":           {(*fdConn).Close, net.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := detached(t, new(sharedWait))
			p := watchedBy(t, c)
			if err := end.do(c); err != nil {
				t.Fatal(err)
			}
			if _, err := p.read(make([]byte, 1)); !errors.Is(err, end.err) {
				t.Errorf("%v, want %v", err, end.err)
			}
			if w := c.shared; w.watched != 0 || w.file != nil || w.at(int(c.fd)) != nil {
				t.Errorf("still in the table: %d, %v", w.watched, w.file)
			}
		})
	}
}

// TestFDConnDeadlines checks that the deadlines for reading and for writing are two.
func TestFDConnDeadlines(t *testing.T) {
	for _, waits := range []bool{false, true} {
		c, theirs := detached(t, new(sharedWait))
		if waits {
			c.waitable()
		}
		raw, _ := c.SyscallConn()
		if err := errors.Join(c.SetReadDeadline(longAgo), c.SetWriteDeadline(time.Now().Add(time.Hour))); err != nil {
			t.Fatal(err)
		}
		if err := raw.Read(nil); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		if _, err := c.Write([]byte("a")); err != nil {
			t.Errorf("write: %v", err)
		}
		if err := errors.Join(c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(longAgo)); err != nil {
			t.Fatal(err)
		}
		if err := raw.Write(nil); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write: %v", err)
		}
		if _, err := theirs.Write([]byte("b")); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("read: %d, %v", n, err)
		}
	}
}

// TestFDConnClosesLast checks that the descriptor is not closed, and so not given to another
// connection, while a call uses it.
func TestFDConnClosesLast(t *testing.T) {
	for _, waits := range []bool{false, true} {
		c, theirs := detached(t, new(sharedWait))
		raw, _ := c.SyscallConn()
		err := raw.Control(func(fd uintptr) {
			if waits {
				c.waitable()
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			if _, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_TYPE); err != nil {
				t.Errorf("during a call: %v", err)
			}
		})
		if err != nil {
			t.Error(err)
		}
		if _, err := theirs.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("after the call: %v, want EOF", err)
		}
		for name, err := range map[string]error{
			"Close": c.Close(), "Control": raw.Control(nil), "Read": raw.Read(nil), "Write": raw.Write(nil),
			"SetDeadline": c.SetDeadline(time.Time{}), "CloseWrite": c.CloseWrite(),
		} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s after Close: %v", name, err)
			}
		}
	}
}

// TestFDConnThatIsClosedDoesNotWait checks a call that has begun before Close, and then waits.
func TestFDConnThatIsClosedDoesNotWait(t *testing.T) {
	c, _ := detached(t, new(sharedWait))
	if err := c.begin(); err != nil {
		t.Fatal(err)
	}
	defer c.end()
	_ = c.Close()
	if _, err := c.waitable().Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// TestFDConnStopsWaiting checks that Close and a deadline in the past end a call that waits or
// begins to.
func TestFDConnStopsWaiting(t *testing.T) {
	for name, stop := range map[string]func(*fdConn){
		"Close":       func(c *fdConn) { _ = c.Close() },
		"SetDeadline": func(c *fdConn) { _ = c.SetDeadline(longAgo) },
	} {
		t.Run(name, func(t *testing.T) {
			for i := range 100 {
				c, _ := detached(t, new(sharedWait))
				done := make(chan error)
				go func() {
					raw, _ := c.SyscallConn()
					done <- raw.Read(func(uintptr) bool { return false })
				}()
				if i%2 == 0 {
					waitFor(t, func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.file != nil })
				}
				stop(c)
				if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, net.ErrClosed) {
					t.Errorf("%v", err)
				}
			}
		})
	}
}
