package engineio

import (
	"errors"
	"io"
	"net/http"
	"strings"
)

// revision is the revision of the protocol that a peer speaks, the EIO of its
// requests. Zero is one that we do not speak.
type revision uint8

const (
	revision3 revision = 3
	revision4 revision = 4
)

// encoding says how packets are written for a peer.
type encoding uint8

const (
	encoding4       encoding = iota // revision 4
	encoding4Base64                 // revision 4, on a WebSocket of a peer that takes binary data only as base64
	encoding3                       // revision 3
	encoding3Base64                 // revision 3, for peers that take binary data only as base64
)

func (e encoding) revision() revision {
	if e == encoding4 || e == encoding4Base64 {
		return revision4
	}
	return revision3
}

// parameters is what the query of a request says (Engine.IO protocol 3, "URLs").
type parameters struct {
	revision  revision
	transport Transport
	sid       string
	base64    bool   // b64: the peer takes no binary data on this transport
	callback  string // j: the response has to be a script that calls this one; only in revision 3
}

// readParameters reads the query of r. Those that revision 4 does not have mean
// nothing in it.
func (srv *Server) readParameters(r *http.Request) parameters {
	query := r.URL.Query()
	p := parameters{transport: Transport(query.Get("transport")), sid: query.Get("sid"), base64: query.Get("b64") != ""}
	switch query.Get("EIO") {
	case "4":
		p.revision = revision4
	case "3": // not whatever is not 4, as the Node server has it: clients say what they speak
		if srv.opts.AllowEIO3 {
			p.revision = revision3
			p.callback = query.Get("j")
		}
	}
	return p
}

// encoding returns how packets are written on the transport that the request begins.
func (p parameters) encoding() encoding {
	switch {
	case p.revision != revision3 && p.base64 && p.transport == WebSocket:
		return encoding4Base64
	case p.revision != revision3: // by polling, binary data is base64 in any case
		return encoding4
	case p.base64 || p.callback != "":
		return encoding3Base64
	default:
		return encoding3
	}
}

// originShown reports whether a page cannot have sent r, which the origin rule let
// in, without its origin being known. A script that a page loads from elsewhere
// shows none where the browser is too old for Sec-Fetch-Site.
func (p parameters) originShown(r *http.Request) bool {
	return p.callback == "" || r.Header.Get("Sec-Fetch-Site") != ""
}

// isCallback reports whether j is a number, as the clients make them.
func isCallback(j string) bool {
	return len(j) <= 10 && strings.Trim(j, "0123456789") == ""
}

// hasBody reports whether r has a body that is not empty. The length of an empty
// one may be unknown: it may be chunked, and proxies that speak HTTP/2 often
// announce a body and send none. A body that is left unread would be taken for
// what follows the request.
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
