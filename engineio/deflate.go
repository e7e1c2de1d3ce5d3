package engineio

// Compression of WebSocket messages, permessage-deflate (RFC 7692), is off by default
// (docs/adr/0062-compression-and-webtransport.md). Neither end keeps a window between
// messages. So an idle connection keeps nothing for it, the compressed form of a message is
// the same for all peers and is made at most once, and two messages never share a secret.

// frames returns the frames of m for the peer.
func (ws *webSocket) frames(m *Message) []byte {
	frames := ws.codec.frames(m)
	from := ws.session.srv.opts.CompressFrom
	if !ws.deflate || from < 0 || len(frames) < from {
		return frames
	}
	return ws.codec.deflated(m).get(func() []byte { return deflateFrames(frames, from) })
}

// inflated returns the data of a compressed message. If the data is too long, it returns the
// head and errLong, or errMessageTooBig, as long does.
func (r *frameReader) inflated(compressed []byte) ([]byte, error) {
	room := r.room()
	data, err := inflate(compressed, room)
	r.fresh = true
	if err != errLong {
		return data, err
	}
	if r.limit != 0 || !r.session.discards(int64(room)) {
		return nil, errMessageTooBig
	}
	r.rest, r.last = 0, true
	return data[:min(len(data), maxHead)], errLong
}

// inflatedHead returns the head of a message of which only the first compressed bytes were
// kept.
func inflatedHead(compressed []byte) ([]byte, error) {
	head, err := inflate(compressed, maxHead)
	if err == nil || err == errLong || err == errTruncated {
		return head, errLong
	}
	return nil, err
}
