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
	"strings"
	"testing"

	"socketiojwt/socketio"
)

// BenchmarkEcho is an event that the handler acknowledges with its argument, by a peer in the same process that
// allocates nothing: a small string, and binary data of 64 KB and 1 MB.
func BenchmarkEcho(b *testing.B) {
	for _, size := range []int{16, 64 << 10, 900 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			conn, in := benchPeer(b)
			data := bytes.Repeat([]byte{7}, size)
			request := maskedFrame(0x81, []byte(`451-0["echo",{"_placeholder":true,"num":0}]`))
			request = append(request, maskedFrame(0x82, data)...)
			answer := []byte(`461-0[{"_placeholder":true,"num":0}]`)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := conn.Write(request); err != nil {
					b.Fatal(err)
				}
				if n := discardFrame(b, in); n != len(answer) {
					b.Fatalf("text of %d bytes, want %d", n, len(answer))
				}
				if n := discardFrame(b, in); n != size {
					b.Fatalf("binary data of %d bytes, want %d", n, size)
				}
			}
		})
	}
}

// benchPeer serves the event "echo", and returns a connection whose socket is admitted.
func benchPeer(b *testing.B) (net.Conn, *bufio.Reader) {
	b.Helper()
	srv, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		b.Fatal(err)
	}
	srv.Open()
	srv.Handle("echo", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error { return e.Ack(e.Args()...) })
	handler, err := srv.Handler()
	if err != nil {
		b.Fatal(err)
	}
	web := httptest.NewServer(handler)
	b.Cleanup(func() { _ = srv.Close(); web.Close() })
	conn, err := net.Dial("tcp", web.Listener.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	if err != nil {
		b.Fatal(err)
	}
	in := bufio.NewReader(conn)
	for line := "-"; strings.TrimSpace(line) != ""; {
		if line, err = in.ReadString('\n'); err != nil {
			b.Fatal(err)
		}
	}
	discardFrame(b, in)
	if _, err := conn.Write(maskedFrame(0x81, []byte("40"))); err != nil {
		b.Fatal(err)
	}
	discardFrame(b, in)
	return conn, in
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

// discardFrame reads a frame of the server, and returns the length of its payload.
func discardFrame(b *testing.B, in *bufio.Reader) int {
	b.Helper()
	var head [10]byte
	read := func(p []byte) {
		if _, err := io.ReadFull(in, p); err != nil {
			b.Fatal(err)
		}
	}
	read(head[:2])
	n := int(head[1])
	switch n {
	case 126:
		read(head[:2])
		n = int(binary.BigEndian.Uint16(head[:]))
	case 127:
		read(head[:8])
		n = int(binary.BigEndian.Uint64(head[:]))
	}
	if _, err := in.Discard(n); err != nil {
		b.Fatal(err)
	}
	return n
}
