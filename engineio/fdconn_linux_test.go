package engineio

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// detached returns an fdConn and its peer.
func detached(t *testing.T, w *sharedWait) (*fdConn, net.Conn) {
	t.Helper()
	ours, theirs := tcpPair(t)
	w.enabled = true
	c, ok := w.detach(ours).(*fdConn)
	if !ok {
		t.Fatal("not detached")
	}
	if err := ours.Close(); !errors.Is(err, net.ErrClosed) || ours.RemoteAddr().String() != theirs.LocalAddr().String() {
		t.Errorf("the connection that it replaces: %v, %v, want it closed, with its address", err, ours.RemoteAddr())
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

// startedWatch returns a pollConn for c whose watch has begun.
func startedWatch(c *fdConn) *pollConn {
	ws := new(webSocket)
	ws.in.conn = c
	p := newPollConn(c)
	p.startWatch(ws, false)
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
		"close": {func(c *fdConn, _ net.Conn) { _ = c.Close() }, net.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			c, theirs := detached(t, new(sharedWait))
			before.do(c, theirs)
			p := startedWatch(c)
			expectReadable(t, p)
			if err := p.endOfWatch(); err != before.err {
				t.Errorf("%v, want %v", err, before.err)
			}
		})
	}
}

// TestFDConnEndsWhileItsWatchBegins checks that the end is seen, whatever step of watch it comes in.
func TestFDConnEndsWhileItsWatchBegins(t *testing.T) {
	w := new(sharedWait)
	for i := range 500 {
		c, _ := detached(t, w)
		go func() {
			for range i % 61 {
				runtime.Gosched()
			}
			if i%2 == 0 {
				_ = c.Close()
			} else {
				_ = c.SetDeadline(longAgo)
			}
		}()
		p := startedWatch(c)
		waitFor(t, func() bool { return p.endOfWatch() != nil })
		expectReadable(t, p)
		_ = c.Close()
	}
	if w.watched != 0 || w.file != nil {
		t.Errorf("still in the table: %d, %v", w.watched, w.file)
	}
}

// TestFDConnOfUnixSocket checks a connection by a unix socket, whose file stays.
func TestFDConnOfUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	theirs, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	ours, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	w := &sharedWait{enabled: true}
	c := w.detach(ours).(*fdConn)
	p := watchedBy(t, c)
	if _, err := theirs.Write([]byte("a")); err != nil {
		t.Fatal(err)
	}
	expectReadable(t, p)
	var b [2]byte
	if n, err := p.read(b[:]); n != 1 || err != nil {
		t.Errorf("read: %d, %v", n, err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := theirs.Read(b[:]); err != io.EOF {
		t.Errorf("after Close: %v, want EOF", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

// TestFDConnThatIsClosedIsNotWatched checks that a watch that begins after Close does not watch another connection, which has
// the same descriptor by then.
func TestFDConnThatIsClosedIsNotWatched(t *testing.T) {
	w := new(sharedWait)
	other, _ := detached(t, w)
	c, _ := detached(t, w)
	_ = c.Close()
	for fd := -1; fd < int(c.fd); { // the least one that is free
		var err error
		if fd, err = syscall.Dup(int(other.fd)); err != nil {
			t.Fatal(err)
		}
		defer syscall.Close(fd)
	}
	p := startedWatch(c)
	expectReadable(t, p)
	if err := p.endOfWatch(); err != net.ErrClosed || w.at(int(c.fd)) != nil {
		t.Errorf("%v, in the table: %v", err, w.at(int(c.fd)) != nil)
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
