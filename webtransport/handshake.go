package webtransport

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/url"
)

// handshake lets engine begin a session on c, as if r had requested a WebSocket. It returns
// the status if engine refuses.
func handshake(engine http.Handler, r *http.Request, c *conn) (status int) {
	request := r.Clone(context.WithoutCancel(r.Context()))
	request.Method, request.Proto, request.ProtoMajor, request.ProtoMinor = http.MethodGet, "HTTP/1.1", 1, 1
	request.Body, request.ContentLength = http.NoBody, 0
	// The client sends no query. Its protocol is revision 4.
	request.URL.RawQuery = url.Values{"EIO": {"4"}, "transport": {"websocket"}}.Encode()
	request.RequestURI = request.URL.RequestURI()
	request.Header.Del("Sec-Websocket-Extensions")
	request.Header.Del("Sec-Websocket-Protocol")
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "websocket")
	request.Header.Set("Sec-Websocket-Version", "13")
	request.Header.Set("Sec-Websocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==") // the response is discarded
	w := &response{conn: c, header: http.Header{}}
	engine.ServeHTTP(w, request)
	if w.hijacked {
		return 0
	}
	return max(w.status, http.StatusBadRequest)
}

// response is the http.ResponseWriter of a handshake.
type response struct {
	conn     *conn
	header   http.Header
	status   int
	hijacked bool
}

// Header implements http.ResponseWriter.
func (w *response) Header() http.Header { return w.header }

// Write implements http.ResponseWriter. The text of a refusal cannot be sent.
func (w *response) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader implements http.ResponseWriter.
func (w *response) WriteHeader(status int) { w.status = status }

// Hijack implements http.Hijacker.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.hijacked = true
	return w.conn, bufio.NewReadWriter(bufio.NewReader(w.conn), bufio.NewWriter(w.conn)), nil
}
