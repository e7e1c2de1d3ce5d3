package engineio

import (
	"net"
	"slices"
	"sync"
	"time"
)

// writerState says who writes to a WebSocket.
type writerState uint8

const (
	writerIdle    writerState = iota
	writerQueued              // the queue is left to a flusher
	writerOwned               // a sender or a flusher writes, without waiting
	writerWaiting             // the writer goroutine runs
	writerBroken              // nothing can be written any more
)

// writer is what a WebSocket has yet to write, and who writes it. The session's mutex
// guards it.
type writer struct {
	queue  [][]byte // frames of whole messages, or the rest of one
	queued int      // bytes that count in Options.MaxOutbound: queue, and what the goroutine is writing
	pong   string   // the frame that answers the latest ping frame (RFC 6455, section 5.5.3); a string is smaller than a slice

	pongPacket bool // a ping packet is to be answered
	sealed     bool // the close frame is queued or written, and nothing may follow it (RFC 6455, section 5.5.1)
	state      writerState
	delivers   bool // the goroutine that reads delivers the current message, and not that of a POST
	touched    tick // when it was written to last; zero if the peer has sent something since then

	progress time.Duration // while the goroutine runs: when the connection last took something
	released chan struct{} // closed when the writer is released; nil if no goroutine waits for that
}

// maxBatch bounds what the writer goroutine writes at once, so that queued stays
// accurate, and a peer that takes little is not mistaken for one that takes nothing.
const maxBatch = 64 << 10

// owned reports whether a sender, a flusher or the writer goroutine writes.
func (w *writer) owned() bool { return w.state == writerOwned || w.state == writerWaiting }

// pending reports whether there is something to write.
func (w *writer) pending() bool { return len(w.queue) > 0 || w.pong != "" || w.pongPacket }

// queuedSize returns how many bytes frames count in the queue: about 40 more than their
// length, which is what the queue needs for them.
func queuedSize(frames []byte) int { return len(frames) + 40 }

// setQueued sets queued. The server's figure counts it while the writer goroutine runs, because
// the time for which a sender owns the writer is short.
func (ws *webSocket) setQueued(n int) {
	if ws.state == writerWaiting {
		ws.session.srv.figures.queued.Add(int64(n - ws.queued))
	}
	ws.queued = n
}

// shortQueue is the array of a queue that has not grown.
type shortQueue [4][]byte

// queues pools the arrays of queues, because a broadcast needs one for each session. A session with
// nothing queued has none.
var queues = sync.Pool{New: func() any { return new(shortQueue) }}

// recycle returns the array of a queue to the pool. All of the queue has been taken out.
func recycle(queue [][]byte) {
	if cap(queue) == len(shortQueue{}) {
		queues.Put((*shortQueue)(queue[:cap(queue)]))
	}
}

func (ws *webSocket) push(frames []byte) {
	if ws.queue == nil {
		ws.queue = queues.Get().(*shortQueue)[:0]
	}
	ws.queue = append(ws.queue, frames)
	ws.setQueued(ws.queued + queuedSize(frames))
}

// unshift puts the rest of frames that were being written back.
func (ws *webSocket) unshift(rest []byte) {
	ws.queue = append([][]byte{rest}, ws.queue...)
	ws.setQueued(ws.queued + queuedSize(rest))
}

// shift takes the next frames out of the queue, which is not empty. Answers to pings
// come after everything else.
func (ws *webSocket) shift() []byte {
	if len(ws.queue) == 0 {
		frames := []byte(ws.pong)
		if ws.pongPacket {
			frames = slices.Concat(frames, pongPacket.frames())
		}
		ws.pong, ws.pongPacket = "", false
		return frames
	}
	frames := ws.queue[0]
	ws.queue[0] = nil
	if ws.queue = ws.queue[1:]; len(ws.queue) == 0 {
		ws.queue = nil // an idle session keeps no array
	}
	ws.setQueued(ws.queued - queuedSize(frames))
	return frames
}

// batch takes frames, or the first part of a long one, out of the queue for one write.
// They stay counted in queued.
func (ws *webSocket) batch() (batch net.Buffers, size int) {
	for ws.pending() && size < maxBatch {
		if len(ws.queue) > 0 && len(ws.queue[0]) > maxBatch {
			batch = append(batch, ws.queue[0][:maxBatch])
			ws.queue[0] = ws.queue[0][maxBatch:]
			ws.setQueued(ws.queued - maxBatch)
			size += maxBatch
			break
		}
		frames := ws.shift()
		batch = append(batch, frames)
		size += queuedSize(frames)
	}
	ws.setQueued(ws.queued + size)
	return batch, size
}

// setState changes who writes, and wakes endWriting if the writer is released.
func (w *writer) setState(state writerState) {
	w.state = state
	if !w.owned() && w.released != nil {
		close(w.released)
		w.released = nil
	}
}
