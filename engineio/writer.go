package engineio

import (
	"net"
	"slices"
	"time"
)

// writerState says who writes to a WebSocket.
type writerState uint8

const (
	writerIdle    writerState = iota
	writerOwned               // a sender writes, without waiting
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
	corked     bool // the writer is owned by a batch, which writes the queue at its end
	sealed     bool // the close frame is queued or written, and nothing may follow it (RFC 6455, section 5.5.1)
	state      writerState

	progress time.Duration // while the goroutine runs: when the connection last took something
	released chan struct{} // closed when the writer is released; nil if no goroutine waits for that
}

// maxBatch bounds what the writer goroutine writes at once, so that queued stays
// accurate, and a peer that takes little is not mistaken for one that takes nothing.
const maxBatch = 64 << 10

// owned reports whether a sender or the writer goroutine writes.
func (w *writer) owned() bool { return w.state == writerOwned || w.state == writerWaiting }

// pending reports whether there is something to write.
func (w *writer) pending() bool { return len(w.queue) > 0 || w.pong != "" || w.pongPacket }

// queuedSize returns how many bytes frames count in the queue: about 40 more than their
// length, which is what the queue needs for them.
func queuedSize(frames []byte) int { return len(frames) + 40 }

func (w *writer) push(frames []byte) {
	w.queue = append(w.queue, frames)
	w.queued += queuedSize(frames)
}

// unshift puts the rest of frames that were being written back.
func (w *writer) unshift(rest []byte) {
	w.queue = append([][]byte{rest}, w.queue...)
	w.queued += queuedSize(rest)
}

// shift takes the next frames out of the queue, which is not empty. Answers to pings
// come after everything else.
func (w *writer) shift() []byte {
	if len(w.queue) == 0 {
		frames := []byte(w.pong)
		if w.pongPacket {
			frames = slices.Concat(frames, pongPacket.frames())
		}
		w.pong, w.pongPacket = "", false
		return frames
	}
	frames := w.queue[0]
	w.queue[0] = nil
	if w.queue = w.queue[1:]; len(w.queue) == 0 {
		w.queue = nil // an idle session keeps no array
	}
	w.queued -= queuedSize(frames)
	return frames
}

// batch takes frames, or the first part of a long one, out of the queue for one write.
// They stay counted in queued.
func (w *writer) batch() (batch net.Buffers, size int) {
	for w.pending() && size < maxBatch {
		if len(w.queue) > 0 && len(w.queue[0]) > maxBatch {
			batch = append(batch, w.queue[0][:maxBatch])
			w.queue[0] = w.queue[0][maxBatch:]
			w.queued -= maxBatch
			size += maxBatch
			break
		}
		frames := w.shift()
		batch = append(batch, frames)
		size += queuedSize(frames)
	}
	w.queued += size
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
