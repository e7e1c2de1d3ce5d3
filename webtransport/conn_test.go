package webtransport

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/quic-go/webtransport-go"

	"socketiojwt/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// pieces is a stream whose bytes are read in pieces, and that records what is written.
type pieces struct {
	in     []byte
	piece  int
	out    bytes.Buffer
	closed bool
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.in) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.piece)], p.in)
	p.in = p.in[n:]
	return n, nil
}

func (p *pieces) Write(b []byte) (int, error)      { return p.out.Write(b) }
func (p *pieces) Close() error                     { p.closed = true; return nil }
func (p *pieces) SetDeadline(time.Time) error      { return nil }
func (p *pieces) SetReadDeadline(time.Time) error  { return nil }
func (p *pieces) SetWriteDeadline(time.Time) error { return nil }

// nowhere is a session of no connection.
type nowhere struct{ code webtransport.SessionErrorCode }

func (*nowhere) LocalAddr() net.Addr  { return nil }
func (*nowhere) RemoteAddr() net.Addr { return nil }
func (n *nowhere) CloseWithError(code webtransport.SessionErrorCode, _ string) error {
	n.code = code
	return nil
}

// FuzzConn checks that packets are read as the frames of a client, and frames of a server are
// written as packets, however they are cut.
func FuzzConn(f *testing.F) {
	f.Add([]byte("4hello"), []byte{0, 1, 2}, 1)
	f.Add(bytes.Repeat([]byte("x"), 126), bytes.Repeat([]byte{0}, 70_000), 1000)
	f.Add([]byte{}, bytes.Repeat([]byte{0}, 65_535), 7)
	f.Fuzz(func(t *testing.T, text, data []byte, piece int) {
		piece = 1 + (piece&0xffff)%5000
		packets := append(packet(false, string(text)), packet(true, string(data))...)

		c := &conn{stream: &pieces{in: packets, piece: piece}, session: &nowhere{}}
		for i, want := range [][]byte{text, data} {
			got, err := ws.ReadFrame(c)
			if err != nil || !got.Header.Fin || !got.Header.Masked || int(got.Header.OpCode) != i+1 || !bytes.Equal(got.Payload, want) {
				t.Fatalf("frame %d: %+v, %d bytes, %v; want %d", i, got.Header, len(got.Payload), err, len(want))
			}
		}
		if _, err := ws.ReadFrame(c); err != io.EOF {
			t.Errorf("after the last packet: %v", err)
		}

		var frames bytes.Buffer
		frames.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")
		for _, frame := range []ws.Frame{ws.NewTextFrame(text), ws.NewPongFrame([]byte("x")), ws.NewBinaryFrame(data), ws.NewCloseFrame(nil)} {
			_ = ws.WriteFrame(&frames, frame)
		}
		s := &pieces{}
		c = &conn{stream: s, session: &nowhere{}}
		for frames.Len() > 0 {
			if s.closed {
				t.Fatal("closed too early")
			}
			if _, err := c.Write(frames.Next(piece)); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(s.out.Bytes(), packets) || !s.closed {
			t.Errorf("wrote %d bytes, closed %t; want %d", s.out.Len(), s.closed, len(packets))
		}
	})
}

// TestResponseIsBounded checks that a response without an end is not collected for ever.
func TestResponseIsBounded(t *testing.T) {
	c := &conn{stream: &pieces{}, session: &nowhere{}}
	if _, err := c.Write(bytes.Repeat([]byte("x"), maxResponse+1)); err == nil || len(c.partial) > maxResponse+1 {
		t.Errorf("%d bytes were kept, %v", len(c.partial), err)
	}
}

// TestRefuse checks that the peer is told the status.
func TestRefuse(t *testing.T) {
	var n nowhere
	(&conn{session: &n}).refuse(403)
	if n.code != 403 {
		t.Error(fmt.Sprint(n.code))
	}
}
