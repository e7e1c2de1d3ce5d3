package engineio

import (
	"bytes"
	"compress/gzip"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// writePayload answers a poll with body.
func (srv *Server) writePayload(w http.ResponseWriter, r *http.Request, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	h.Set("Cache-Control", "no-store")
	if srv.opts.CompressFrom >= 0 && len(body) >= srv.opts.CompressFrom && acceptsGzip(r) {
		body = gzipped(body)
		h.Set("Content-Encoding", "gzip")
		h.Add("Vary", "Accept-Encoding")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))

	// The user's WriteTimeout may be over before a poll is answered, and a
	// deadline of ours must not outlive the response: the connection may
	// serve other handlers next.
	rc := http.NewResponseController(w)
	rc.SetWriteDeadline(time.Now().Add(srv.opts.PingTimeout))
	defer rc.SetWriteDeadline(time.Time{})
	if _, err := w.Write(body); err != nil {
		return err
	}
	if err := rc.Flush(); err != nil && !isUnsupported(err) {
		return err
	}
	return nil
}

func isUnsupported(err error) bool { return errors.Is(err, http.ErrNotSupported) }

// acceptsGzip reports whether the peer takes gzip (RFC 9110, section 12.5.3).
func acceptsGzip(r *http.Request) bool {
	for _, field := range r.Header.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(field, ",") {
			name, weight, _ := strings.Cut(coding, ";")
			if strings.EqualFold(strings.TrimSpace(name), "gzip") {
				return !isZeroWeight(weight)
			}
		}
	}
	return false
}

// isZeroWeight reports whether a parameter such as "q=0.0" says "not
// acceptable" (RFC 9110, section 12.4.2).
func isZeroWeight(parameter string) bool {
	value, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(parameter)), "q=")
	return ok && strings.Trim(value, "0.") == ""
}

var gzipWriters = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is a good one
	return w
}}

func gzipped(body []byte) []byte {
	w := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(w)
	var out bytes.Buffer
	w.Reset(&out)
	w.Write(body) // a bytes.Buffer takes everything
	w.Close()
	return out.Bytes()
}
