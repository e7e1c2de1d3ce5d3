//go:build !unix

package engineio

import "net"

// pollConn is only implemented on Unix. Elsewhere every connection is read with a small
// buffer and written by a goroutine.
type pollConn struct{}

func newPollConn(net.Conn) *pollConn { return nil }

func (*pollConn) read(*input) (bool, error) { panic("engineio: not polled") }

func (*pollConn) write(b []byte) ([]byte, error) { panic("engineio: not polled") }

func (*pollConn) hasEnded() bool { panic("engineio: not polled") }

// watch is only implemented on Unix. Elsewhere no connection is parked.
type watch struct{}

func newWatch(*parked) *watch { return nil }

func (*watch) drain() { panic("engineio: not polled") }

func (*watch) await() { panic("engineio: not polled") }
