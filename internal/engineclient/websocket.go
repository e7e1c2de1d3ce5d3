package engineclient

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

const opPong = ws.OpPong

// A webSocket is the client's end of a WebSocket. One goroutine reads. Writes are
// serialized, and none follows the close frame (RFC 6455, section 5.5.1).
type webSocket struct {
	conn  io.ReadWriteCloser
	r     *bufio.Reader
	limit int // bytes of one message

	mu     sync.Mutex // held while a frame is written
	sealed bool       // the close frame was written
}

// dialWebSocket opens a WebSocket. ctx bounds only the opening.
func (r *requester) dialWebSocket(ctx context.Context) (*webSocket, error) {
	request := r.request(ctx, http.MethodGet, "websocket", nil)
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // never fails
	key := base64.StdEncoding.EncodeToString(nonce)
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "websocket")
	request.Header.Set("Sec-WebSocket-Version", "13")
	request.Header.Set("Sec-WebSocket-Key", key)
	response, err := r.client.Do(request)
	if err != nil {
		return nil, withoutURL(err)
	}
	conn, ok := response.Body.(io.ReadWriteCloser)
	switch {
	case response.StatusCode != http.StatusSwitchingProtocols:
		err = statusError(response)
	case !ok || !accepted(response.Header, key):
		err = errHandshake
	}
	if err != nil {
		response.Body.Close()
		return nil, err
	}
	return &webSocket{conn: conn, r: bufio.NewReaderSize(conn, 4<<10), limit: r.opts.MaxMessage}, nil
}

// accepted reports whether a response completes the handshake (RFC 6455, section 4.1).
// The client asked for no subprotocol and no extension.
func accepted(h http.Header, key string) bool {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	connection := strings.Split(strings.ToLower(h.Get("Connection")), ",")
	upgrades := slices.ContainsFunc(connection, func(token string) bool { return strings.TrimSpace(token) == "upgrade" })
	return upgrades && strings.EqualFold(h.Get("Upgrade"), "websocket") &&
		h.Get("Sec-WebSocket-Accept") == base64.StdEncoding.EncodeToString(sum[:]) &&
		h.Get("Sec-WebSocket-Extensions") == "" && h.Get("Sec-WebSocket-Protocol") == ""
}

// read hands packets to take until the connection or take fails. pong is called with
// each ping frame.
func (w *webSocket) read(take func(packet) error, pong func([]byte)) error {
	for {
		p, err := w.next(pong)
		if err == nil {
			err = take(p)
		}
		if err != nil {
			return err
		}
	}
}

// next returns the next packet.
func (w *webSocket) next(pong func([]byte)) (packet, error) {
	var data []byte
	var kind ws.OpCode
	for state := ws.StateClientSide; ; state = state.Set(ws.StateFragmented) {
		h, err := w.header(state, pong)
		switch {
		case err != nil:
			return packet{}, err
		case h.Length > int64(w.limit-len(data)):
			w.writeClose(ws.StatusMessageTooBig)
			return packet{}, ErrTooLarge
		case h.OpCode != ws.OpContinuation:
			kind = h.OpCode
		}
		if data, err = w.payload(data, int(h.Length)); err != nil {
			return packet{}, err
		}
		if h.Fin {
			break
		}
	}
	switch {
	case kind == ws.OpBinary:
		return packet{kind: packetMessage, binary: true, data: data}, nil
	case !utf8.Valid(data):
		w.writeClose(ws.StatusInvalidFramePayloadData)
		return packet{}, errFrame
	}
	return parsePacket(data)
}

// header returns the header of the next frame of a message. It handles the control
// frames before it.
func (w *webSocket) header(state ws.State, pong func([]byte)) (ws.Header, error) {
	for {
		h, err := ws.ReadHeader(w.r)
		if errors.Is(err, ws.ErrHeaderLengthMSB) || errors.Is(err, ws.ErrHeaderLengthUnexpected) || err == nil && ws.CheckHeader(h, state) != nil {
			w.writeClose(ws.StatusProtocolError)
			return h, errFrame
		}
		if err != nil || !h.OpCode.IsControl() {
			return h, err
		}
		payload, err := w.payload(nil, int(h.Length)) // CheckHeader allows 125 bytes
		switch {
		case err != nil:
			return h, err
		case h.OpCode == ws.OpPing:
			pong(payload)
		case h.OpCode == ws.OpClose:
			w.writeClose(0)
			return h, errServer
		}
	}
}

// payload appends n bytes to data. Memory grows only with the bytes that have arrived,
// because the server can claim any n.
func (w *webSocket) payload(data []byte, n int) ([]byte, error) {
	for n > 0 {
		piece := min(n, max(4<<10, len(data)))
		start := len(data)
		data = slices.Grow(data, piece)[:start+piece]
		if _, err := io.ReadFull(w.r, data[start:]); err != nil {
			return nil, err
		}
		n -= piece
	}
	return data, nil
}

// write writes packets, each in a frame of its own.
func (w *webSocket) write(packets []packet) error {
	var frames []byte
	for _, p := range packets {
		if p.binary {
			frames = appendFrame(frames, ws.OpBinary, p.data)
		} else {
			frames = appendFrame(frames, ws.OpText, append([]byte{p.kind}, p.data...))
		}
	}
	return w.writeFrames(frames)
}

func (w *webSocket) writeFrames(frames []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sealed {
		return ErrClosed
	}
	_, err := w.conn.Write(frames)
	return err
}

// writeClose writes the close frame, with code unless it is zero, if none was written.
func (w *webSocket) writeClose(code ws.StatusCode) {
	var body []byte
	if code != 0 {
		body = ws.NewCloseFrameBody(code, "")
	}
	frame := appendFrame(nil, ws.OpClose, body)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.sealed {
		w.sealed = true
		_, _ = w.conn.Write(frame) // the reader sees a lost connection
	}
}

func (w *webSocket) close() { _ = w.conn.Close() }

// appendFrame appends one frame, masked as a client's must be (RFC 6455, section 5.3).
func appendFrame(frames []byte, code ws.OpCode, payload []byte) []byte {
	h := ws.Header{Fin: true, OpCode: code, Masked: true, Mask: ws.NewMask(), Length: int64(len(payload))}
	b := bytes.NewBuffer(frames)
	_ = ws.WriteHeader(b, h) // a buffer never fails
	start := b.Len()
	b.Write(payload)
	frames = b.Bytes()
	ws.Cipher(frames[start:], h.Mask, 0)
	return frames
}
