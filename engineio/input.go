package engineio

import (
	"io"
	"net"
	"runtime"
	"sync"
)

// input reads a connection for a frameReader. Its point is that a connection
// that waits for its peer holds no buffer: where the connection can be polled,
// the buffer is taken from a pool only when bytes are there to be read, and
// given back when the last of them has been used. Other connections, such as
// TLS, cannot be asked without a buffer, so they keep a small one.
//
// It belongs to one goroutine at a time.
type input struct {
	conn net.Conn
	poll *pollConn   // nil when the connection cannot be polled
	data []byte      // read and not used yet
	buf  *readBuffer // where data lies; nil when it lies elsewhere
	own  []byte      // the buffer of a connection that cannot be polled
}

const (
	pooledBufferSize = 8 << 10
	ownBufferSize    = 512
)

type readBuffer [pooledBufferSize]byte

var readBuffers = sync.Pool{New: func() any { return new(readBuffer) }}

// wait returns when there is something to take, or an error. A peer that has sent
// more before it is read lets the goroutines of others run first, once in a buffer:
// its reader would keep its processor for 10 ms at a time.
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
	runtime.Gosched() // before the read, whose result a quiet peer must not wait for
	if in.own == nil {
		in.own = make([]byte, ownBufferSize)
	}
	n, err := in.conn.Read(in.own)
	in.data = in.own[:n]
	if n > 0 {
		return nil // an error would come again
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// ready reports whether there is something to take without waiting.
func (in *input) ready() bool { return len(in.data) > 0 }

// take returns up to limit bytes, at least one. They are valid until the next
// wait.
func (in *input) take(limit int) ([]byte, error) {
	if err := in.wait(); err != nil {
		return nil, err
	}
	n := min(limit, len(in.data))
	chunk := in.data[:n:n]
	in.data = in.data[n:]
	return chunk, nil
}

// Read makes input an io.Reader.
func (in *input) Read(p []byte) (int, error) {
	chunk, err := in.take(len(p))
	return copy(p, chunk), err
}

// release gives the pooled buffer back. What take returned is no longer valid.
func (in *input) release() {
	if in.buf != nil {
		readBuffers.Put(in.buf)
		in.buf = nil
	}
	in.data = nil
}

// extend appends chunk to data, whose capacity grows to no more than limit as long as
// its length does not.
func extend(data, chunk []byte, limit int) []byte {
	if need := len(data) + len(chunk); need > cap(data) {
		grown := make([]byte, len(data), max(need, min(2*cap(data), limit)))
		copy(grown, data)
		data = grown
	}
	return append(data, chunk...)
}
