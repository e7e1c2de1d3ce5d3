package engineio

import (
	"bytes"
	"net"
	"slices"
	"sync"
	"time"
)

// Writing to a WebSocket never blocks the sender
// (docs/adr/0004-writing-without-blocking.md). A sender that finds the writer idle owns
// it for a moment and tries one write that does not wait. What the connection does not
// take goes to the queue, and a goroutine that runs only while there is a queue waits
// for the connection. Other senders meanwhile find the writer owned and add to the
// queue, so that frames never mix. A session that was written to a moment ago is not written to
// by its senders, but by a flusher (see burst.go).
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

// newWebSocket returns a WebSocket of s whose writer the caller owns. Early is what the peer sent
// without waiting for the response that opens it. Messages are no
// longer than limit. Zero means the limit of the session.
func newWebSocket(s *Session, conn net.Conn, early []byte, c codec, limit int32) *webSocket {
	return &webSocket{
		codec: c,
		frameReader: frameReader{
			in:      newInput(conn, early),
			side:    serverSide,
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
	ws.endWatchTLS()
}

// endWatchTLS ends the watch of a connection by TLS (Options.SharedWait). Without one it does nothing.
func (ws *webSocket) endWatchTLS() {
	if ws.in.secure != nil {
		ws.session.srv.shared.endWatchTLS(ws.in.secure)
	}
}

var longAgo = time.Unix(1, 0)

// send writes frames, or queues them. Shared says that they are those of a broadcast.
func (ws *webSocket) send(frames []byte, shared bool) error {
	if ws.sealed {
		return ErrClosed
	}
	s, size := ws.session, queuedSize(frames)
	most, now := s.srv.opts.MaxOutbound, s.srv.tick()
	if ws.state == writerQueued {
		if ws.queued+size <= min(most, maxBatch) {
			ws.push(frames)
			switch {
			case shared:
			case ws.recent(now):
				ws.leaveQueue(false)
			default:
				ws.writeQueue()
			}
			return nil
		}
		if ws.writeQueue(); ws.sealed {
			return ErrClosed
		}
	}
	if ws.queued > 0 && ws.queued+size > most {
		s.end(SlowPeer)
		return ErrSlow
	}
	if ws.leave(now, size, shared) {
		ws.push(frames)
		return nil
	}
	ws.touched = now
	return ws.put(frames)
}

// sendVolatile is send for frames that are dropped if the connection takes nothing of
// them at once. The writer must be idle.
func (ws *webSocket) sendVolatile(frames []byte) error {
	if ws.in.poll == nil {
		return ws.send(frames, false) // whether it takes something at once is not known
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
		_ = ws.send(pong, false)
	case ws.state != writerBroken && !ws.sealed:
		ws.pong = string(pong)
	}
}

// answerPingPacket answers a ping packet of the peer, as answerPing does a ping frame.
func (ws *webSocket) answerPingPacket() {
	switch {
	case ws.state == writerIdle:
		_ = ws.send(pongPacket.frames(), false)
	case ws.state != writerBroken && !ws.sealed:
		ws.pongPacket = true
	}
}

func (ws *webSocket) put(frames []byte) error {
	switch {
	case ws.state == writerBroken:
		return ErrClosed
	case ws.owned():
		ws.push(frames)
	case ws.state == writerQueued:
		ws.push(frames)
		ws.writeQueue()
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
	ws.in.boundUnsent(len(frames))
	rest, err = ws.in.poll.write(frames)
	s.srv.figures.sentBytes.Add(uint64(len(frames) - len(rest)))
	s.mu.Lock()
	if err != nil {
		err = ErrClosed
	}
	return rest, err
}

// release gives up the writer after a write that left rest. What others have queued meanwhile is
// left to a flusher, because the session has just been written to.
func (ws *webSocket) release(rest []byte, err error) {
	for {
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
		case err == ErrNotWritable:
			ws.startWriter()
			return
		case !ws.sealed && ws == ws.session.ws && ws.session.life != closed:
			ws.leaveQueue(false)
			return
		}
		rest, err = ws.tryWriteQueue()
	}
}

// writeQueue writes what is queued in one piece. The caller owns the writer, or no other goroutine
// does.
func (ws *webSocket) writeQueue() {
	ws.state, ws.touched = writerOwned, ws.session.srv.tick()
	if ws.in.poll == nil {
		ws.startWriter()
		return
	}
	ws.release(ws.tryWriteQueue())
}

// batches pools the buffers in which queued frames are put together.
var batches = sync.Pool{New: func() any { return new([]byte) }}

// tryWriteQueue writes what is queued without waiting and returns the rest. The caller owns the
// writer.
func (ws *webSocket) tryWriteQueue() (rest []byte, err error) {
	first := ws.shift()
	if !ws.pending() {
		return ws.tryWrite(first)
	}
	buf := batches.Get().(*[]byte)
	defer batches.Put(buf)
	frames := append((*buf)[:0], first...)
	for ws.pending() {
		frames = append(frames, ws.shift()...)
	}
	if cap(frames) <= 2*maxBatch {
		*buf = frames
	}
	rest, err = ws.tryWrite(frames)
	return bytes.Clone(rest), err
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
		if len(batch) > 1 && !ws.in.gathers() { // a TLS connection would write a record for each message
			batch = net.Buffers{slices.Concat(batch...)}
		}
		s.mu.Unlock()
		ws.in.boundUnsent(size)
		n, err := batch.WriteTo(ws.in.conn)
		s.srv.figures.sentBytes.Add(uint64(n))
		s.mu.Lock()
		ws.setQueued(ws.queued - size)
		ws.progress, ws.touched = s.srv.now(), s.srv.tick()
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
		s.closeBy = min(s.closeBy, s.srv.now()+s.srv.linger)
		s.arm()
	}
}

// writeFailed ends what ws was for.
func (ws *webSocket) writeFailed() {
	s := ws.session
	ws.drop()
	ws.setState(writerBroken)
	switch {
	case ws == s.ws:
		s.end(TransportClose)
	case s.isCandidate(ws):
		s.abortUpgrade()
	}
}
