package engineio

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// This file and websocket_handshake.go are the only ones that know the WebSocket
// library (docs/adr/0003-websocket-library.md). The library makes and checks frame
// headers, masks, close codes and handshakes; when to read, how much memory a
// message may take and what to do about a mistake is decided here.

// frameKind tells the frames apart that next and its callers care about.
type frameKind = ws.OpCode

const (
	textFrame   frameKind = ws.OpText
	binaryFrame frameKind = ws.OpBinary
	pingFrame   frameKind = ws.OpPing
	pongFrame   frameKind = ws.OpPong
	closeFrame  frameKind = ws.OpClose
)

// side says which end of a WebSocket we are: a server reads masked frames, a
// client unmasked ones (RFC 6455, section 5.1).
type side = ws.State

const (
	serverSide side = ws.StateServerSide
	clientSide side = ws.StateClientSide
)

// Close codes (RFC 6455, section 7.4.1). noCode stands for a close frame
// without one, which is what the Node server sends in the ordinary case.
const (
	noCode              ws.StatusCode = 0
	codeProtocolError   ws.StatusCode = ws.StatusProtocolError
	codeUnsupported     ws.StatusCode = ws.StatusUnsupportedData
	codeInvalidText     ws.StatusCode = ws.StatusInvalidFramePayloadData
	codeMessageTooBig   ws.StatusCode = ws.StatusMessageTooBig
	codePolicyViolation ws.StatusCode = ws.StatusPolicyViolation
)

// frameError is a peer's breach of RFC 6455, with the code to close with.
type frameError struct {
	code ws.StatusCode
	text string
}

func (e *frameError) Error() string { return "engineio: websocket: " + e.text }

var errMessageTooBig = &frameError{codeMessageTooBig, "message too big"}

// peerClosed is the peer's close frame (RFC 6455, section 5.5.1).
type peerClosed struct{ code ws.StatusCode }

func (e *peerClosed) Error() string { return "engineio: websocket: closed by the peer" }

// frameReader reads the messages of one WebSocket. It holds no buffer between
// messages but what input holds.
type frameReader struct {
	in       input
	side     side
	limit    int      // bytes of one message; zero means the limit of session
	session  *Session // nil for a client
	rest     int64    // of a frame whose message is too long
	last     bool     // that frame is the last of its message
	head     [ws.MaxHeaderSize]byte
	headSize uint8 // bytes of the last header
}

// room returns how many bytes of a message are kept.
func (r *frameReader) room() int {
	if r.limit != 0 {
		return r.limit
	}
	return r.session.room()
}

