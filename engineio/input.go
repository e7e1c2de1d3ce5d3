package engineio

import (
	"io"
	"net"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"socketiojwt/internal/turns"
)

// input reads a connection for a frameReader. A connection that waits for its peer holds no
// buffer: if the connection can be polled, the buffer is taken from a pool only when there
// are bytes to read, and returned when the last of them has been used. The same holds for TLS
// over such a connection. Other connections cannot wait without a buffer, so they keep a small
// one.
//
// Only one goroutine may use an input at a time.
type input struct {
	conn   net.Conn
	poll   *pollConn   // nil if the connection cannot be polled
	secure *secureConn // nil if the connection is not TLS over one that can be polled
	data   []byte      // read, but not used yet
	buf    *readBuffer // the buffer that contains data; nil if data is elsewhere
	own    *ownBuffer  // of other connections
	next   Task        // what the goroutine that reads does when it has passed on reading; mostly nil
}

// watcher is a connection that can do without the goroutine of pollConn.watch (see fdConn).
type watcher interface {
	net.Conn
	syscall.Conn

	// watch does what pollConn.watch does, and does not wait. It reports false if that needs a goroutine.
	watch(p *pollConn) bool
}

func newInput(conn net.Conn, early []byte) input {
	return input{conn: conn, poll: newPollConn(conn), secure: newSecureConn(conn), data: early}
}

const (
	pooledBufferSize = 8<<10 - turnSize
	ownBufferSize    = 512
	turnSize         = int(unsafe.Sizeof(turns.Turn{}))
)

// Buffers contain the turn of the goroutine that reads into them, so that an input that waits
// needs no room for it.
type (
	readBuffer struct {
		turn  turns.Turn
		bytes [pooledBufferSize]byte
	}
	ownBuffer struct {
		turn  turns.Turn
		bytes [ownBufferSize]byte
	}
)

var readBuffers = sync.Pool{New: func() any { return new(readBuffer) }}

// turn returns the turn of the goroutine that reads. It is nil if nothing was read into a
// buffer yet.
func (in *input) turn() *turns.Turn {
	switch {
	case in.buf != nil:
		return &in.buf.turn
	case in.own != nil:
		return &in.own.turn
	}
	return nil
}

