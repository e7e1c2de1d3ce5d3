package engineio

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// parkedWriter is the http.ResponseWriter of a parked connection. It writes the response when it is
// flushed, as Server.answer does, or when finish is called. Middleware may write a response too.
type parkedWriter struct {
	k        *parked
	header   http.Header
	minor    int // of the version of HTTP
	status   int // zero until WriteHeader
	body     []byte
	written  int       // bytes of the body that have been sent
	deadline time.Time // for writing; zero means the default
	sent     bool      // the header has been sent
	taken    bool      // the connection belongs to a poll that waits
}

// maxHeldBody is how much of a body is kept until it is sent.
const maxHeldBody = 64 << 10

// errWrongLength says that a handler has written a body of another length than it has announced.
var errWrongLength = errors.New("engineio: wrong Content-Length")

// Header implements http.ResponseWriter.
func (w *parkedWriter) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter. Only the first call counts, and informational
// responses are not sent.
func (w *parkedWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
}

// Write implements http.ResponseWriter.
func (w *parkedWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	switch {
	case w.taken:
		return 0, http.ErrHijacked
	case !w.allowsBody():
		return 0, http.ErrBodyNotAllowed
	}
	w.body = append(w.body, p...)
	if len(w.body) > maxHeldBody {
		if err := w.FlushError(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// allowsBody reports whether the response may have a body (RFC 9110, section 6.4.1).
func (w *parkedWriter) allowsBody() bool {
	return w.status != http.StatusNoContent && w.status != http.StatusNotModified
}

// SetReadDeadline is called by http.ResponseController. There is nothing to read, so only a deadline
// in the past counts, which ends the connection.
func (w *parkedWriter) SetReadDeadline(t time.Time) error {
	if t.IsZero() || t.After(time.Now()) {
		return nil
	}
	return w.k.conn.SetReadDeadline(t)
}

// SetWriteDeadline is called by http.ResponseController. A deadline that is not in the past is set
// when a write must wait.
func (w *parkedWriter) SetWriteDeadline(t time.Time) error {
	if t.IsZero() || t.After(time.Now()) {
		w.deadline = t
		return nil
	}
	return w.k.conn.SetWriteDeadline(t)
}

// Flush implements http.Flusher.
func (w *parkedWriter) Flush() { _ = w.FlushError() }

// FlushError is called by http.ResponseController. If the length of the body is not known yet, the
// end of the connection ends it.
func (w *parkedWriter) FlushError() error {
	if w.taken {
		return http.ErrHijacked
	}
	w.WriteHeader(http.StatusOK)
	var b bytes.Buffer
	if !w.sent {
		w.sent = true
		if w.header["Content-Length"] == nil && w.allowsBody() {
			w.k.closeAfterResponse()
		}
		b.Grow(512 + len(w.body))
		w.appendHead(&b)
	}
	b.Write(w.body)
	w.written += len(w.body)
	w.body = w.body[:0]
	if b.Len() == 0 {
		return nil
	}
	return w.send(b.Bytes())
}

// appendHead appends the head of the response.
func (w *parkedWriter) appendHead(b *bytes.Buffer) {
	h := w.header
	delete(h, "Transfer-Encoding")
	delete(h, "Trailer")
	if hasToken(h["Connection"], "close") {
		w.k.closeAfterResponse()
	}
	if _, typed := h["Content-Type"]; !typed && len(w.body) > 0 && h["Content-Encoding"] == nil {
		h.Set("Content-Type", http.DetectContentType(w.body))
	}
	h["Date"] = []string{time.Now().UTC().Format(http.TimeFormat)}
	if w.k.isLast() {
		h["Connection"] = []string{"close"}
	}
	b.WriteString("HTTP/1." + strconv.Itoa(w.minor) + " " + strconv.Itoa(w.status) + " " + http.StatusText(w.status) + "\r\n")
	_ = h.Write(b) // a buffer does not fail
	b.WriteString("\r\n")
}

// finish sends what the handler has left, unless a poll waits. After an error the connection must be
// closed.
func (w *parkedWriter) finish() error {
	if w.taken {
		return nil
	}
	w.WriteHeader(http.StatusOK)
	if !w.sent && w.header["Content-Length"] == nil && w.allowsBody() {
		w.header.Set("Content-Length", strconv.Itoa(len(w.body)))
	}
	if !w.sent || len(w.body) > 0 {
		if err := w.FlushError(); err != nil {
			return err
		}
	}
	if length := w.header.Get("Content-Length"); length != "" && length != strconv.Itoa(w.written) {
		return errWrongLength
	}
	return nil
}

// send writes b. It sets the deadline only if it must wait, because that costs as much as a part of
// the write.
func (w *parkedWriter) send(b []byte) (err error) {
	if w.k.watch != nil {
		if b, err = w.k.watch.write(b); err != nil {
			return err
		}
	}
	if len(b) == 0 {
		return nil
	}
	return w.k.write(b, w.deadline)
}
