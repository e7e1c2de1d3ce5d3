package engineio

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// appendFrame appends one unfragmented frame whose payload is prefix and data. The frames of
// a client are masked (RFC 6455, section 5.3).
func appendFrame(dst []byte, from side, kind frameKind, prefix string, data []byte) []byte {
	h := ws.Header{Fin: true, OpCode: kind, Length: int64(len(prefix) + len(data))}
	if from == clientSide {
		h.Masked, h.Mask = true, ws.NewMask()
	}
	dst = appendFrameHeader(dst, h)
	start := len(dst)
	dst = append(dst, prefix...)
	dst = append(dst, data...)
	if h.Masked {
		ws.Cipher(dst[start:], h.Mask, 0)
	}
	return dst
}

// appendFrameHeader appends the header of a frame (RFC 6455, section 5.2). The library's WriteHeader
// allocates twice.
func appendFrameHeader(dst []byte, h ws.Header) []byte {
	first, masked := h.Rsv<<4|byte(h.OpCode), byte(0)
	if h.Fin {
		first |= 0x80
	}
	if h.Masked {
		masked = 0x80
	}
	dst = append(dst, first)
	switch {
	case h.Length < 126:
		dst = append(dst, masked|byte(h.Length))
	case h.Length <= math.MaxUint16:
		dst = binary.BigEndian.AppendUint16(append(dst, masked|126), uint16(h.Length))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, masked|127), uint64(h.Length))
	}
	if h.Masked {
		dst = append(dst, h.Mask[:]...)
	}
	return dst
}

// appendMessageFrames appends the frames of a message: the type and the text, then each
// attachment.
func appendMessageFrames(dst []byte, kind packetType, text []byte, attachments [][]byte) []byte {
	size := ws.MaxHeaderSize + 1 + len(text)
	for _, data := range attachments {
		size += ws.MaxHeaderSize + len(data)
	}
	if text != nil && len(attachments) == 0 && len(text) < 125 {
		size = ws.MinHeaderSize + 1 + len(text)
	}
	if cap(dst)-len(dst) < size {
		dst = append(make([]byte, 0, len(dst)+size), dst...)
	}
	if text != nil {
		dst = appendFrame(dst, serverSide, textFrame, string(kind), text)
	}
	for _, data := range attachments {
		dst = appendFrame(dst, serverSide, binaryFrame, "", data)
	}
	return dst
}

// textFrameOf returns the frame of a text packet whose data is head and rest, in one buffer.
func textFrameOf(kind packetType, head, rest []byte) []byte {
	h := ws.Header{Fin: true, OpCode: textFrame, Length: int64(1 + len(head) + len(rest))}
	frame := appendFrameHeader(make([]byte, 0, ws.HeaderSize(h)+int(h.Length)), h)
	frame = append(frame, byte(kind))
	frame = append(frame, head...)
	return append(frame, rest...)
}

// plainCloseFrame is the close frame of the ordinary case.
var plainCloseFrame = appendCloseFrame(nil, noCode)

// appendCloseFrame appends a close frame with code, or without one for noCode.
func appendCloseFrame(dst []byte, code ws.StatusCode) []byte {
	if code == noCode {
		return appendFrame(dst, serverSide, closeFrame, "", nil)
	}
	return appendFrame(dst, serverSide, closeFrame, "", ws.NewCloseFrameBody(code, ""))
}

// peerClosed is the peer's close frame (RFC 6455, section 5.5.1).
type peerClosed struct{ code ws.StatusCode }

func (e *peerClosed) Error() string { return "engineio: websocket: closed by the peer" }

// closeError returns the error for a close frame with payload (RFC 6455, section 7.4).
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