// wait returns when there is something to take, or an error. If the peer has sent more in
// the meantime, other goroutines run first, once per buffer, and the turn goes on. Otherwise
// the reader of a busy peer would keep its processor for 10 ms at a time.
func (in *input) wait() error {
	if len(in.data) > 0 {
		return nil
	}
	in.handOver()
	if in.poll != nil {
		return in.waitPolled()
	}
	turn := in.leaveBuffer()
	runtime.Gosched() // before the read and not after it, so that the message of a quiet peer does not wait
	if in.secure != nil {
		err := in.secure.read(in)
		in.goOn(turn)
		return err
	}
	if in.own == nil {
		in.own = new(ownBuffer)
	}
	in.own.turn.Check()
	n, err := in.conn.Read(in.own.bytes[:])
	in.own.turn.Waited()
	in.data = in.own.bytes[:n]
	if n > 0 {
		return nil // the next read returns the error again
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// waitPolled is wait for a connection that can be polled. It holds no buffer while it waits.
func (in *input) waitPolled() error {
	for waited := false; ; waited = true {
		found, err := in.readPolled()
		if found && !waited {
			in.buf.turn.Check()
			runtime.Gosched()
		}
		if found || err != nil {
			return err
		}
		in.release()
		if err := in.poll.await(); err != nil {
			return err
		}
	}
}

// readPolled reads what has arrived, and does not wait. It reports false if there is nothing, or an error. It
// reads into the buffer that in has, all of which has been used.
func (in *input) readPolled() (found bool, err error) {
	if in.buf == nil {
		in.buf = readBuffers.Get().(*readBuffer)
	}
	n, err := in.poll.read(in.buf.bytes[:])
	in.data = in.buf.bytes[:n]
	return n > 0, err
}

// rest ends the caller's use of a connection that can be polled or, by TLS, is watched, after isEmpty. It reports false if the caller
// must read again. Otherwise another goroutine may use the input from now on.
func (in *input) rest() bool {
	in.release()
	if in.secure != nil {
		return in.secure.poll.Load().rest()
	}
	return in.poll.rest()
}

// leaveBuffer releases the buffer from the pool, and returns its turn, which may end here.
func (in *input) leaveBuffer() (turn turns.Turn) {
	if in.buf != nil {
		in.buf.turn.Check()
		turn = in.buf.turn
	}
	in.release()
	return turn
}

// goOn goes on with a turn in a new buffer, unless the goroutine has waited for the peer.
func (in *input) goOn(turn turns.Turn) {
	if in.buf != nil && turn != (turns.Turn{}) {
		in.buf.turn = turn
		in.buf.turn.Waited()
	}
}

// isEmpty reports whether nothing has been read that is not used yet, so that another goroutine should wait for
// the peer. It does not wait, and may read. It is false if only a goroutine that reads can wait. If it
// finds more although the caller has read before, other goroutines run first, as wait does.
func (in *input) isEmpty(readBefore bool) (empty bool, err error) {
	switch {
	case len(in.data) > 0:
		return false, nil
	case in.secure != nil && in.secure.canRead(): // wait goes on with the turn, which is in the buffer
	case in.secure != nil:
		turn := in.leaveBuffer()
		empty = in.secure.isEmpty(in)
		in.goOn(turn)
	case in.poll != nil:
		var found bool
		if found, err = in.readPolled(); found && readBefore {
			in.buf.turn.Check()
			runtime.Gosched()
		}
		empty = !found && err == nil
	default:
		return false, nil
	}
	if !empty {
		in.handOver() // or a peer that never pauses would put it off
	}
	return empty, err
}

// ready reports whether take returns without waiting.
func (in *input) ready() bool { return len(in.data) > 0 }

// take returns at least one byte and at most limit. They are valid until the next wait.
func (in *input) take(limit int) ([]byte, error) {
	if err := in.wait(); err != nil {
		return nil, err
	}
	n := min(limit, len(in.data))
	chunk := in.data[:n:n]
	in.data = in.data[n:]
	return chunk, nil
}

// maxRead bounds what readInto reads at once, so that other goroutines get their turns.
const maxRead = 64 << 10

// readInto reads into b, which must not be empty, instead of a buffer of in. It waits until there is
// at least one byte. It must not be called when in is ready, or if the connection cannot be polled.
func (in *input) readInto(b []byte) (n int, err error) {
	in.handOver()
	in.leaveBuffer()
	for waited := false; ; waited = true {
		n, err = in.poll.read(b[:min(len(b), maxRead)])
		if n > 0 || err != nil {
			if !waited {
				turns.Pass() // there is no buffer that could keep the turn, so it ends
			}
			return n, err
		}
		if err := in.poll.await(); err != nil {
			return 0, err
		}
	}
}

// Read implements io.Reader.
func (in *input) Read(p []byte) (int, error) {
	chunk, err := in.take(len(p))
	return copy(p, chunk), err
}

// gathers reports whether the connection writes several buffers with one system call.
func (in *input) gathers() bool {
	_, watches := in.conn.(watcher)
	return in.poll != nil && !watches
}

// handOver gives next to another goroutine, because this one goes on reading.
func (in *input) handOver() {
	if in.next != nil {
		go in.next.Run()
		in.next = nil
	}
}

// release returns the buffer to the pool. What take returned is no longer valid.
func (in *input) release() {
	if in.buf != nil {
		in.buf.turn = turns.Turn{}
		readBuffers.Put(in.buf)
		in.buf = nil
	}
	in.data = nil
}

// extend appends chunk to data. The capacity exceeds limit only if the length does.
func extend(data, chunk []byte, limit int) []byte {
	if need := len(data) + len(chunk); need > cap(data) {
		grown := make([]byte, len(data), max(need, min(2*cap(data), limit)))
		copy(grown, data)
		data = grown
	}
	return append(data, chunk...)
}
