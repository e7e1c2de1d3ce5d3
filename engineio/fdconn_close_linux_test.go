package engineio

import (
	"errors"
	"io"
	"math"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

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

// TestFDConnWithDistantDeadline checks that a deadline that no clock reaches does not count as passed.
func TestFDConnWithDistantDeadline(t *testing.T) {
	c, theirs := detached(t, new(sharedWait))
	if err := c.SetDeadline(time.Now().Add(math.MaxInt64)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("a")); err != nil {
		t.Error(err)
	}
	if _, err := theirs.Write([]byte("b")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
}
