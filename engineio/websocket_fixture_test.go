package engineio

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"testing"
	"time"
)

// socket is a client's end of a WebSocket, on which a test can send any bytes.
type socket struct {
	t *testing.T
	r frameReader
}

// socket opens a WebSocket.
func (f *fixture) socket(query string, headers ...string) *socket {
	f.t.Helper()
	w, err := f.trySocket(query, headers...)
	if err != nil {
		f.t.Fatal(err)
	}
	return w
}

// deflateSocket opens a WebSocket with permessage-deflate.
func (f *fixture) deflateSocket(query string) *socket {
	f.t.Helper()
	w, err := f.dialSocket(query, dialOptions{Deflate: true})
	if err != nil {
		f.t.Fatal(err)
	}
	w.r.deflate = true
	return w
}

func (f *fixture) trySocket(query string, headers ...string) (*socket, error) {
	return f.dialSocket(query, dialOptions{}, headers...)
}

func (f *fixture) dialSocket(query string, opts dialOptions, headers ...string) (*socket, error) {
	opts.NetDial, opts.Header = f.dial, http.Header{}
	for i := 0; i < len(headers); i += 2 {
		opts.Header.Add(headers[i], headers[i+1])
	}
	if f.client != nil {
		if tr, ok := f.client.Transport.(*http.Transport); ok && tr.TLSClientConfig != nil {
			opts.TLS = &tls.Config{RootCAs: tr.TLSClientConfig.RootCAs}
		}
	}
	conn, early, err := dialWebSocket(context.Background(), "ws"+strings.TrimPrefix(f.url, "http")+"?"+query, opts)
	if err != nil {
		return nil, err
	}
	w := &socket{f.t, frameReader{in: input{conn: conn, data: early}, side: clientSide, limit: 64 << 20}}
	f.t.Cleanup(func() { conn.Close() })
	return w, nil
}

const socketQuery = "EIO=4&transport=websocket"

// openSocket starts a session by WebSocket.
func (f *fixture) openSocket(headers ...string) (*socket, *recorder) {
	f.t.Helper()
	w := f.socket(socketQuery, headers...)
	if text := w.read(); !strings.HasPrefix(text, `0{"sid":"`) {
		f.t.Fatalf("first packet %q", text)
	}
	return w, <-f.opened
}

// write sends a text frame.
func (w *socket) write(text string) {
	w.t.Helper()
	w.raw(appendFrame(nil, clientSide, textFrame, "", []byte(text)))
}

func (w *socket) raw(b []byte) {
	w.t.Helper()
	w.r.in.conn.SetWriteDeadline(time.Now().Add(time.Minute))
	if _, err := w.r.in.conn.Write(b); err != nil {
		w.t.Errorf("write: %v", err)
	}
}

// read returns the next message. It returns a close frame as "close CODE", and "end" if the
// connection ends in another way.
func (w *socket) read() string {
	w.r.in.conn.SetReadDeadline(time.Now().Add(time.Minute))
	data, kind, err := w.r.next(func(kind frameKind, payload []byte) {})
	var peer *peerClosed
	switch {
	case errors.As(err, &peer) && peer.code == noCode:
		return "close"
	case errors.As(err, &peer):
		return "close " + string(rune('0'+peer.code/1000)) + string(rune('0'+peer.code/100%10)) + string(rune('0'+peer.code/10%10)) + string(rune('0'+peer.code%10))
	case err != nil:
		return "end"
	case kind == binaryFrame:
		return "binary:" + string(data)
	}
	return string(data)
}

func (w *socket) expect(want ...string) {
	w.t.Helper()
	for _, text := range want {
		if got := w.read(); got != text {
			w.t.Errorf("websocket: got %q, want %q", got, text)
		}
	}
}

func (w *socket) close() { w.r.in.conn.Close() }

// rawConn is a connection on which a test writes requests as text.
type rawConn struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

// raw opens a connection to the fixture's server.
func (f *fixture) raw() *rawConn {
	f.t.Helper()
	addr := strings.TrimPrefix(strings.TrimSuffix(f.url, f.srv.opts.Path), "http://")
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	return &rawConn{f.t, conn, bufio.NewReader(conn)}
}

// send writes text.
func (c *rawConn) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.t.Fatal(err)
	}
}

// response reads the response to a request with that method. It keeps the headers that
// net/http removes.
func (c *rawConn) response(method string) answer {
	c.t.Helper()
	in := textproto.NewReader(c.in)
	line, err := in.ReadLine()
	if err != nil {
		c.t.Fatalf("no response: %v", err)
	}
	header, err := in.ReadMIMEHeader()
	status, statusErr := strconv.Atoi(strings.Fields(line)[1])
	if err != nil || statusErr != nil {
		c.t.Fatalf("%q: %v", line, err)
	}
	length, _ := strconv.Atoi(header.Get("Content-Length"))
	if method == http.MethodHead {
		length = 0
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(c.in, body); err != nil {
		c.t.Fatal(err)
	}
	return answer{status, http.Header(header), string(body)}
}

// frame is a frame from a client, which may be invalid.
type frame struct {
	first    byte // FIN, reserved bits and opcode
	unmasked bool
	payload  string
}

func (f frame) bytes() []byte {
	b := []byte{f.first}
	mask := byte(0x80)
	if f.unmasked {
		mask = 0
	}
	switch n := len(f.payload); {
	case n < 126:
		b = append(b, mask|byte(n))
	case n < 1<<16:
		b = append(b, mask|126, byte(n>>8), byte(n))
	default:
		b = append(b, mask|127, 0, 0, 0, 0, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	payload := []byte(f.payload)
	if !f.unmasked {
		key := []byte{1, 2, 3, 4}
		b = append(b, key...)
		for i := range payload {
			payload[i] ^= key[i%4]
		}
	}
	return append(b, payload...)
}

func wire(frames ...frame) []byte {
	var b []byte
	for _, f := range frames {
		b = append(b, f.bytes()...)
	}
	return b
}

// chunks is a connection whose bytes are read in pieces.
type chunks struct {
	net.Conn
	data  []byte
	piece int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), c.piece)], c.data)
	c.data = c.data[n:]
	return n, nil
}
