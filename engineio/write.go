package engineio

import (
	"bytes"
	"net"
	"slices"
	"time"
)

// Writing to a WebSocket never blocks whoever sends
// (docs/adr/0004-writing-without-blocking.md). Whoever finds the writer idle
// owns it for a moment and tries one write that does not wait. What the
// connection does not take goes to the queue, and a goroutine that lives only
// while there is a queue waits in the sender's stead. Others who send meanwhile
// find the writer owned and queue behind it, so that frames never mix.

// writerState says who writes to a WebSocket.
type writerState uint8

const (
	writerIdle writerState = iota
	writerOwned
	writerBroken // a write has failed
)

// webSocket is a WebSocket of a session: its transport, or the one that an
// upgrade tries.
type webSocket struct {
	frameReader // belongs to the goroutine that reads
	codec       codec

	// The session's mutex guards the rest.
	writer  writerState
	sealed  bool          // the close frame is queued or written: nothing may follow it (RFC 6455, section 5.5.1)
	beat    bool          // a ping packet of a peer of revision 3 has to be answered
	queue   [][]byte      // frames of whole messages, or what is left of one
	queued  int           // what queue counts, and what the writer goroutine is at
	pong    []byte        // the frame that answers the latest ping (RFC 6455, section 5.5.3)
	waits   bool          // the writer goroutine lives
	moved   time.Duration // when the connection took something last, while it does
	settled chan struct{} // closed when the writer is not owned any more; nil when nobody waits for that
}

// maxProbe bounds the messages by which a peer changes over to a WebSocket.
const maxProbe = 125

// newWebSocket returns a webSocket whose writer is owned by the caller. The session is
// the one whose transport it is already, nil when that is still to come.
func newWebSocket(conn net.Conn, early []byte, c codec, s *Session) *webSocket {
	return &webSocket{
		codec: c,
		frameReader: frameReader{
			in:      input{conn: conn, poll: newPollConn(conn), data: early},
			side:    serverSide,
			limit:   maxProbe,
			session: s,
		},
		writer: writerOwned,
	}
}

// kick makes the goroutines that wait for the connection see that it is given
// up. They close it: closing a TLS connection may wait, and callers must not.
func (ws *webSocket) kick() { ws.in.conn.SetDeadline(longAgo) }

var longAgo = time.Unix(1, 0)

// write sends frames on ws, or queues them. s.mu is held, and let go while the
// operating system writes.
func (s *Session) write(ws *webSocket, frames []byte) error {
	if ws.sealed {
		return ErrClosed
	}
	if ws.queued > 0 && ws.queued+queuedSize(frames) > s.srv.opts.MaxOutbound {
		s.end(SlowPeer)
		return ErrSlow
	}
	return s.put(ws, frames)
}

// writeLast is write for the close frame, whatever the queue's length. It does
// nothing when there is one already.
func (s *Session) writeLast(ws *webSocket, frame []byte) {
	if !ws.sealed {
		ws.sealed, ws.pong, ws.beat = true, nil, false
		s.put(ws, frame)
	}
}

func (s *Session) put(ws *webSocket, frames []byte) error {
	switch {
	case ws.writer == writerBroken:
		return ErrClosed
	case ws.writer == writerOwned:
		ws.push(frames)
	case ws.in.poll == nil:
		ws.push(frames)
		ws.writer = writerOwned
		s.startWriter(ws)
	default:
		ws.writer = writerOwned
		rest, err := s.tryWrite(ws, frames)
		s.disown(ws, rest, err)
		return err
	}
	return nil
}

// writeVolatile is write for frames that are dropped when the connection takes
// nothing of them at once. The writer is idle, s.mu is held and let go.
func (s *Session) writeVolatile(ws *webSocket, frames []byte) error {
	if ws.in.poll == nil {
		return s.write(ws, frames) // that nobody writes is all one can know
	}
	ws.writer = writerOwned
	rest, err := s.tryWrite(ws, frames)
	if err == nil && len(rest) == len(frames) {
		rest, err = nil, ErrNotWritable
	}
	s.disown(ws, rest, err)
	return err
}

// answerPing answers a ping frame of the peer. Only the latest one waits for
// an answer, behind everything else, so that a peer cannot fill memory by
// asking (RFC 6455, section 5.5.3). s.mu is held and let go.
func (s *Session) answerPing(ws *webSocket, pong []byte) {
	switch {
	case ws.writer == writerIdle:
		s.write(ws, pong)
	case ws.writer == writerOwned && !ws.sealed:
		ws.pong = pong
	}
}

// answerBeat answers a ping packet of the peer, as answerPing does a ping frame.
func (s *Session) answerBeat(ws *webSocket) {
	switch {
	case ws.writer == writerIdle:
		s.write(ws, pongPacket.frames())
	case ws.writer == writerOwned && !ws.sealed:
		ws.beat = true
	}
}

// tryWrite writes without waiting and returns the rest. The caller owns the
// writer and holds s.mu, which is let go meanwhile.
func (s *Session) tryWrite(ws *webSocket, frames []byte) (rest []byte, err error) {
	s.mu.Unlock()
	rest, err = ws.in.poll.write(frames)
	s.mu.Lock()
	if err != nil {
		err = ErrClosed
	}
	return rest, err
}

