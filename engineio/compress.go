package engineio

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"sync"

	"socketiojwt/internal/accept"
)

// writePackets answers a poll with packets.
func (srv *Server) writePackets(w http.ResponseWriter, r *http.Request, c codec, packets ...*Message) error {
	contentType, body := c.payload(packets)
	return srv.writePayload(w, r, contentType, body)
}

// writePayload answers a poll with body.
func (srv *Server) writePayload(w http.ResponseWriter, r *http.Request, contentType string, body []byte) error {
	if srv.opts.CompressFrom >= 0 && len(body) >= srv.opts.CompressFrom && accept.Gzip(r) {
		body = gzipped(body)
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Add("Vary", "Accept-Encoding")
	}
	return srv.answer(w, http.StatusOK, contentType, body)
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
