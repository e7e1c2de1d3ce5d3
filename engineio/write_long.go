package engineio

import "bytes"

// longMessage is the size from which the frames of a message for one session are made in a buffer
// that is used again. To allocate and collect a buffer for each takes longer than to copy.
const longMessage = 16 << 10

// sendLong sends a long message that is written at once, and whose frames no other session needs. It
// reports false, and does nothing, if m must be sent by send. The session's mutex is held.
func (ws *webSocket) sendLong(m *Message) (done bool, err error) {
	size, now := m.Size(), ws.session.srv.tick()
	switch {
	case size < longMessage, size > 2*maxBatch: // batches keeps no longer ones
		return false, nil
	case m.framed, ws.codec != codec(codec4{}), ws.deflate: // the frames exist, or are not those of appendMessageFrames
		return false, nil
	case ws.state != writerIdle, ws.sealed, ws.in.poll == nil, size <= maxBatch && ws.recent(now): // they may be queued
		return false, nil
	}
	buf := batches.Get().(*[]byte)
	defer batches.Put(buf)
	frames := appendMessageFrames((*buf)[:0], m.kind, m.text, m.attachments)
	if cap(frames) <= 2*maxBatch { // the headers of many attachments may need more
		*buf = frames
	}
	ws.state, ws.touched = writerOwned, now
	rest, err := ws.tryWrite(frames)
	ws.release(bytes.Clone(rest), err)
	return true, err
}
