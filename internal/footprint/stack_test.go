//go:build unix && !race

package footprint_test

import (
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// mostStackToOpen is how many bytes of stack opening a WebSocket may take, from where net/http
// announces a request to where it takes the deadline for reading from a connection that is being
// hijacked, which is the deepest call. The stack of net/http's goroutine has 4 KiB by then. If they do
// not suffice, it is copied (docs/adr/0071-cpu-of-a-connection.md).
const mostStackToOpen = 1600

// TestStackToOpenAConnection measures the distance of two variables on the stack.
func TestStackToOpenAConnection(t *testing.T) {
	handler, sign := admitting(t)
	var top, bottom atomic.Uintptr // of the request that is being served
	web := &http.Server{Handler: handler, ConnState: func(_ net.Conn, state http.ConnState) {
		var here byte
		if state == http.StateActive {
			top.Store(uintptr(unsafe.Pointer(&here)))
		}
	}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = web.Serve(stackListener{listener, &bottom}) }()
	t.Cleanup(func() { _ = web.Close() })
	least := ^uintptr(0)
	for range 10 { // the first one does what is done once, and the runtime may collect garbage on any stack
		fd := admitted(t, listener.Addr().String(), sign(map[string]any{"sub": "user"}))
		least = min(least, top.Load()-bottom.Load())
		_ = syscall.Close(fd)
	}
	t.Logf("%d B of stack", least)
	if least > mostStackToOpen { // or the stack was copied meanwhile
		t.Errorf("opening a WebSocket takes %d B of stack, want at most %d", least, mostStackToOpen)
	}
}

// stackListener accepts connections that store where the stack is when a deadline for reading is set.
type stackListener struct {
	net.Listener
	at *atomic.Uintptr
}

func (l stackListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return stackConn{conn, l.at}, err
}

type stackConn struct {
	net.Conn
	at *atomic.Uintptr
}

func (c stackConn) SetReadDeadline(t time.Time) error {
	var here byte
	c.at.Store(uintptr(unsafe.Pointer(&here)))
	return c.Conn.SetReadDeadline(t)
}
