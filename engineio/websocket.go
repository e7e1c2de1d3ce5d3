package engineio

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Only this file, websocket_deflate.go and websocket_frames.go use the
// WebSocket library (docs/adr/0003-websocket-library.md). The library reads and checks frame
// headers, masks payloads, and adapts package compress/flate. This package
// decides when to read, how much memory a message may take, and how to react to a violation.

// frameKind is the opcode of a frame.
type frameKind = ws.OpCode

const (
	textFrame   frameKind = ws.OpText
	binaryFrame frameKind = ws.OpBinary
	pingFrame   frameKind = ws.OpPing
	pongFrame   frameKind = ws.OpPong
	closeFrame  frameKind = ws.OpClose
)

// side is an end of a WebSocket. A server reads masked frames, a client unmasked ones (RFC
// 6455, section 5.1).
type side = ws.State

const (
	serverSide side = ws.StateServerSide
	clientSide side = ws.StateClientSide
)

// Close codes (RFC 6455, section 7.4.1). noCode means a close frame without a code, which
// the Node server sends in the ordinary case.
const (
	noCode              ws.StatusCode = 0
	codeProtocolError   ws.StatusCode = ws.StatusProtocolError
	codeUnsupported     ws.StatusCode = ws.StatusUnsupportedData
	codeInvalidText     ws.StatusCode = ws.StatusInvalidFramePayloadData
	codeMessageTooBig   ws.StatusCode = ws.StatusMessageTooBig
	codePolicyViolation ws.StatusCode = ws.StatusPolicyViolation
)

// frameError is a violation of RFC 6455 by the peer, with the code to close with.
type frameError struct {
	code ws.StatusCode
	text string
}

func (e *frameError) Error() string { return "engineio: websocket: " + e.text }

var errMessageTooBig = &frameError{codeMessageTooBig, "message too big"}

// frameReader reads the messages of one WebSocket. Between messages it has no buffer except
// that of input.
type frameReader struct {
	in       input
	session  *Session // nil in the clients of tests, which have a limit
	rest     int64    // bytes left of a frame whose message is too long
	limit    int32    // bytes of one message; zero means the limit of session
	last     bool     // the frame that rest is about is the last of its message
	deflate  bool     // messages may be compressed
	fresh    bool     // the data that next returned is in a buffer of its own, and not in that of input
	side     side
	headSize uint8 // bytes of the last header
	head     [ws.MaxHeaderSize]byte
}

// room returns how many bytes of a message are kept.
func (r *frameReader) room() int {
	if r.limit != 0 {
		return int(r.limit)
	}
	return r.session.room()
}

// next waits for a message and returns it. The data is valid until the next call. Pings and
// pongs before the message are passed to control, whose payload is valid only during the
// call. If the error is errLong, the data is the head of a message that is too long, and
// the caller must call skip next.
func (r *frameReader) next(control func(kind frameKind, payload []byte)) (data []byte, kind frameKind, err error) {
	state := r.side
	compressed := false
	for {
		h, err := r.header(state, control)
		if err != nil {
			return nil, 0, err
		}
		if h.OpCode != ws.OpContinuation {
			kind, compressed = h.OpCode, h.Rsv != 0
		}
		// The declared length is only compared. Memory grows with the bytes received,
		// or a thousand peers could each declare the limit and wait.
		if h.Length > int64(r.room()-len(data)) {
			if data, err = r.long(data, h); compressed && err == errLong {
				data, err = inflatedHead(data)
			}
			return data, kind, err
		}
		first := len(data) == 0
		if data, err = r.payload(data, h); err != nil {
			return nil, 0, err
		}
		if h.Fin {
			break
		}
		state = state.Set(ws.StateFragmented)
		if first && !r.fresh { // it is part of the input's buffer, which the next frame overwrites
			data = bytes.Clone(data) // once, because a copy for each fragment would be quadratic
			r.fresh = true
		}
	}
	if compressed {
		if data, err = r.inflated(data); err != nil {
			return data, kind, err
		}
		if err = r.session.charge(0, int64(len(data))); err != nil { // in addition to what was compressed
			return nil, 0, err
		}
	}
	if kind == textFrame && !utf8.Valid(data) { // RFC 6455, section 8.1
		return nil, 0, &frameError{codeInvalidText, "text that is not UTF-8"}
	}
	return data, kind, nil
}

// header returns the header of the next frame of a message. Control frames before it are
// passed to control.
func (r *frameReader) header(state side, control func(kind frameKind, payload []byte)) (ws.Header, error) {
	for {
		h, err := r.readHeader(state)
		if err != nil {
			return h, err
		}
		if !h.OpCode.IsControl() {
			return h, nil
		}
		payload, err := r.payload(nil, h)
		if err != nil {
			return h, err
		}
		if h.OpCode == closeFrame {
			return h, closeError(payload)
		}
		control(h.OpCode, payload)
	}
}

