package socketio

import (
	"net/http"
	"strings"
	"time"
	"unique"

	"socketiojwt/engineio"
)

// firstRequest is what a connection keeps of its first request: what is the same for most
// connections is shared with them. The session has the peer's address and the protocol.
type firstRequest struct {
	visited unique.Handle[visited]
	at      int64 // Unix time in nanoseconds
	shown   *shown
}

// visited is what was asked for, and from where.
type visited struct {
	origin, host, path string
	tls                bool
}

// shown is the part of a first request that may hold secrets, and that only the first CONNECT
// sees completely. It is not changed.
type shown struct {
	header   http.Header
	rawQuery string
	tooLarge bool
}

// usualQuery is the query of most clients that begin with a WebSocket, and nothingElse what is
// left of their first requests.
const usualQuery = "EIO=4&transport=websocket"

var nothingElse = &shown{rawQuery: usualQuery}

// maxKept bounds the origin, host and path, which are kept for as long as the connection.
const maxKept = 1 << 10

// readFirstRequest returns what a connection keeps of its first request, at most limit bytes,
// and its approximate size.
func readFirstRequest(r *http.Request, limit int) (first firstRequest, size int) {
	at, all, size := partsOf(r, limit)
	// A substring would keep the memory of the whole request. unique copies the texts, once for
	// all connections that have the same.
	return firstRequest{unique.Make(at), time.Now().UnixNano(), all}, size
}

// partsOf returns the parts of a first request, and the size that readFirstRequest returns.
func partsOf(r *http.Request, limit int) (at visited, all *shown, size int) {
	size = requestBytes(r)
	all = &shown{tooLarge: size > limit}
	kept := func(text string) string {
		if len(text) > maxKept {
			all.tooLarge = true
			return ""
		}
		return text
	}
	at = visited{kept(r.Header.Get("Origin")), kept(r.Host), kept(r.URL.Path), r.TLS != nil}
	if all.tooLarge {
		size = 0
	} else {
		all.header, all.rawQuery = r.Header, r.URL.RawQuery
	}
	return at, all, size + len(at.origin) + len(at.host) + len(at.path) + handshakeBytes
}

// time returns when the request came.
func (f *firstRequest) time() time.Time { return time.Unix(0, f.at) }

// handshake returns the handshake of a socket of the session.
func (f *firstRequest) handshake(session *engineio.Session) *Handshake {
	h := f.public(session)
	h.Header, h.rawQuery, h.TooLarge = f.shown.header, f.shown.rawQuery, f.shown.tooLarge
	return h
}

// public returns a handshake without the fields that may hold secrets.
func (f *firstRequest) public(session *engineio.Session) *Handshake {
	at := f.visited.Value()
	return &Handshake{
		RemoteAddr: session.RemoteAddr(), Protocol: session.Protocol(), OriginChecked: session.OriginChecked(),
		Origin: at.origin, Host: at.host, Path: at.path, TLS: at.tls,
		Time: f.time(), TooLarge: f.shown.tooLarge,
	}
}

// keep returns a copy with only the named headers. It does not keep the memory of the request.
func (s *shown) keep(names []string) *shown {
	kept := &shown{tooLarge: s.tooLarge}
	for _, name := range names {
		values := s.header[name]
		if len(values) == 0 {
			continue
		}
		if kept.header == nil {
			kept.header = make(http.Header, 1)
		}
		for _, v := range values {
			kept.header[name] = append(kept.header[name], strings.Clone(v))
		}
	}
	if kept.header == nil && !s.tooLarge && s.rawQuery == usualQuery {
		return nothingElse
	}
	kept.rawQuery = strings.Clone(s.rawQuery)
	return kept
}
