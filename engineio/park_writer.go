package engineio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// parkedWriter is the http.ResponseWriter of a request on a parked connection. The responses of this package
// are written by answer. Middleware may write a response too. If all of its body is known before anything is
// sent, that is sent with its length. If not, it is sent in chunks, and the last one is sent when the handler has
// returned. So nothing that a handler says can make a part of its response look like the next one, or like all
// of it.
type parkedWriter struct {
	k       *parked
	header  http.Header
	sent    http.Header // the header as it was at WriteHeader; later changes are not sent
	minor   int         // of the version of HTTP
	status  int         // zero until WriteHeader
	length  int64       // of the body, as the handler has announced; -1 if it has not
	written int64       // bytes that the handler has written
	body    []byte      // what has not been sent
	chunked bool        // the header has been sent, and the body is sent in chunks
	over    bool        // the response is complete, or the connection belongs to a poll that waits
	err     error       // of a write; nothing is sent any more
}

// maxHeldBody is how much of a body is kept until it is sent.
const maxHeldBody = 64 << 10

// errShortBody says that a handler has written less of a body than it has announced.
var errShortBody = errors.New("engineio: body shorter than Content-Length")

// answer writes a response of this package.
func (w *parkedWriter) answer(status int, contentType string, body []byte) error {
	buf := batches.Get().(*[]byte)
	defer batches.Put(buf)
	b := w.k.appendAnswer((*buf)[:0], w.minor, status, w.header, contentType, body)
	if cap(b) <= 2*maxBatch {
		*buf = b
	}
	w.over, w.err = true, w.k.send(b)
	return w.err
}

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
		w.status, w.length, w.sent = status, -1, w.header.Clone()
		if n, err := strconv.ParseUint(w.header.Get("Content-Length"), 10, 63); err == nil {
			w.length = int64(n)
		}
	}
}

// Write implements http.ResponseWriter.
func (w *parkedWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	switch {
	case w.err != nil:
		return 0, w.err
	case len(p) > 0 && !w.allowsBody():
		return 0, http.ErrBodyNotAllowed
	case w.length >= 0 && w.written+int64(len(p)) > w.length:
		w.k.closeAfterResponse() // as net/http does
		return 0, http.ErrContentLength
	case w.over:
		return 0, http.ErrHijacked
	}
	w.written += int64(len(p))
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

// Flush implements http.Flusher.
func (w *parkedWriter) Flush() { _ = w.FlushError() }

// FlushError is called by http.ResponseController.
func (w *parkedWriter) FlushError() error {
	w.WriteHeader(http.StatusOK)
	return w.flush(!w.allowsBody() || w.written == w.length)
}

// flush sends what has not been sent. Last says that nothing follows.
func (w *parkedWriter) flush(last bool) error {
	if w.over || w.err != nil {
		return w.err
	}
	var b bytes.Buffer
	if w.chunked {
		w.appendChunks(&b, last)
	} else {
		w.chunked = !last
		w.appendResponse(&b)
	}
	w.body = w.body[:0]
	if b.Len() > 0 {
		w.err = w.k.send(b.Bytes())
	}
	w.over = last && w.err == nil
	return w.err
}

// appendResponse appends the head and what is known of the body. http.Response.Write ignores what the header
// says about the length.
func (w *parkedWriter) appendResponse(b *bytes.Buffer) {
	h := w.sent
	if h["Connection"] != nil {
		w.k.closeAfterResponse()
		delete(h, "Connection")
	}
	if _, typed := h["Content-Type"]; !typed && len(w.body) > 0 && h["Content-Encoding"] == nil {
		h.Set("Content-Type", http.DetectContentType(w.body))
	}
	if w.status == http.StatusNotModified {
		delete(h, "Content-Type")
	}
	if _, dated := h["Date"]; !dated {
		h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	response := http.Response{
		StatusCode: w.status, ProtoMajor: 1, ProtoMinor: 1, Close: w.k.isLast(), Header: h,
		ContentLength: int64(len(w.body)), Body: io.NopCloser(bytes.NewReader(w.body)),
	}
	if w.chunked {
		response.ContentLength, response.TransferEncoding = -1, []string{"chunked"}
	}
	_ = response.Write(b) // a buffer does not fail
	if w.chunked {
		b.Truncate(b.Len() - len(lastChunk))
	}
}

// lastChunk ends a body that is sent in chunks (RFC 9112, section 7.1).
const lastChunk = "0\r\n\r\n"

// appendChunks appends what is known of the rest of the body.
func (w *parkedWriter) appendChunks(b *bytes.Buffer, last bool) {
	if len(w.body) > 0 {
		fmt.Fprintf(b, "%x\r\n%s\r\n", len(w.body), w.body)
	}
	if last {
		b.WriteString(lastChunk)
	}
}

// finish sends what the handler has left, unless a poll waits. After an error the connection must be
// closed.
func (w *parkedWriter) finish() error {
	if w.over {
		return w.err
	}
	w.WriteHeader(http.StatusOK)
	if w.allowsBody() && w.written < w.length {
		return errShortBody
	}
	return w.flush(true)
}
