package engineio

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"sync"
)

// requestReader reads a request from bytes.
type requestReader struct {
	bytes bytes.Reader
	buf   *bufio.Reader
}

var requestReaders = sync.Pool{New: func() any { return &requestReader{buf: bufio.NewReader(nil)} }}

// parsePoll returns the request that b consists of, if it looks like a poll and may be served
// without net/http. Otherwise it returns nil, and net/http decides what it is. net/http parses both,
// so what it would refuse or read differently is never served here:
//
//   - its path ends with path, which is Options.Path, so it is not for another route;
//   - b ends where the header ends, so there is neither a body nor another request;
//   - all bytes are printable ASCII, without the characters that only net/http checks;
//   - no header asks for more than a response.
func parsePoll(b []byte, path string) *http.Request {
	line, _, _ := bytes.Cut(b, []byte("\r\n"))
	resource, query, _ := bytes.Cut(line, []byte("?"))
	if !bytes.HasPrefix(resource, []byte("GET /")) || !bytes.HasSuffix(bytes.TrimSuffix(resource, []byte("/")), []byte(strings.TrimSuffix(path, "/"))) ||
		!bytes.Contains(query, []byte("transport=polling")) || !bytes.Contains(query, []byte("sid=")) ||
		!bytes.HasSuffix(query, []byte(" HTTP/1.1")) || !isPlainHeader(b) {
		return nil
	}
	in := requestReaders.Get().(*requestReader)
	defer requestReaders.Put(in)
	in.bytes.Reset(b)
	in.buf.Reset(&in.bytes)
	r, err := http.ReadRequest(in.buf)
	whole := in.buf.Buffered() == 0 && in.bytes.Len() == 0
	in.bytes.Reset(nil)
	if err != nil || !whole || !isPlainPoll(r) {
		return nil
	}
	return r
}

// isPlainHeader reports whether b ends with an empty line, and all other lines are printable ASCII
// that ends with \r\n.
func isPlainHeader(b []byte) bool {
	if !bytes.HasSuffix(b, []byte("\r\n\r\n")) {
		return false
	}
	for i, c := range b {
		switch {
		case c >= ' ' && c <= '~':
		case c == '\r' && i+1 < len(b) && b[i+1] == '\n', c == '\n' && i > 0 && b[i-1] == '\r':
		default:
			return false
		}
	}
	return !bytes.Contains(b, []byte("\r\n ")) // which continues a header
}

// isPlainPoll reports whether r has no body, and none of its headers asks for more than a response.
func isPlainPoll(r *http.Request) bool {
	if r.Method != http.MethodGet || r.Proto != "HTTP/1.1" || r.Close || r.ContentLength != 0 || r.Body != http.NoBody ||
		len(r.TransferEncoding) > 0 || r.URL.Host != "" || !isPlainHost(r.Host) {
		return false
	}
	for _, name := range []string{"Content-Length", "Expect", "Http2-Settings", "Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		if r.Header[name] != nil {
			return false
		}
	}
	for name := range r.Header {
		if !isHTTPToken(name) { // as with a space before the colon
			return false
		}
	}
	for _, value := range r.Header["Connection"] {
		if !strings.EqualFold(value, "keep-alive") {
			return false
		}
	}
	return true
}

// isPlainHost reports whether host is a name or an IP address, with or without a port.
func isPlainHost(host string) bool {
	for i := range len(host) {
		if c := rune(host[i]); !isHostChar(c) && !strings.ContainsRune(":[]", c) {
			return false
		}
	}
	return host != ""
}
