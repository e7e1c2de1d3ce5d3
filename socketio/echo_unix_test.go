//go:build unix

package socketio_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"socketiojwt/internal/cputime"
	"socketiojwt/socketio"
)

// BenchmarkEcho is an event that the handler acknowledges with its argument, binary data. The peer is in the same process and
// allocates nothing. cpu-ns/op is the CPU time of both.
func BenchmarkEcho(b *testing.B) {
	for _, size := range []int{16, 64 << 10, 900 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			p := echoPeer(b)
			request, answers := binaryEcho(size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			before := cputime.Used()
			for b.Loop() {
				p.exchange(b, request, answers)
			}
			b.ReportMetric(float64(cputime.Used()-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// TestLongDataIsCopiedOnce checks what is allocated to receive a long attachment and to send it back: one buffer, which the handler
// gets, and none for other copies and for frames. The bound is larger, because pools drop buffers, most often with the race detector.
func TestLongDataIsCopiedOnce(t *testing.T) {
	const n, size = 100, 64 << 10
	p := echoPeer(t)
	request, answers := binaryEcho(size)
	p.exchange(t, request, answers)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		p.exchange(t, request, answers)
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) / n; got > 2*size {
		t.Errorf("%d bytes allocated to echo %d, want at most %d", got, size, 2*size)
	}
}

// framePeer is a peer that sends and reads frames without allocating anything.
type framePeer struct {
	net.Conn
	in *bufio.Reader
}

// binaryEcho returns the frames of an event with binary data, and the lengths of the frames that acknowledge it.
func binaryEcho(size int) (request []byte, answers []int) {
	request = maskedFrame(0x81, []byte(`451-0["echo",{"_placeholder":true,"num":0}]`))
	request = append(request, maskedFrame(0x82, bytes.Repeat([]byte{7}, size))...)
	return request, []int{len(`461-0[{"_placeholder":true,"num":0}]`), size}
}

// exchange sends a request and reads its answers.
func (p *framePeer) exchange(tb testing.TB, request []byte, answers []int) {
	tb.Helper()
	if _, err := p.Write(request); err != nil {
		tb.Fatal(err)
	}
	for _, want := range answers {
		n := p.discard(tb)
		if n == 1 { // a ping, in a long run
			if _, err := p.Write(maskedFrame(0x81, []byte("3"))); err != nil {
				tb.Fatal(err)
			}
			n = p.discard(tb)
		}
		if n != want {
			tb.Fatalf("a frame of %d bytes, want %d", n, want)
		}
	}
}

// echoPeer serves the event "echo" over TCP, and returns a peer whose socket is admitted.
func echoPeer(tb testing.TB) *framePeer {
	tb.Helper()
	return dialPeer(tb, serveEcho(tb, func(*socketio.Server) {}))
}

// serveEcho starts a server with a handler of the event "echo", and with those that more registers.
func serveEcho(tb testing.TB, more func(*socketio.Server)) *httptest.Server {
	tb.Helper()
	srv, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	srv.Open()
	srv.Handle("echo", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error { return e.Ack(e.Args()...) })
	more(srv)
	handler, err := srv.Handler()
	if err != nil {
		tb.Fatal(err)
	}
	web := httptest.NewServer(handler)
	tb.Cleanup(func() { _ = srv.Close(); web.Close() })
	return web
}

// dialPeer returns a peer by WebSocket whose socket is admitted.
func dialPeer(tb testing.TB, web *httptest.Server) *framePeer {
	tb.Helper()
	conn, err := net.Dial("tcp", web.Listener.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	if err != nil {
		tb.Fatal(err)
	}
	p := &framePeer{conn, bufio.NewReader(conn)}
	for line := "-"; strings.TrimSpace(line) != ""; {
		if line, err = p.in.ReadString('\n'); err != nil {
			tb.Fatal(err)
		}
	}
	p.discard(tb) // the open packet
	if _, err := conn.Write(maskedFrame(0x81, []byte("40"))); err != nil {
		tb.Fatal(err)
	}
	p.discard(tb)
	return p
}

// maskedFrame returns the frame of a client.
func maskedFrame(head byte, payload []byte) []byte {
	f := []byte{head}
	switch n := len(payload); {
	case n < 126:
		f = append(f, 0x80|byte(n))
	case n < 1<<16:
		f = binary.BigEndian.AppendUint16(append(f, 0x80|126), uint16(n))
	default:
		f = binary.BigEndian.AppendUint64(append(f, 0x80|127), uint64(n))
	}
	mask := [4]byte{1, 2, 3, 4}
	f = append(f, mask[:]...)
	for i, c := range payload {
		f = append(f, c^mask[i%4])
	}
	return f
}

// discard reads a frame of the server, and returns the length of its payload.
func (p *framePeer) discard(tb testing.TB) int {
	tb.Helper()
	read := func(n int) []byte {
		head, err := p.in.Peek(n)
		if err != nil {
			tb.Fatal(err)
		}
		_, _ = p.in.Discard(n)
		return head
	}
	n := int(read(2)[1])
	switch n {
	case 126:
		n = int(binary.BigEndian.Uint16(read(2)))
	case 127:
		n = int(binary.BigEndian.Uint64(read(8)))
	}
	if _, err := p.in.Discard(n); err != nil {
		tb.Fatal(err)
	}
	return n
}
