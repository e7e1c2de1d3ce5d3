package engineio

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"socketiojwt/internal/accept"
)

// writePackets answers a poll with packets.
func (srv *Server) writePackets(w http.ResponseWriter, r *http.Request, c codec, packets ...*Message) error {
	contentType, body := srv.payload(w.Header(), r, c, packets)
	return srv.answer(w, http.StatusOK, contentType, body)
}

// payload returns the body that answers a poll with packets, and its type. It sets the headers in h
// that compression needs.
func (srv *Server) payload(h http.Header, r *http.Request, c codec, packets []*Message) (contentType string, body []byte) {
	contentType, body = c.payload(packets)
	if srv.opts.CompressFrom >= 0 && len(body) >= srv.opts.CompressFrom && accept.Gzip(r) {
		if compressed, ok := gzipped(body); ok {
			body = compressed
			h.Set("Content-Encoding", "gzip")
		}
		h.Add("Vary", "Accept-Encoding")
	}
	srv.figures.sentBytes.Add(uint64(len(body)))
	return contentType, body
}

// answer writes a whole response and sets the time for it, because the user's
// WriteTimeout may be over when a poll is answered. net/http resets the deadline
// afterwards. It sets no time for a ResponseWriter without deadlines.
func (srv *Server) answer(w http.ResponseWriter, status int, contentType string, body []byte) error {
	if own, ok := w.(*parkedWriter); ok && !hasBegun(w) {
		return own.answer(status, contentType, body)
	}
	h := w.Header()
	values := []string{"no-store", strconv.Itoa(len(body)), "nosniff", contentType} // one array instead of four
	h["Cache-Control"], h["Content-Length"], h["X-Content-Type-Options"] = values[0:1:1], values[1:2:2], values[2:3:3]
	if h["Content-Type"] = values[3:4:4]; len(body) == 0 {
		delete(h, "Content-Type")
	}
	rc := http.NewResponseController(w)
	rc.SetWriteDeadline(time.Now().Add(srv.patience(srv.opts.PingTimeout)))
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil { //nolint:gosec // nosniff is set, and JSONP bodies are escaped in jsonp.go
		return err
	}
	if err := rc.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}
