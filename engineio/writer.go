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
	first  []byte     // what is written next: frames of whole messages, or the rest of one; empty if nothing is queued
	more   *frameList // what is queued behind them; nil if there is nothing
	queued int        // bytes that count in Options.MaxOutbound: the queue, and what the goroutine is writing
	pong   string     // the frame that answers the latest ping frame (RFC 6455, section 5.5.3); a string is smaller than a slice

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
func (w *writer) pending() bool { return len(w.first) > 0 || w.pong != "" || w.pongPacket }

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

// push queues frames, which must not be empty.
func (ws *webSocket) push(frames []byte) {
	if len(ws.first) == 0 {
		ws.first = frames
	} else {
		ws.behind().add(frames)
	}
	ws.setQueued(ws.queued + queuedSize(frames))
}

// behind returns the list of what is queued behind the first frames.
func (w *writer) behind() *frameList {
	if w.more == nil {
		w.more = frameLists.Get().(*frameList)
	}
	return w.more
}

// unshift puts the rest of frames that were being written back.
func (ws *webSocket) unshift(rest []byte) {
	if len(ws.first) > 0 {
		l := ws.behind()
		l.frames = slices.Insert(l.frames, l.taken, ws.first)
	}
	ws.first = rest
	ws.setQueued(ws.queued + queuedSize(rest))
}

// shift takes the next frames out of the queue, or the answers to pings if the queue is empty.
func (ws *webSocket) shift() []byte {
	frames := ws.first
	if len(frames) == 0 {
		frames = []byte(ws.pong)
		if ws.pongPacket {
			frames = slices.Concat(frames, pongPacket.frames())
		}
		ws.pong, ws.pongPacket = "", false
		return frames
	}
	ws.first = nil
	if ws.more != nil {
		ws.first = ws.more.take()
		if ws.more.empty() {
			ws.more.free()
			ws.more = nil
		}
	}
	ws.setQueued(ws.queued - queuedSize(frames))
	return frames
}

// batch takes frames, or the first part of a long one, out of the queue for one write.
// They stay counted in queued.
func (ws *webSocket) batch() (batch net.Buffers, size int) {
	for ws.pending() && size < maxBatch {
		if len(ws.first) > maxBatch {
			batch = append(batch, ws.first[:maxBatch])
			ws.first = ws.first[maxBatch:]
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

// drop drops what is to be written.
func (ws *webSocket) drop() {
	ws.first, ws.more, ws.pong, ws.pongPacket = nil, nil, "", false
	ws.setQueued(0)
}

// setState changes who writes, and wakes endWriting if the writer is released.
func (w *writer) setState(state writerState) {
	w.state = state
	if !w.owned() && w.released != nil {
		close(w.released)
		w.released = nil
	}
}

// A frameList is what a writer has queued behind the first frames. Lists are pooled, because a session has none
// most of the time, and needs one for each burst.
type frameList struct {
	frames [][]byte // from taken on
	taken  int
}

// maxSpareList bounds the capacity of the lists that are pooled.
const maxSpareList = 16

var frameLists = sync.Pool{New: func() any { return new(frameList) }}

// add appends frames. The memory of a list that is never empty follows its length.
func (l *frameList) add(frames []byte) {
	if len(l.frames) == cap(l.frames) {
		l.frames, l.taken = l.frames[l.taken:], 0 // append makes a new array
	}
	l.frames = append(l.frames, frames)
}

// take takes the first frames of a list that is not empty.
func (l *frameList) take() []byte {
	frames := l.frames[l.taken]
	l.frames[l.taken] = nil
	l.taken++
	return frames
}

func (l *frameList) empty() bool { return l.taken == len(l.frames) }

// free returns an empty list to the pool.
func (l *frameList) free() {
	if cap(l.frames) <= maxSpareList {
		l.frames, l.taken = l.frames[:0], 0
		frameLists.Put(l)
	}
}
