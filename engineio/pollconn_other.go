//go:build !unix

package engineio

import (
	"net"
	"sync/atomic"
)

// pollConn is only implemented on Unix. Elsewhere every connection is read with a small
// buffer and written by a goroutine.
type pollConn struct{}

func newPollConn(net.Conn) *pollConn { return nil }

func (*pollConn) read([]byte) (int, error) { panic("engineio: not polled") }

func (*pollConn) await() error { panic("engineio: not polled") }

func (*pollConn) startWatch(*webSocket, bool) { panic("engineio: not polled") }

func (*pollConn) rest() bool { panic("engineio: not polled") }

func (*pollConn) endWatch(net.Conn) { panic("engineio: not polled") }

func (*pollConn) write(b []byte) ([]byte, error) { panic("engineio: not polled") }

func (*pollConn) hasEnded() bool { panic("engineio: not polled") }

func (*input) boundUnsent(int) {} // the kernel's own bound holds

// watch is only implemented on Unix. Elsewhere no connection is parked.
type watch struct{}

func newWatch(*parked) *watch { return nil }

func (*watch) drain() { panic("engineio: not polled") }

func (*watch) await() { panic("engineio: not polled") }

func (*watch) canRead() bool { panic("engineio: not polled") }

func (*watch) input() []byte { panic("engineio: not polled") }

func (*watch) release() { panic("engineio: not polled") }

func (*watch) write(b []byte) ([]byte, error) { return b, nil }

// secureConn is only implemented on Unix. Elsewhere TLS is read with a small buffer.
type secureConn struct {
	poll    atomic.Pointer[pollConn]
	aborted atomic.Bool
}

func newSecureConn(net.Conn) *secureConn { return nil }

func (*secureConn) canRead() bool { panic("engineio: not polled") }

func (*secureConn) isEmpty(*input) bool { panic("engineio: not polled") }

func (*secureConn) isWatched() bool { panic("engineio: not polled") }

func (*secureConn) wait() { panic("engineio: not polled") }

func (*secureConn) read(*input) error { panic("engineio: not polled") }
