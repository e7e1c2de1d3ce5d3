package engineio

import (
	"bytes"
	"time"
)

// Writing to a WebSocket never blocks the sender
// (docs/adr/0004-writing-without-blocking.md). A sender that finds the writer idle owns
// it for a moment and tries one write that does not wait. What the connection does not
// take goes to the queue, and a goroutine that runs only while there is a queue waits
// for the connection. Other senders meanwhile find the writer owned and add to the
// queue, so that frames never mix.
//
// The session's mutex is held in all methods below, except in abort. Those that write
// let it go while the operating system does.

// webSocket is a WebSocket of a session: its transport, or one that an upgrade tries.
type webSocket struct {
	frameReader // belongs to the goroutine that reads
	codec       codec
	writer
}

// maxProbe bounds the messages of an upgrade.
const maxProbe = 125

// newWebSocket returns a WebSocket of s whose writer the caller owns. Messages are no
// longer than limit. Zero means the limit of the session.
func newWebSocket(s *Session, a accepted, c codec, limit int32) *webSocket {
	return &webSocket{
		codec: c,
		frameReader: frameReader{
			in:      newInput(a.conn, a.early),
			side:    serverSide,
			deflate: a.deflate,
			limit:   limit,
			session: s,
		},
		writer: writer{state: writerOwned},
	}
}

// abort makes all reads and writes of the connection fail. The goroutine that reads
// closes it, because closing a TLS connection may wait, and callers must not.
func (ws *webSocket) abort() {
	if ws.in.secure != nil {
		ws.in.secure.aborted.Store(true)
	}
	ws.in.conn.SetDeadline(longAgo)
}

var longAgo = time.Unix(1, 0)

// send writes frames, or queues them.
func (ws *webSocket) send(frames []byte) error {
	if ws.sealed {
		return ErrClosed
	}
	most := ws.session.srv.opts.MaxOutbound
	if ws.corked && ws.queued+queuedSize(frames) > min(most, maxBatch) {
		if ws.uncork(); ws.sealed {
			return ErrClosed
		}
	}
	if ws.queued > 0 && ws.queued+queuedSize(frames) > most {
		ws.session.end(SlowPeer)
		return ErrSlow
	}
	if ws.corked || ws.cork() {
		ws.push(frames)
		return nil
	}
	return ws.put(frames)
}

// sendVolatile is send for frames that are dropped if the connection takes nothing of
// them at once. The writer must be idle.
func (ws *webSocket) sendVolatile(frames []byte) error {
	if ws.in.poll == nil {
		return ws.send(frames) // whether it takes something at once is not known
	}
	ws.state = writerOwned
	rest, err := ws.tryWrite(frames)
	if err == nil && len(rest) == len(frames) {
		rest, err = nil, ErrNotWritable
	}
	ws.release(rest, err)
	return err
}

// sendClose is send for the close frame, whatever the queue's length. It does nothing
// if there is one already.
func (ws *webSocket) sendClose(frame []byte) {
	if !ws.sealed {
		ws.sealed, ws.pong, ws.pongPacket = true, "", false
		_ = ws.put(frame)
	}
}

// answerPing answers a ping frame of the peer. Only the answer to the latest one is
// kept, behind everything else, so that a peer cannot fill memory with pings (RFC 6455,
// section 5.5.3).
func (ws *webSocket) answerPing(pong []byte) {
	switch {
	case ws.state == writerIdle:
		_ = ws.send(pong)
	case ws.owned() && !ws.sealed:
		ws.pong = string(pong)
	}
}

// answerPingPacket answers a ping packet of the peer, as answerPing does a ping frame.
func (ws *webSocket) answerPingPacket() {
	switch {
	case ws.state == writerIdle:
		_ = ws.send(pongPacket.frames())
	case ws.owned() && !ws.sealed:
		ws.pongPacket = true
	}
}