// maxTurns is how many frames that others have queued meanwhile a sender
// writes for them before a goroutine relieves it.
const maxTurns = 4

// disown gives the writer up after a write that left rest. What is queued has
// to be written by somebody: a little of it here, the rest by a goroutine.
func (s *Session) disown(ws *webSocket, rest []byte, err error) {
	for turn := 0; ; turn++ {
		switch {
		case err == ErrClosed:
			s.lose(ws)
			return
		case len(rest) > 0:
			ws.queue = append([][]byte{rest}, ws.queue...)
			ws.queued += queuedSize(rest)
			s.startWriter(ws)
			return
		case !ws.pending():
			s.rest(ws)
			return
		case err == ErrNotWritable || turn == maxTurns:
			s.startWriter(ws)
			return
		}
		rest, err = s.tryWrite(ws, ws.shift())
	}
}

// takeUp writes what is queued, in one piece. The caller owns the writer.
func (s *Session) takeUp(ws *webSocket) {
	if ws.in.poll == nil {
		s.startWriter(ws)
		return
	}
	frames := bytes.Join(ws.queue, nil)
	ws.queue, ws.queued = nil, 0
	rest, err := s.tryWrite(ws, frames)
	s.disown(ws, rest, err)
}

// startWriter hands the writer, which the caller owns, to a goroutine.
func (s *Session) startWriter(ws *webSocket) {
	ws.waits, ws.moved = true, s.srv.now()
	s.srv.start(func() { s.runWriter(ws) })
}

// maxBatch bounds what the writer goroutine writes at once, so that the count of
// what waits stays close to the truth, and a peer that takes a little is not taken
// for one that takes nothing.
const maxBatch = 64 << 10

// runWriter waits for the connection in place of those who send. It needs no
// deadline of its own: the heartbeat ends a session whose writer waits in vain
// (see stalled).
func (s *Session) runWriter(ws *webSocket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { ws.waits = false }()
	for ws.pending() {
		batch, size := ws.batch()
		s.mu.Unlock()
		_, err := batch.WriteTo(ws.in.conn)
		s.mu.Lock()
		ws.queued -= size
		ws.moved = s.srv.now()
		if err != nil {
			s.lose(ws)
			return
		}
	}
	s.rest(ws)
}

// rest leaves the writer idle. Nothing is queued.
func (s *Session) rest(ws *webSocket) {
	ws.writer = writerIdle
	s.tellFlushed()
	if ws == s.ws && ws.sealed && s.life == closing {
		// A peer of good will answers the close frame at once.
		s.closeBy = min(s.closeBy, s.srv.now()+lingerTimeout)
		s.arm()
	}
	ws.tellSettled()
}

// settle waits until nobody writes to ws, and lets nobody write again. The
// connection has a deadline. s.mu is held, and let go while it waits.
func (s *Session) settle(ws *webSocket) {
	for ws.writer == writerOwned {
		settled := make(chan struct{})
		ws.settled = settled
		s.mu.Unlock()
		<-settled
		s.mu.Lock()
	}
	ws.writer = writerBroken
}

func (ws *webSocket) tellSettled() {
	if ws.settled != nil {
		close(ws.settled)
		ws.settled = nil
	}
}

// lose notes that ws cannot be written to any more.
func (s *Session) lose(ws *webSocket) {
	ws.writer = writerBroken
	ws.queue, ws.pong, ws.beat, ws.queued = nil, nil, false, 0
	ws.tellSettled()
	switch {
	case ws == s.ws:
		s.end(TransportClose)
	case s.upgrade != nil && ws == s.upgrade.ws:
		s.abandonUpgrade()
	}
}

func (ws *webSocket) pending() bool { return len(ws.queue) > 0 || ws.pong != nil || ws.beat }

// queuedSize tells how many bytes frames count in the queue: about 40 more than
// they are, since that much is kept beside them.
func queuedSize(frames []byte) int { return len(frames) + 40 }

func (ws *webSocket) push(frames []byte) {
	ws.queue = append(ws.queue, frames)
	ws.queued += queuedSize(frames)
}

// shift takes the next frames out of the queue, which is not empty.
func (ws *webSocket) shift() []byte {
	if len(ws.queue) == 0 {
		frames := ws.pong
		if ws.beat {
			frames = slices.Concat(frames, pongPacket.frames())
		}
		ws.pong, ws.beat = nil, false
		return frames
	}
	frames := ws.queue[0]
	ws.queue[0] = nil
	if ws.queue = ws.queue[1:]; len(ws.queue) == 0 {
		ws.queue = nil // an idle session keeps no array
	}
	ws.queued -= queuedSize(frames)
	return frames
}

// batch takes frames, or the first part of a long one, out of the queue for one
// write. They stay counted.
func (ws *webSocket) batch() (batch net.Buffers, size int) {
	for ws.pending() && size < maxBatch {
		if len(ws.queue) > 0 && len(ws.queue[0]) > maxBatch {
			batch = append(batch, ws.queue[0][:maxBatch])
			ws.queue[0] = ws.queue[0][maxBatch:]
			ws.queued -= maxBatch
			size += maxBatch
			break
		}
		frames := ws.shift()
		batch = append(batch, frames)
		size += queuedSize(frames)
	}
	ws.queued += size
	return batch, size
}
