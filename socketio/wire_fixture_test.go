package socketio_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// wire is a connection on which a test can write anything.
type wire struct {
	f    *fixture
	conn net.Conn
	r    *bufio.Reader
}

func (f *fixture) wire() *wire {
	f.t.Helper()
	conn, err := f.in.Dial(f.ctx, "", "")
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = conn.Close() })
	return &wire{f, conn, bufio.NewReaderSize(conn, 512)}
}

// request writes a request. If missing is not zero, the declared body is longer than the sent
// one by that much.
func (w *wire) request(method string, a act, query, body string, missing int) {
	head := fmt.Sprintf("%s /socket.io/%s?EIO=%s%s%s HTTP/1.1\r\nHost: server\r\n%s", method, a.path, a.eio, query, a.query, a.header)
	if method == http.MethodPost {
		kind := "text/plain"
		if a.octets {
			kind = "application/octet-stream"
		}
		head += fmt.Sprintf("Content-Type: %s\r\nContent-Length: %d\r\n", kind, len(body)+missing)
	}
	_ = w.conn.SetWriteDeadline(time.Now().Add(time.Second))
	for text := head + "\r\n" + body; len(text) > 0; { // net.Pipe blocks until it is read
		n, err := io.WriteString(w.conn, text[:min(len(text), 4096)])
		if err != nil {
			return // refused meanwhile
		}
		text = text[n:]
	}
}

// response reads the next response.
func (w *wire) response() (status int, body string) {
	_ = w.conn.SetReadDeadline(time.Now().Add(time.Second))
	r, err := http.ReadResponse(w.r, nil)
	if err != nil {
		return 0, ""
	}
	if r.StatusCode == http.StatusSwitchingProtocols {
		_ = w.conn.SetReadDeadline(time.Time{})
		return r.StatusCode, ""
	}
	text, _ := io.ReadAll(r.Body)
	return r.StatusCode, string(text)
}

// frame returns a WebSocket frame, masked with zeros.
func frame(opcode byte, last bool, payload string) []byte {
	if last {
		opcode |= 0x80
	}
	b := []byte{opcode, 0x80 | 127}
	b = binary.BigEndian.AppendUint64(b, uint64(len(payload)))
	switch {
	case len(payload) < 126:
		b = []byte{opcode, 0x80 | byte(len(payload))}
	case len(payload) < 1<<16:
		b = binary.BigEndian.AppendUint16([]byte{opcode, 0x80 | 126}, uint16(len(payload)))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

func text(packet string) []byte { return frame(1, true, packet) }

func texts(packets []string) (frames [][]byte) {
	for _, p := range packets {
		frames = append(frames, text(p))
	}
	return frames
}

func payload3(packet string) string { return fmt.Sprintf("%d:%s", len(packet), packet) }