func (ws *webSocket) put(frames []byte) error {
	switch {
	case ws.state == writerBroken:
		return ErrClosed
	case ws.owned():
		ws.push(frames)
	case ws.in.poll == nil:
		ws.push(frames)
		ws.startWriter()
	default:
		ws.state = writerOwned
		rest, err := ws.tryWrite(frames)
		ws.release(rest, err)
		return err
	}
	return nil
}

// tryWrite writes without waiting and returns the rest. The caller owns the writer.
func (ws *webSocket) tryWrite(frames []byte) (rest []byte, err error) {
	s := ws.session
	s.mu.Unlock()
	rest, err = ws.in.poll.write(frames)
	s.srv.figures.sentBytes.Add(uint64(len(frames) - len(rest)))
	s.mu.Lock()
	if err != nil {
		err = ErrClosed
	}
	return rest, err
}

// maxTurns is how many frames that others have queued meanwhile a sender writes for
// them before a goroutine takes over.
const maxTurns = 4

// release gives up the writer after a write that left rest. The caller writes a little
// of what is queued, and a goroutine the rest.
func (ws *webSocket) release(rest []byte, err error) {
	for turn := 0; ; turn++ {
		switch {
		case err == ErrClosed:
			ws.writeFailed()
			return
		case len(rest) > 0:
			ws.unshift(rest)
			ws.startWriter()
			return
		case !ws.pending():
			ws.allWritten()
			return
		case err == ErrNotWritable || turn == maxTurns:
			ws.startWriter()
			return
		}
		rest, err = ws.tryWrite(ws.shift())
	}
}

// writeQueue writes what is queued in one piece. The caller owns the writer.
func (ws *webSocket) writeQueue() {
	if ws.in.poll == nil {
		ws.startWriter()
		return
	}
	frames := bytes.Join(ws.queue, nil)
	ws.queue = nil
	ws.setQueued(0)
	rest, err := ws.tryWrite(frames)
	ws.release(rest, err)
}

// startWriter passes the writer to a goroutine.
func (ws *webSocket) startWriter() {
	ws.state, ws.progress = writerWaiting, ws.session.srv.now()
	ws.session.srv.figures.queued.Add(int64(ws.queued))
	ws.session.srv.start(ws.runWriter)
}

// runWriter writes what is queued, and waits for the connection. It needs no deadline
// of its own, because the heartbeat ends a session whose connection takes nothing (see
// Session.stalled). The mutex is not held when it is called.
func (ws *webSocket) runWriter() {
	s := ws.session
	s.mu.Lock()
	defer s.mu.Unlock()
	for ws.pending() {
		batch, size := ws.batch()
		s.mu.Unlock()
		n, err := batch.WriteTo(ws.in.conn)
		s.srv.figures.sentBytes.Add(uint64(n))
		s.mu.Lock()
		ws.setQueued(ws.queued - size)
		ws.progress = s.srv.now()
		if err != nil {
			ws.writeFailed()
			return
		}
	}
	ws.allWritten()
}

// allWritten leaves the writer idle.
func (ws *webSocket) allWritten() {
	s := ws.session
	ws.setState(writerIdle)
	s.wakeFlush()
	if ws == s.ws && ws.sealed && s.life == closing {
		// A peer that follows the protocol answers the close frame at once.
		s.closeBy = min(s.closeBy, s.srv.now()+lingerTimeout)
		s.arm()
	}
}

// writeFailed ends what ws was for.
func (ws *webSocket) writeFailed() {
	s := ws.session
	ws.queue, ws.pong, ws.pongPacket = nil, "", false
	ws.setQueued(0)
	ws.setState(writerBroken)
	switch {
	case ws == s.ws:
		s.end(TransportClose)
	case s.isCandidate(ws):
		s.abortUpgrade()
	}
}

// endWriting waits until the writer is released, and allows no other write. The connection must
// have a deadline. The mutex is let go while it waits.
func (ws *webSocket) endWriting() {
	s := ws.session
	for ws.owned() {
		released := make(chan struct{})
		ws.released = released
		s.mu.Unlock()
		<-released
		s.mu.Lock()
	}
	ws.state = writerBroken
}
