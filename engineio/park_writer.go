package engineio

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// parkedWriter is the http.ResponseWriter of a parked connection. It writes the response when it is
// flushed, as Server.answer does, or when finish is called. Middleware may write a response too.
type parkedWriter struct {
	k        *parked
	header   http.Header
	minor    int   // of the version of HTTP
	status   int   // zero until WriteHeader
	length   int64 // of the body, as the header announces; -1 if it does not
	written  int64 // bytes that the handler has written
	body     []byte
	deadline time.Time // for writing; zero means the default
	err      error     // of a write; nothing is sent any more
	sent     bool      // the header has been sent
	chunked  bool
	over     bool // the response has ended, or the connection belongs to a poll that waits
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
	switch {
	case w.status != 0:
	case status < 100 || status > 999:
		panic(fmt.Sprintf("invalid WriteHeader code %d", status)) // as net/http does
	case status >= 200:
		w.status, w.length = status, announcedLength(w.header)
	}
}

// announcedLength returns the Content-Length in h, or -1 if there is none or it is not valid.
func announcedLength(h http.Header) int64 {
	n, err := strconv.ParseUint(h.Get("Content-Length"), 10, 63)
	if err != nil {
		return -1
	}
	return int64(n)
}

// Write implements http.ResponseWriter.
func (w *parkedWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	switch {
	case w.over:
		return 0, http.ErrHijacked
	case w.err != nil:
		return 0, w.err
	case len(p) > 0 && !w.allowsBody():
		return 0, http.ErrBodyNotAllowed
	}
	w.written += int64(len(p))
	if w.length >= 0 && w.written > w.length { // the peer would take it for the next response
		return 0, http.ErrContentLength
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

// FlushError is called by http.ResponseController.
func (w *parkedWriter) FlushError() error {
	if w.over {
		return http.ErrHijacked
	}
	return w.flush(false)
}

// flush sends what has not been sent. Last says that it is the rest of the response. If the length
// is not known before, the body is chunked; the responses to HTTP/1.0 have a length.
func (w *parkedWriter) flush(last bool) error {
	w.WriteHeader(http.StatusOK)
	if w.err != nil {
		return w.err
	}
	var b bytes.Buffer
	if !w.sent {
		w.sent, w.chunked = true, w.length < 0 && w.allowsBody()
		b.Grow(512 + len(w.body))
		w.appendHead(&b)
	}
	if w.chunked && len(w.body) > 0 {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(w.body), w.body)
	} else {
		b.Write(w.body)
	}
	if w.chunked && last {
		b.WriteString("0\r\n\r\n")
	}
	w.body = w.body[:0]
	if b.Len() > 0 {
		w.err = w.send(b.Bytes())
	}
	return w.err
}

// appendHead appends the head of the response. The headers that say where the body ends are not the
// handler's.
func (w *parkedWriter) appendHead(b *bytes.Buffer) {
	h := w.header
	if hasToken(h["Connection"], "close") {
		w.k.closeAfterResponse()
	}
	if _, typed := h["Content-Type"]; !typed && len(w.body) > 0 && h["Content-Encoding"] == nil {
		h.Set("Content-Type", http.DetectContentType(w.body))
	}
	delete(h, "Transfer-Encoding")
	delete(h, "Trailer")
	switch {
	case w.chunked:
		h["Transfer-Encoding"] = []string{"chunked"}
		fallthrough
	case !w.allowsBody():
		delete(h, "Content-Length")
	default:
		h["Content-Length"] = []string{strconv.FormatInt(w.length, 10)}
	}
	if w.status == http.StatusNotModified {
		delete(h, "Content-Type")
	}
	if _, dated := h["Date"]; !dated {
		h["Date"] = []string{time.Now().UTC().Format(http.TimeFormat)}
	}
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
	if w.over {
		return nil
	}
	w.WriteHeader(http.StatusOK)
	if !w.sent && w.length < 0 {
		w.length = w.written
	}
	err := w.flush(true)
	w.over = true
	if err == nil && w.allowsBody() && w.length >= 0 && w.length != w.written {
		return errWrongLength
	}
	return err
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
