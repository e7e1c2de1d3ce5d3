package engineio

import (
	"crypto/tls"
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
			f.srv.linger = lingerTimeout // not all peers close their ends
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
// has failed, that sessions end that are opened before and after that, and that the failure is logged.
func TestSharedWaitThatFails(t *testing.T) {
	var logged logBuffer
	f := newShared(t, Options{PingInterval: time.Hour, Logger: logged.logger()}, echoing)
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
	if got := logged.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `level=ERROR msg="engineio: shared wait failed; WebSockets wait in goroutines of their own" error=`) {
		t.Errorf("logged %q, want one line with the error", got)
	}
}

// TestSharedWaitByTLS checks that WebSockets by TLS that are idle have no goroutines, and that they are no longer watched
// after their end.
func TestSharedWaitByTLS(t *testing.T) {
	f := newTLS(t, Options{PingInterval: time.Hour, SharedWait: true}, nil)
	const n = 30
	before := runtime.NumGoroutine()
	sockets, sessions := make([]*secureSocket, n), make([]*recorder, n)
	for i := range n {
		sockets[i], sessions[i] = f.openSecure(tls.VersionTLS13)
	}
	var got []string
	for i := range 3 {
		got = append(got, strings.Repeat("x", i))
		for j, w := range sockets {
			w.send(w.records("", got[i]))
			expectMessages(t, sessions[j], got...)
		}
		f.expectWatched(n)
		waitFor(t, func() bool { return runtime.NumGoroutine()-before <= mostIdleHands+10 })
	}
	for i, c := range sessions {
		if i%2 == 0 {
			c.s.Abort("aborted")
			expectEnd(t, c, "aborted")
		} else {
			sockets[i].below.Conn.Close()
			expectEnd(t, c, TransportClose)
		}
	}
	f.expectNoSessions()
	f.expectWatched(0)
	waitFor(t, func() bool { return f.srv.Stats().Goroutines == 0 })
}

// TestSharedWaitByTLSThatFails checks that sessions by TLS go on, each with a goroutine, if the one for all of them has
// failed, and that they end.
func TestSharedWaitByTLSThatFails(t *testing.T) {
	var logged logBuffer
	f := newTLS(t, Options{PingInterval: time.Hour, SharedWait: true, Logger: logged.logger()}, nil)
	w1, c1 := f.openSecure(tls.VersionTLS13)
	f.expectWatched(1)
	_ = f.srv.shared.file.Close() // makes the wait fail
	f.expectWatched(0)
	w2, c2 := f.openSecure(tls.VersionTLS13)
	for _, w := range []*secureSocket{w1, w2} {
		w.send(w.records("", "one"))
	}
	expectMessages(t, c1, "one")
	expectMessages(t, c2, "one")
	w1.send(w1.records("", "two"))
	expectMessages(t, c1, "one", "two")
	for _, c := range []*recorder{c1, c2} {
		c.s.Abort("aborted")
		expectEnd(t, c, "aborted")
	}
	f.expectNoSessions()
	waitFor(t, func() bool { return f.srv.Stats().Goroutines == 0 })
	if got := logged.String(); strings.Count(got, "shared wait failed") != 1 {
		t.Errorf("logged %q, want one line about it", got)
	}
}

// TestSharedWaitOfReusedDescriptor checks that a session by TLS ends if the program has closed its connection, and another
// connection has got the descriptor.
func TestSharedWaitOfReusedDescriptor(t *testing.T) {
	f := newTLS(t, Options{PingInterval: time.Hour, SharedWait: true}, nil)
	_, c := f.openSecure(tls.VersionTLS13)
	f.expectWatched(1)
	waitFor(t, func() bool { return f.watched()[0].state.Load() == pollResting })
	secure := f.watched()[0].ws.in.secure
	blocking, _ := detached(t, new(sharedWait))
	_ = secure.conn.NetConn().Close()
	if err := syscall.Dup3(int(blocking.fd), int(secure.fd), syscall.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	other := &fdConn{shared: &f.srv.shared, fd: secure.fd}
	startedWatch(other)
	expectEnd(t, c, TransportClose)
	f.expectNoSessions()
	f.expectWatched(1)
	_ = other.Close()
	f.expectWatched(0)
}

// TestSharedWaitOfBrokenInstance checks that an error of the system is not taken for the absence of events.
func TestSharedWaitOfBrokenInstance(t *testing.T) {
	f := openFile(t)
	if err := new(sharedWait).takeEvents(f.Fd()); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("%v, want an error", err)
	}
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

// TestSharedWaitThatIsRefused checks that a connection is not watched that the system does not register, that the reason is
// reported, and that the connection ends if a goroutine cannot wait for it either. A file of the file system is such a one.
func TestSharedWaitThatIsRefused(t *testing.T) {
	var reported error
	w := &sharedWait{failure: func(err error) { reported = err }}
	fd, err := syscall.Dup(int(openFile(t).Fd()))
	if err != nil {
		t.Fatal(err)
	}
	c := &fdConn{shared: w, fd: int32(fd)}
	p := startedWatch(c)
	if !errors.Is(reported, syscall.EPERM) {
		t.Errorf("reported %v, want EPERM", reported)
	}
	if w.watched != 0 || w.file != nil || w.table != nil {
		t.Errorf("still in the table: %d, %v", w.watched, w.file)
	}
	waitFor(t, func() bool { return p.endOfWatch() != nil })
	if err := errors.Join(p.endOfWatch(), c.Close()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v, want the end of the connection", err)
	}
}

// openFile opens a file of the file system.
func openFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
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