// next waits for a message and returns it. The data is valid until the next
// call. Control frames on the way are handed to control; it gets pings, and
// its payload is valid only during the call. With errLong the data is the head of a
// message that is too long, and skip is the next call.
func (r *frameReader) next(control func(kind frameKind, payload []byte)) (data []byte, kind frameKind, err error) {
	state := r.side
	for {
		h, err := r.header(state, control)
		if err != nil {
			return nil, 0, err
		}
		if h.OpCode != ws.OpContinuation {
			kind = h.OpCode
		}
		// The declared length is only ever compared: memory grows by what has
		// come in, or a thousand peers could each claim the limit and wait.
		if h.Length > int64(r.room()-len(data)) {
			data, err = r.long(data, h)
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
		if first { // it may lie in the input's buffer, which the next frame overwrites
			data = bytes.Clone(data) // once: for each fragment it would cost the square of the length
		}
	}
	if kind == textFrame && !utf8.Valid(data) { // RFC 6455, section 8.1
		return nil, 0, &frameError{codeInvalidText, "text that is not UTF-8"}
	}
	return data, kind, nil
}

// header returns the header of the next frame of a message. Control frames before it
// are handed to control.
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

// long returns the head of a message that is too long with the frame of header h, of
// which data has come before. The error is errLong if the rest may be thrown away.
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

// skip throws the rest of a message away that is too long.
func (r *frameReader) skip(control func(kind frameKind, payload []byte)) error {
	for state := r.side.Set(ws.StateFragmented); ; {
		for r.rest > 0 {
			chunk, err := r.in.take(int(min(r.rest, pooledBufferSize)))
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

// payload appends the payload of the frame with header h to data. A payload
// that lies in the input's buffer whole is not copied when data is empty.
func (r *frameReader) payload(data []byte, h ws.Header) ([]byte, error) {
	for got := 0; int64(got) < h.Length; {
		chunk, err := r.in.take(int(h.Length) - got)
		if err != nil {
			return nil, err
		}
		if h.Masked {
			ws.Cipher(chunk, h.Mask, got)
		}
		if int64(len(chunk)) == h.Length && len(data) == 0 {
			return chunk, nil
		}
		data = extend(data, chunk, max(len(data)+int(h.Length)-got, r.room()))
		got += len(chunk)
	}
	return data, nil
}

// readHeader reads the header of a frame and checks it.
func (r *frameReader) readHeader(state side) (ws.Header, error) {
	r.headSize = 0
	h, err := ws.ReadHeaderBuffer((*headReader)(r), r.head[:])
	switch {
	case errors.Is(err, ws.ErrHeaderLengthMSB), errors.Is(err, ws.ErrHeaderLengthUnexpected):
		return h, &frameError{codeProtocolError, err.Error()}
	case err != nil:
		return h, err
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return h, &frameError{codeProtocolError, err.Error()}
	}
	// The library accepts a length in more bytes than it needs, which RFC 6455,
	// section 5.2, forbids.
	if int(r.headSize) != ws.HeaderSize(h) {
		return h, &frameError{codeProtocolError, "payload length not in its shortest form"}
	}
	return h, nil
}

// headReader is a frameReader while it reads a header, whose bytes it counts.
type headReader frameReader

// Read implements io.Reader.
func (r *headReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.headSize += uint8(n) // at most ws.MaxHeaderSize in all
	return n, err
}

// closeError judges the payload of a close frame (RFC 6455, section 7.4).
func closeError(payload []byte) error {
	if len(payload) == 0 {
		return &peerClosed{noCode}
	}
	code, _ := ws.ParseCloseFrameData(payload)
	switch {
	case !isCloseCode(uint16(code)):
		return &frameError{codeProtocolError, "invalid close code"}
	case !utf8.Valid(payload[2:]):
		return &frameError{codeInvalidText, "close reason that is not UTF-8"}
	}
	return &peerClosed{code}
}

// appendFrame appends one unfragmented frame whose payload is prefix and data.
// A client's is masked (RFC 6455, section 5.3).
func appendFrame(dst []byte, from side, kind frameKind, prefix string, data []byte) []byte {
	h := ws.Header{Fin: true, OpCode: kind, Length: int64(len(prefix) + len(data))}
	if from == clientSide {
		h.Masked, h.Mask = true, ws.NewMask()
	}
	b := bytes.NewBuffer(dst)
	if err := ws.WriteHeader(b, h); err != nil {
		panic("engineio: " + err.Error()) // a buffer never fails, a length is never negative
	}
	dst = b.Bytes()
	start := len(dst)
	dst = append(dst, prefix...)
	dst = append(dst, data...)
	if h.Masked {
		ws.Cipher(dst[start:], h.Mask, 0)
	}
	return dst
}

// appendMessageFrames appends the frames of a message: the text with the type
// before it, then each attachment as it is.
func appendMessageFrames(dst []byte, kind packetType, text []byte, attachments [][]byte) []byte {
	size := ws.MaxHeaderSize + 1 + len(text)
	for _, data := range attachments {
		size += ws.MaxHeaderSize + len(data)
	}
	if text != nil && len(attachments) == 0 && len(text) < 125 {
		size = ws.MinHeaderSize + 1 + len(text)
	}
	dst = append(make([]byte, 0, len(dst)+size), dst...)
	if text != nil {
		dst = appendFrame(dst, serverSide, textFrame, string(kind), text)
	}
	for _, data := range attachments {
		dst = appendFrame(dst, serverSide, binaryFrame, "", data)
	}
	return dst
}

// plainCloseFrame is the close frame of the ordinary case.
var plainCloseFrame = appendCloseFrame(nil, noCode)

// appendCloseFrame appends a close frame with code, or with none.
func appendCloseFrame(dst []byte, code ws.StatusCode) []byte {
	if code == noCode {
		return appendFrame(dst, serverSide, closeFrame, "", nil)
	}
	return appendFrame(dst, serverSide, closeFrame, "", ws.NewCloseFrameBody(code, ""))
}
