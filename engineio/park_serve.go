package engineio

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync/atomic"
)

// serveAgain lets web serve the next request of conn, of which early has been read, or closes
// conn if web is closed.
func serveAgain(web *http.Server, conn net.Conn, early []byte) {
	switch secure, ok := conn.(*tls.Conn); {
	case len(early) == 0:
	case ok:
		conn = &earlyTLS{secure, early}
	default:
		conn = &earlyConn{conn, early}
	}
	_ = web.Serve(&oneConn{conn: conn}) // it ends when it asks for another connection
}

// oneConn is a net.Listener that returns one connection.
type oneConn struct {
	conn     net.Conn
	accepted atomic.Bool // or closed
}

// Accept implements net.Listener.
func (l *oneConn) Accept() (net.Conn, error) {
	if l.accepted.Swap(true) {
		return nil, net.ErrClosed
	}
	return l.conn, nil
}

// Close implements net.Listener.
func (l *oneConn) Close() error {
	if !l.accepted.Swap(true) {
		closeWithin(l.conn, lingerTimeout)()
	}
	return nil
}

// Addr implements net.Listener.
func (l *oneConn) Addr() net.Addr { return l.conn.LocalAddr() }

// earlyBytes are the first bytes of a connection, read already.
type earlyBytes []byte

// read is io.Reader.Read, before from is read.
func (e *earlyBytes) read(p []byte, from io.Reader) (int, error) {
	if len(*e) == 0 {
		return from.Read(p)
	}
	n := copy(p, *e)
	*e = (*e)[n:]
	return n, nil
}

// earlyConn is a connection with early bytes.
type earlyConn struct {
	net.Conn
	early earlyBytes
}

// Read implements net.Conn.
func (c *earlyConn) Read(p []byte) (int, error) { return c.early.read(p, c.Conn) }

// earlyTLS is earlyConn for TLS. http.Server calls its method ConnectionState.
type earlyTLS struct {
	*tls.Conn
	early earlyBytes
}

// Read implements net.Conn.
func (c *earlyTLS) Read(p []byte) (int, error) { return c.early.read(p, c.Conn) }

// unwrap returns the connection inside an earlyConn or earlyTLS, and the rest of its early
// bytes.
func unwrap(conn net.Conn) (net.Conn, []byte) {
	switch conn := conn.(type) {
	case *earlyConn:
		return conn.Conn, conn.early
	case *earlyTLS:
		return conn.Conn, conn.early
	}
	return conn, nil
}
