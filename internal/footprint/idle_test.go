//go:build unix && !race

package footprint_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"socketiojwt/auth"
	"socketiojwt/auth/authtest"
	"socketiojwt/engineio"
	"socketiojwt/socketio"
)

// What an idle connection may cost whose socket was admitted with a token, in bytes and objects
// of heap and in bytes of stack, and how many allocations it may take to open one, at both ends.
// Resident memory is about twice the sum, because the garbage collector lets both double. The
// bounds are 5 to 10 % above what was measured. Raise them only for a reason that is worth it: the
// lists of docs/adr/0068-what-an-idle-connection-keeps.md say what each part costs. A stack has
// 2 KiB or 4 KiB, and a few free ones are counted too.
const (
	mostHeapOfIdle        = 2600
	mostObjectsOfIdle     = 28
	mostStackOfIdle       = 2600
	mostAllocationsToOpen = 174

	// The same with Options.SharedWait (docs/adr/0070-readiness-without-a-goroutine.md).
	mostHeapOfShared    = 1900
	mostObjectsOfShared = 22
	mostStackOfShared   = 600
)

// sharedWait is the environment variable with which TestIdleConnection uses Options.SharedWait.
const sharedWait = "FOOTPRINT_SHARED_WAIT"

// TestIdleConnection opens connections over TCP. Their other ends are file descriptors, which
// cost no Go memory. The only test of a process, it finds no free goroutines and stacks that
// other tests have left and that would not be counted.
func TestIdleConnection(t *testing.T) {
	addr, sign := serve(t)
	const warm, n = 100, 500
	var tokens [warm + n]string
	for i := range tokens {
		tokens[i] = sign(map[string]any{"sub": fmt.Sprintf("user-%06d", i), "jti": fmt.Sprintf("%016d", i), "name": "An Idle User", "email": "idle@example.com"})
	}
	files := make([]int, 0, len(tokens))
	t.Cleanup(func() {
		for _, fd := range files {
			_ = syscall.Close(fd)
		}
	})

	open := func(tokens []string) runtime.MemStats {
		t.Helper()
		for _, compact := range tokens {
			files = append(files, admitted(t, addr, compact))
		}
		runtime.GC()
		runtime.GC() // pools keep their objects for one collection
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m
	}
	before, after := open(tokens[:warm]), open(tokens[warm:])
	each := func(before, after uint64) int { return int(int64(after-before) / n) }
	heap, stack, allocations := each(before.HeapAlloc, after.HeapAlloc), each(before.StackInuse, after.StackInuse), each(before.Mallocs, after.Mallocs)
	objects := each(before.HeapObjects, after.HeapObjects)
	t.Logf("%d B of heap in %d objects, %d B of stack, %d allocations", heap, objects, stack, allocations)
	mostHeap, mostObjects, mostStack := mostHeapOfIdle, mostObjectsOfIdle, mostStackOfIdle
	if os.Getenv(sharedWait) != "" {
		mostHeap, mostObjects, mostStack = mostHeapOfShared, mostObjectsOfShared, mostStackOfShared
	}
	if heap > mostHeap || objects > mostObjects || stack > mostStack || allocations > mostAllocationsToOpen {
		t.Errorf("an idle connection costs %d B of heap in %d objects, %d B of stack and %d allocations, want at most %d in %d, %d and %d",
			heap, objects, stack, allocations, mostHeap, mostObjects, mostStack, mostAllocationsToOpen)
	}
}

// serve serves sockets with a token until the test ends. It returns the address of the server, and
// a function that signs tokens.
func serve(t testing.TB) (addr string, sign func(claims map[string]any) string) {
	t.Helper()
	handler, sign := admitting(t)
	web := httptest.NewServer(handler)
	t.Cleanup(web.Close)
	return web.Listener.Addr().String(), sign
}

// admitting returns the handler of a server that admits sockets with a token, and a function that
// signs tokens. The server is closed when the test ends.
func admitting(t testing.TB) (handler http.Handler, sign func(claims map[string]any) string) {
	t.Helper()
	srv, err := socketio.NewServer(socketio.Options{Engine: engineio.Options{MaxNewPerAddress: -1, SharedWait: os.Getenv(sharedWait) != ""}})
	if err != nil {
		t.Fatal(err)
	}
	gate, sign := authtest.NewGate(t, auth.Options{})
	srv.Use(gate.Handshake)
	srv.Handle("ask", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error { return e.Ack() })
	handler, err = srv.Handler()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	return handler, sign
}

// admitted opens a connection, and returns the file descriptor of its other end when the
// socket is admitted.
func admitted(t testing.TB, addr, compact string) int {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	connect := `40{"token":"` + compact + `"}`
	frame := append([]byte{0x81, 0x80 | 126, byte(len(connect) >> 8), byte(len(connect)), 0, 0, 0, 0}, connect...) // masked by zeros
	_, err = fmt.Fprintf(conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", addr)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	for line := "-"; strings.TrimSpace(line) != ""; {
		if line, err = in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Write(frame); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"0{", "40{"} { // Engine.IO's open packet, and CONNECT
		var head [2]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			t.Fatal(err)
		}
		text := make([]byte, head[1])
		if _, err := io.ReadFull(in, text); err != nil || !strings.HasPrefix(string(text), want) {
			t.Fatalf("got %q and %v, want a packet that begins with %s", text, err, want)
		}
	}
	f, err := conn.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Dup(int(f.Fd()))
	if err := errors.Join(err, f.Close(), conn.Close()); err != nil {
		t.Fatal(err)
	}
	return fd
}
