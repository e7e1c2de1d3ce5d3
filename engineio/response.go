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
	contentType, body := c.payload(packets)
	if srv.opts.CompressFrom >= 0 && len(body) >= srv.opts.CompressFrom && accept.Gzip(r) {
		if compressed, ok := gzipped(body); ok {
			body = compressed
			w.Header().Set("Content-Encoding", "gzip")
		}
		w.Header().Add("Vary", "Accept-Encoding")
	}
	srv.figures.sentBytes.Add(uint64(len(body)))
	return srv.answer(w, http.StatusOK, contentType, body)
}

// answer writes a whole response and sets the time for it, because the user's
// WriteTimeout may be over when a poll is answered. net/http resets the deadline
// afterwards. It sets no time for a ResponseWriter without deadlines.
func (srv *Server) answer(w http.ResponseWriter, status int, contentType string, body []byte) error {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", contentType)
	if len(body) == 0 {
		h.Del("Content-Type")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
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