// anotherPing reports whether the next frame is a ping too, and was read completely.
func (r *frameReader) anotherPing() bool {
	const (
		finPing  = 0x80 | byte(pingFrame)
		masked   = 0x80
		maskSize = 4
	)
	next := r.in.data
	if len(next) < 2 || next[0] != finPing || next[1]&masked == 0 {
		return false
	}
	return len(next) >= 2+maskSize+int(next[1]&^masked)
}

// long returns the head of a message that is too long. h is the header of the frame that
// makes it too long, and data is what was received before. The error is errLong if the rest
// may be discarded.
func (r *frameReader) long(data []byte, h ws.Header) ([]byte, error) {
	if r.limit != 0 || !r.session.discards(h.Length) {
		return nil, errMessageTooBig
	}
	r.last = h.Fin
	length := h.Length
	h.Length = min(length, int64(max(0, maxHead-len(data))))
	r.rest = length - h.Length
	head, err := r.payload(data, h)
	if err != nil {
		return nil, err
	}
	return head[:min(len(head), maxHead)], errLong
}

// skip discards the rest of a message that is too long.
func (r *frameReader) skip(control func(kind frameKind, payload []byte)) error {
	for state := r.side.Set(ws.StateFragmented); ; {
		for r.rest > 0 {
			chunk, err := r.in.take(int(min(r.rest, int64(pooledBufferSize))))
			if err != nil {
				return err
			}
			r.rest -= int64(len(chunk))
		}
		if r.last {
			return nil
		}
		h, err := r.header(state, control)
		if err != nil {
			return err
		}
		if !r.session.discards(h.Length) {
			return errMessageTooBig
		}
		r.rest, r.last = h.Length, h.Fin
	}
}

// payload appends the payload of the frame with header h to data. If data is empty, and the
// whole payload is in the input's buffer, it is not copied, and fresh is false.
func (r *frameReader) payload(data []byte, h ws.Header) ([]byte, error) {
	for got := 0; int64(got) < h.Length; {
		left := int(h.Length) - got
		if room := cap(data) - len(data); room >= min(left, pooledBufferSize) && r.in.poll != nil && !r.in.ready() {
			n, err := r.in.readInto(data[len(data) : len(data)+min(room, left)])
			if err != nil {
				return nil, err
			}
			unmask(data[len(data):len(data)+n], h, got)
			data, got = data[:len(data)+n], got+n
			continue
		}
		chunk, err := r.in.take(left)
		if err != nil {
			return nil, err
		}
		unmask(chunk, h, got)
		if r.fresh = len(data) > 0 || len(chunk) < left; !r.fresh {
			return chunk, nil
		}
		data = r.extend(data, chunk, left, h.Fin)
		got += len(chunk)
	}
	return data, nil
}

// unmask decodes a part of a frame's payload that begins at an offset.
func unmask(part []byte, h ws.Header, offset int) {
	if h.Masked {
		ws.Cipher(part, h.Mask, offset)
	}
}

// reserveFactor bounds the memory of a message that is being received, as a multiple of what has
// arrived of it. The length in the header of a frame is what the peer claims.
const reserveFactor = 16

// extend appends chunk to data. The frame has left bytes from the beginning of chunk on, most of
// which are read into the new buffer directly.
func (r *frameReader) extend(data, chunk []byte, left int, last bool) []byte {
	need := len(data) + len(chunk)
	if need > cap(data) {
		size := min(reserveFactor*need, len(data)+left)
		if !last || len(data) > 0 { // more fragments follow, or another one came before: do not copy for each of them
			size = max(size, min(2*cap(data), r.room()))
		}
		data = append(make([]byte, 0, max(need, size)), data...)
	}
	return append(data, chunk...)
}

// readHeader reads the header of a frame and checks it.
func (r *frameReader) readHeader(state side) (ws.Header, error) {
	r.in.turn().Step()
	r.headSize = 0
	h, err := ws.ReadHeaderBuffer((*headReader)(r), r.head[:])
	switch {
	case errors.Is(err, ws.ErrHeaderLengthMSB), errors.Is(err, ws.ErrHeaderLengthUnexpected):
		return h, &frameError{codeProtocolError, err.Error()}
	case err != nil:
		return h, err
	}
	if r.deflate {
		state = state.Set(ws.StateExtended)
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return h, &frameError{codeProtocolError, err.Error()}
	}
	if h.Rsv != 0 && (h.Rsv != rsv1 || h.OpCode.IsControl() || h.OpCode == ws.OpContinuation) {
		return h, &frameError{codeProtocolError, "reserved bits in a frame that must not have them"} // RFC 7692, section 6
	}
	// The library accepts a length in more bytes than necessary, which RFC 6455, section
	// 5.2, forbids.
	if int(r.headSize) != ws.HeaderSize(h) {
		return h, &frameError{codeProtocolError, "payload length not in its shortest form"}
	}
	return h, r.session.pace(int64(r.headSize) + h.Length)
}

// headReader is a frameReader that counts the bytes of a header.
type headReader frameReader

// Read implements io.Reader.
func (r *headReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.headSize += uint8(n) // at most ws.MaxHeaderSize in all
	return n, err
}
