package engineio

import (
	"errors"
	"io"
	"net/http"
	"strings"
)

// parameters is the query of a request (Engine.IO protocol 3, "URLs").
type parameters struct {
	codec     codec // nil if the server does not speak the peer's revision
	transport Transport
	sid       string
}

// readParameters reads the query of r. It returns a refusal with the parameters if they
// are malformed.
func (srv *Server) readParameters(r *http.Request) (p parameters, refused *refusal) {
	get := func(name string) string { return plainValue(r.URL.RawQuery, name) }
	if strings.ContainsAny(r.URL.RawQuery, "%+;") { // which mean something; parsing all parameters takes a microsecond
		get = r.URL.Query().Get
	}
	p.transport, p.sid = Transport(get("transport")), get("sid")
	switch get("EIO") {
	case "4":
		p.codec = codec4{base64: get("b64") != ""}
	case "3": // the Node server treats every other value as 3, but clients name their revision
		if srv.opts.AllowEIO3 {
			p.codec, refused = newLegacy(r.URL.Query())
		}
	}
	return p, refused
}

// plainValue returns the first value of a parameter in a query without escapes.
func plainValue(query, name string) string {
	for one := range strings.SplitSeq(query, "&") {
		if key, value, _ := strings.Cut(one, "="); key == name {
			return value
		}
	}
	return ""
}

// credentials reports whether the response must allow credentials whatever Options.CORS
// says.
func (p parameters) credentials() bool { return p.codec != nil && p.codec.rules().credentials }

// hasBody reports whether r has a body that is not empty. The length of an empty body may
// be unknown: the body may be chunked, and proxies that speak HTTP/2 often announce a body
// and send none. A body that is not read would be taken for the next request.
func hasBody(r *http.Request) bool {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return false
	}
	if r.ContentLength > 0 {
		return true
	}
	_, err := io.ReadFull(r.Body, make([]byte, 1))
	return !errors.Is(err, io.EOF)
}
