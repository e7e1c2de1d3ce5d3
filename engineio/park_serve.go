package engineio

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
)

// home is an http.Server and its listener for connections that are no longer parked. Shutdown and Close
// of the http.Server end it.
type home struct {
	web   *http.Server
	conns chan net.Conn
	open  context.Context
	end   context.CancelFunc
}

// homeOf returns the home of the connections that web has accepted, or nil if web or srv has been shut down.
// Each http.Server has one, which costs a goroutine.
func (srv *Server) homeOf(web *http.Server) *home {
	srv.mu.Lock()
	h := srv.homes[web]
	isNew := h == nil && srv.phase == serving
	if isNew {
		h = &home{web: web, conns: make(chan net.Conn)}
		h.open, h.end = context.WithCancel(context.Background())
		srv.homes[web] = h
		go srv.keepHome(h)
	}
	srv.mu.Unlock()
	if isNew {
		h.serve(nil, nil) // waits until web has begun, or has been found to be shut down
	}
	if h == nil || h.hasEnded() {
		return nil
	}
	return h
}

// keepHome waits for the end of h. It then forgets h, because a program may replace its http.Server, and closes the
// connections that wait for their next request, as the http.Server does with its own.
func (srv *Server) keepHome(h *home) {
	_ = h.web.Serve(h)
	srv.mu.Lock()
	delete(srv.homes, h.web)
	srv.mu.Unlock()
	srv.closeParked(h, false)
}

// serve lets the http.Server serve the next request of conn, of which early has been read. It closes
// conn if the http.Server has been shut down.
func (h *home) serve(conn net.Conn, early []byte) {
	switch secure, ok := conn.(*tls.Conn); {
	case len(early) == 0:
	case ok:
		conn = &earlyTLS{secure, early}
	default:
		conn = &earlyConn{conn, early}
	}
	select {
	case h.conns <- conn:
	case <-h.open.Done():
		if conn != nil {
			closeWithin(conn, lingerTimeout)()
		}
	}
}

// hasEnded reports whether the http.Server has been shut down, or does not serve h for another reason.
func (h *home) hasEnded() bool { return h.open.Err() != nil }

// Accept implements net.Listener.
func (h *home) Accept() (net.Conn, error) {
	for {
		select {
		case conn := <-h.conns:
			if conn != nil {
				return conn, nil
			}
		case <-h.open.Done():
			return nil, net.ErrClosed
		}
	}
}

// Close implements net.Listener.
func (h *home) Close() error {
	h.end()
	return nil
}

// Addr implements net.Listener.
func (h *home) Addr() net.Addr { return &net.UnixAddr{Net: "parked"} }

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
