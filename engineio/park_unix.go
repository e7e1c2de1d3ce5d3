//go:build unix

package engineio

import (
	"crypto/tls"
	"errors"
	"os"
	"syscall"
	"time"
)

// watch waits until the peer of a parked connection sends something, without a buffer.
type watch struct {
	k      *parked
	raw    syscall.RawConn
	secure *tls.Conn // nil without TLS
	ended  bool
	buf    *readBuffer // what the peer has sent; nil if nothing
	n      int         // bytes of buf
}

// newWatch returns nil if the connection of k cannot be polled.
func newWatch(k *parked) *watch {
	conn := k.conn
	secure, _ := conn.(*tls.Conn)
	if secure != nil {
		conn = secure.NetConn()
	}
	raw := pollable(conn)
	if raw == nil {
		return nil
	}
	return &watch{k: k, raw: raw, secure: secure}
}

// drain takes what TLS has read from the connection already, which peek cannot see.
func (w *watch) drain() {
	if w.secure != nil {
		w.read(longAgo)
	}
}

// await waits for the peer with a small stack.
func (w *watch) await() {
	for w.wait() && w.secure != nil && !w.k.idle() && !w.read(time.Now().Add(recordTimeout)) {
	}
	w.k.wake()
}

// recordTimeout bounds the read of a TLS record of which a part has come.
const recordTimeout = time.Second

// read reads a byte, because only TLS can tell a request from an alert that ends the connection.
// It reports false if there is none yet.
func (w *watch) read(deadline time.Time) (done bool) {
	k := w.k
	k.mu.Lock()
	if !k.ended {
		k.timed = true
		k.conn.SetReadDeadline(deadline)
	}
	k.mu.Unlock()
	var b [1]byte
	n, err := w.secure.Read(b[:])
	k.mu.Lock()
	defer k.mu.Unlock()
	k.early = append(k.early, b[:n]...)
	if n == 0 && !errors.Is(err, os.ErrDeadlineExceeded) {
		k.ended = true
	}
	k.setDeadline()
	return n > 0 || k.ended
}

// wait waits until there is something to read, and reads it unless it is TLS. It reports false if
// nothing will come any more.
func (w *watch) wait() bool {
	look := w.take
	if w.secure != nil {
		look = w.peek
	}
	err := w.raw.Read(look)
	if err != nil || w.ended {
		w.k.mu.Lock()
		w.k.ended = true
		w.k.mu.Unlock()
		return false
	}
	return true
}

// take reads into a buffer from the pool.
func (w *watch) take(fd uintptr) (done bool) {
	buf := readBuffers.Get().(*readBuffer)
	n, err := ignoringInterrupts(syscall.Read, int(fd), buf.bytes[:])
	if n > 0 {
		w.buf, w.n = buf, n
		return true
	}
	readBuffers.Put(buf)
	w.ended = err != syscall.EAGAIN
	return w.ended
}

// canRead reports whether wait reads what it waits for.
func (w *watch) canRead() bool { return w.secure == nil }

// input returns what take has read.
func (w *watch) input() []byte {
	if w.buf == nil {
		return nil
	}
	return w.buf.bytes[:w.n]
}

// release returns the buffer to the pool.
func (w *watch) release() {
	if w.buf != nil {
		readBuffers.Put(w.buf)
		w.buf = nil
	}
}

// write writes as much of b as the connection takes at once, and returns the rest. There may be no
// watch.
func (w *watch) write(b []byte) (rest []byte, err error) {
	if w == nil || w.secure != nil {
		return b, nil
	}
	return writeOnce(w.raw, b)
}

// peek looks for bytes without taking them.
func (w *watch) peek(fd uintptr) (done bool) {
	var b [1]byte
	n, err := ignoringInterrupts(peek, int(fd), b[:])
	w.ended = n == 0 && err == 0 || err != 0 && err != syscall.EAGAIN
	return err != syscall.EAGAIN
}

func peek(fd int, b []byte) (int, error) {
	n, _, err := syscall.Recvfrom(fd, b, syscall.MSG_PEEK)
	return n, err
}
