package engineio

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"sync"

	"socketiojwt/internal/accept"
)

// writePackets answers a poll with packets.
func (srv *Server) writePackets(w http.ResponseWriter, r *http.Request, p parameters, form encoding, packets ...*Message) error {
	const text = "text/plain; charset=UTF-8"
	switch {
	case form == encoding4:
		return srv.writePayload(w, r, text, joinPayload(packets))
	case p.callback != "":
		body, _ := joinPayload3(encoding3Base64, packets)
		return srv.writePayload(w, r, "text/javascript; charset=UTF-8", script(p.callback, body))
	}
	body, isBytes := joinPayload3(form, packets)
	if isBytes {
		return srv.writePayload(w, r, "application/octet-stream", body)
	}
	return srv.writePayload(w, r, text, body)
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
