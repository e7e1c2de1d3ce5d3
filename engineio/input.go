package engineio

import (
	"io"
	"net"
	"runtime"
	"sync"
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
	next   func()      // what the goroutine that reads does when it has passed on reading; mostly nil
}

func newInput(conn net.Conn, early []byte) input {
	return input{conn: conn, poll: newPollConn(conn), secure: newSecureConn(conn), data: early}
}

const (
	pooledBufferSize = 8 << 10
	ownBufferSize    = 512
)

type (
	readBuffer [pooledBufferSize]byte
	ownBuffer  [ownBufferSize]byte
)

var readBuffers = sync.Pool{New: func() any { return new(readBuffer) }}

// wait returns when there is something to take, or an error. If the peer has sent more in
// the meantime, other goroutines run first, once per buffer. Otherwise the reader of a busy
// peer would keep its processor for 10 ms at a time.
func (in *input) wait() error {
	if len(in.data) > 0 {
		return nil
	}
	in.release()
	if in.poll != nil {
		waited, err := in.poll.read(in)
		if !waited {
			runtime.Gosched()
		}
		return err
	}
	runtime.Gosched() // before the read and not after it, so that the message of a quiet peer does not wait
	if in.secure != nil {
		return in.secure.read(in)
	}
	if in.own == nil {
		in.own = new(ownBuffer)
	}
	n, err := in.conn.Read(in.own[:])
	in.data = in.own[:n]
	if n > 0 {
		return nil // the next read returns the error again
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// await is wait for a goroutine whose stack must stay small.
func (in *input) await() error {
	if in.secure != nil {
		in.secure.wait()
		return nil
	}
	return in.wait()
}

// awaits reports whether await must be called before wait, because nothing has been read that
// is not used yet. It is false if await cannot wait for the connection.
func (in *input) awaits() bool {
	switch {
	case len(in.data) > 0:
		return false
	case in.secure != nil:
		in.release()
		return in.secure.isEmpty(in)
	}
	return in.poll != nil
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

// Read implements io.Reader.
func (in *input) Read(p []byte) (int, error) {
	chunk, err := in.take(len(p))
	return copy(p, chunk), err
}

// handOver gives next to another goroutine, because this one goes on reading.
func (in *input) handOver() {
	if in.next != nil {
		go in.next()
		in.next = nil
	}
}

// release returns the buffer to the pool. What take returned is no longer valid.
func (in *input) release() {
	in.handOver() // the caller is going to wait
	if in.buf != nil {
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
