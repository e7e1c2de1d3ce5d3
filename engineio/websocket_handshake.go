package engineio

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"net/http"

	"github.com/gobwas/ws"
)

// accepted is a request that has become a WebSocket.
type accepted struct {
	conn     net.Conn
	response []byte // the 101 response, not written yet
	early    []byte // bytes that the peer sent without waiting for the response
	deflate  bool   // the response accepts permessage-deflate
}

// Values of headers for the library, which only reads them.
var (
	connectionUpgrade = []string{"Upgrade"}
	upgradeWebSocket  = []string{"websocket"}
)

// acceptWebSocket takes over the connection of r, which checkUpgrade must have accepted. The
// response contains header and subprotocol, unless that is empty. The caller must write it,
// and can do so together with the first packets. If acceptWebSocket fails, the caller must
// answer r.
func acceptWebSocket(w http.ResponseWriter, r *http.Request, header http.Header, subprotocol string) (accepted, error) {
	// The library gets only the headers that it needs, in the spelling that it accepts.
	request := &http.Request{
		Method: http.MethodGet, ProtoMajor: 1, ProtoMinor: 1, Host: r.Host,
		Header: http.Header{
			"Connection":  connectionUpgrade,
			"Upgrade":     upgradeWebSocket,
			headerVersion: r.Header[headerVersion],
			headerKey:     r.Header[headerKey],
		},
	}
	if subprotocol != "" {
		request.Header[headerProtocol] = []string{subprotocol}
	}
	if request.Host == "" {
		request.Host = "none" // an http.Handler may be called without a host, which only the library misses
	}
	t := &takeover{writer: w}
	conn, _, _, err := ws.HTTPUpgrader{Header: header, Protocol: func(string) bool { return true }}.Upgrade(request, t)
	if conn != nil && err != nil {
		conn.Close()
	}
	switch {
	case errors.Is(err, ws.ErrNotHijacker):
		return accepted{}, errNoHijacker
	case err != nil:
		return accepted{}, err
	}
	return accepted{conn: conn, response: t.response.Bytes(), early: t.early}, nil
}

var errNoHijacker = errors.New("the http.ResponseWriter has no Hijack method; a middleware that wraps it needs an Unwrap method")

// takeover is the http.ResponseWriter that the library gets. It hijacks the real one, keeps
// the response instead of writing it, and keeps none of net/http's buffers.
type takeover struct {
	writer   http.ResponseWriter
	response bytes.Buffer
	early    []byte
}

// Hijack implements http.Hijacker.
func (t *takeover) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(t.writer).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if n := rw.Reader.Buffered(); n > 0 {
		early, _ := rw.Reader.Peek(n)
		t.early = bytes.Clone(early)
	}
	conn, rest := unwrap(conn)
	t.early = append(t.early, rest...)
	rw.Writer.Reset(&t.response)
	return conn, rw, nil
}

// Header, Write and WriteHeader discard the response of the library if it cannot hijack,
// because the caller of acceptWebSocket answers the request.
func (t *takeover) Header() http.Header         { return http.Header{} }
func (t *takeover) Write(p []byte) (int, error) { return len(p), nil }
func (t *takeover) WriteHeader(int)             {}
