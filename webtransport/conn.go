package webtransport

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/quic-go/webtransport-go"
)

// stream is the part of *webtransport.Stream that conn needs.
type stream interface {
	io.ReadWriteCloser
	SetDeadline(time.Time) error
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// session is the part of *webtransport.Session that conn needs.
type session interface {
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
	CloseWithError(webtransport.SessionErrorCode, string) error
}

// conn shows a stream of WebTransport as the connection of a WebSocket. The two frame packets
// in nearly the same way: the first byte of WebTransport's has the bit that says whether the
// packet is binary and the length, which both write in one, three or nine bytes
// (https://socket.io/docs/v4/engine-io-protocol/, "WebTransport").
//
// One goroutine may read and another one write.
type conn struct {
	stream
	session session

	// The packet that is read.
	head     []byte // its header as that of a frame, not read yet
	received uint64 // bytes of the payload that are to come

	// The frame that is written.
	answered bool   // the response of the handshake is complete
	partial  []byte // of the response, or of a header
	control  bool   // the frame belongs to WebSocket and is not sent
	left     uint64 // bytes of the payload that are to come
}

// Frames of a WebSocket (RFC 6455, section 5.2).
const (
	fin         = 0x80
	opText      = 1
	opBinary    = 2
	opClose     = 8
	opMask      = 0x0f
	masked      = 0x80
	lengthMask  = 0x7f
	binaryBit   = 0x80 // of a packet
	length16    = 126
	length64    = 127
	maxOpen     = 125  // bytes of the first packet
	maxResponse = 4096 // bytes of the response of the handshake
)

func (c *conn) LocalAddr() net.Addr  { return c.session.LocalAddr() }
func (c *conn) RemoteAddr() net.Addr { return c.session.RemoteAddr() }

// Close implements net.Conn.
func (c *conn) Close() error { return c.session.CloseWithError(0, "") }

// refuse ends the session. Browsers do not show the status to the page's client.
func (c *conn) refuse(status int) {
	_ = c.session.CloseWithError(webtransport.SessionErrorCode(status), http.StatusText(status))
}

// Read implements net.Conn. It returns frames of a client with a mask of zeros.
func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(c.head) == 0 && c.received == 0 {
		first, extended, length, err := readHeader(c.stream)
		if err != nil {
			return 0, err
		}
		op := byte(opText)
		if first&binaryBit != 0 {
			op = opBinary
		}
		c.head = append([]byte{fin | op, masked | first&lengthMask}, extended...)
		c.head = append(c.head, 0, 0, 0, 0)
		c.received = length
	}
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	n, err := c.stream.Read(p[:min(uint64(len(p)), c.received)])
	c.received -= uint64(n)
	return n, err
}

// Write implements net.Conn. It discards the response of the handshake and control frames.
// After a close frame it ends the direction to the peer, which thereby receives all that was
// written. The engine closes the connection a little later.
func (c *conn) Write(p []byte) (int, error) {
	var packets []byte
	closing := false
	for rest := p; len(rest) > 0; {
		if c.left > 0 {
			n := min(uint64(len(rest)), c.left)
			if !c.control {
				packets = append(packets, rest[:n]...)
			}
			rest, c.left = rest[n:], c.left-n
			continue
		}
		c.partial = append(c.partial, rest[0])
		rest = rest[1:]
		if !c.answered {
			if err := c.skipResponse(); err != nil {
				return 0, err
			}
			continue
		}
		if header := c.header(); header != nil {
			packets = append(packets, header...)
			closing = closing || c.partial[0]&opMask == opClose
			c.partial = nil
		}
	}
	if len(packets) > 0 {
		if _, err := c.stream.Write(packets); err != nil {
			return 0, err
		}
	}
	if closing {
		_ = c.stream.Close()
	}
	return len(p), nil
}

// skipResponse notes the end of the response of the handshake.
func (c *conn) skipResponse() error {
	n := len(c.partial)
	switch {
	case n >= 4 && string(c.partial[n-4:]) == "\r\n\r\n":
		c.answered, c.partial = true, nil
	case n > maxResponse:
		return errors.New("webtransport: response of the handshake is too long")
	}
	return nil
}

// header returns the header of the packet for the frame whose header is in partial, or nil if
// that is not complete. The header is empty for a control frame.
func (c *conn) header() []byte {
	if len(c.partial) < 2 {
		return nil
	}
	first, length := c.partial[0], c.partial[1]&lengthMask
	extended := c.partial[2:]
	switch {
	case length == length16 && len(extended) == 2:
		c.left = uint64(binary.BigEndian.Uint16(extended))
	case length == length64 && len(extended) == 8:
		c.left = binary.BigEndian.Uint64(extended)
	case length < length16:
		c.left = uint64(length)
	default:
		return nil
	}
	switch first & opMask {
	case opText:
		c.control = false
		return append([]byte{length}, extended...)
	case opBinary:
		c.control = false
		return append([]byte{binaryBit | length}, extended...)
	}
	c.control = true
	return []byte{}
}

// readHeader reads the header of a packet.
func readHeader(r io.Reader) (first byte, extended []byte, length uint64, err error) {
	var b [9]byte
	if _, err = io.ReadFull(r, b[:1]); err != nil {
		return 0, nil, 0, err
	}
	switch first = b[0]; first & lengthMask {
	case length16:
		_, err = io.ReadFull(r, b[1:3])
		return first, b[1:3], uint64(binary.BigEndian.Uint16(b[1:3])), err
	case length64:
		_, err = io.ReadFull(r, b[1:9])
		return first, b[1:9], binary.BigEndian.Uint64(b[1:9]), err
	}
	return first, nil, uint64(first & lengthMask), nil
}

// readOpen reads the first packet of the peer, and reports whether it names a session that
// began by another transport.
func readOpen(r io.Reader) (named bool, err error) {
	first, _, length, err := readHeader(r)
	if err != nil {
		return false, err
	}
	if first&binaryBit != 0 || length == 0 || length > maxOpen {
		return false, errNotOpen
	}
	packet := make([]byte, length)
	if _, err := io.ReadFull(r, packet); err != nil {
		return false, err
	}
	if packet[0] != '0' {
		return false, errNotOpen
	}
	return len(packet) > 1, nil
}

var errNotOpen = errors.New("webtransport: the first packet does not open a session")
