package engineio

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// webSocketVersion is the version of RFC 6455.
const webSocketVersion = "13"

// Header fields of RFC 6455 in the form of keys of http.Header. Looking them up in their
// usual form allocates.
const (
	headerKey      = "Sec-Websocket-Key"
	headerVersion  = "Sec-Websocket-Version"
	headerProtocol = "Sec-Websocket-Protocol"
)

// isWebSocketRequest reports whether r requests a WebSocket (RFC 6455, section 4.2.1).
// Upgrade is ignored in HTTP/1.0 and does not exist in HTTP/2 (RFC 9110, section 7.8).
func isWebSocketRequest(r *http.Request) bool {
	return speaksHTTP11(r) && hasToken(r.Header.Values("Upgrade"), "websocket") && hasToken(r.Header.Values("Connection"), "upgrade")
}

// speaksHTTP11 reports whether r uses HTTP/1.1, which a WebSocket requires.
func speaksHTTP11(r *http.Request) bool { return r.ProtoMajor == 1 && r.ProtoMinor >= 1 }

func hasToken(fields []string, token string) bool {
	for _, field := range fields {
		for one := range strings.SplitSeq(field, ",") {
			if strings.EqualFold(strings.TrimSpace(one), token) {
				return true
			}
		}
	}
	return false
}

// checkTransport returns a refusal if r does not fit the transport that its query names.
func checkTransport(r *http.Request, t Transport) *refusal {
	switch {
	case t == WebSocket && !speaksHTTP11(r):
		return refuseHTTPVersion
	case (t == WebSocket) != isWebSocketRequest(r):
		return refuseBadRequest
	case t == WebSocket:
		return checkUpgrade(r)
	}
	return nil
}

// checkUpgrade returns a refusal if a request for a WebSocket is not valid (RFC 6455,
// section 4.2.1). The texts are those of the Node server.
func checkUpgrade(r *http.Request) *refusal {
	if keys := r.Header[headerKey]; len(keys) != 1 || !isWebSocketKey(keys[0]) {
		return refuseWebSocketKey
	}
	switch versions := r.Header[headerVersion]; {
	case len(versions) == 0:
		return refuseNoWebSocketVersion
	case len(versions) > 1 || versions[0] != webSocketVersion:
		return refuseWebSocketVersion
	}
	if _, ok := firstSubprotocol(r); !ok {
		return refuseSubprotocol
	}
	return nil
}

// isWebSocketKey reports whether key is 16 bytes in base64.
func isWebSocketKey(key string) bool {
	var buf [18]byte // the most that 24 characters decode to
	if len(key) != 24 {
		return false
	}
	n, err := base64.StdEncoding.Decode(buf[:], []byte(key))
	return err == nil && n == 16
}

// firstSubprotocol returns the first subprotocol that r offers, which is the one that the
// Node server chooses, or "" if r offers none. It reports false for a list that RFC 6455,
// section 4.1, does not allow.
func firstSubprotocol(r *http.Request) (first string, ok bool) {
	fields := r.Header[headerProtocol]
	if len(fields) == 0 {
		return "", true
	}
	seen := make(map[string]struct{})
	for _, field := range fields {
		for one := range strings.SplitSeq(field, ",") {
			one = strings.Trim(one, " \t")
			if _, again := seen[one]; again || !isHTTPToken(one) {
				return "", false
			}
			if len(seen) == 0 {
				first = one
			}
			seen[one] = struct{}{}
		}
	}
	return first, true
}

// isHTTPToken reports whether s is a token (RFC 9110, section 5.6.2).
func isHTTPToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || '9' < c) && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

// accept turns r into a WebSocket of s whose writer the caller owns, or refuses r and returns nil.
// The caller must write the response, and can do so together with the first packets. It has the
// headers of w, and sets cookie unless that is empty. Limit is that of newWebSocket.
func (srv *Server) accept(w http.ResponseWriter, r *http.Request, s *Session, c codec, limit int32, cookie string) (ws *webSocket, response []byte) {
	extension, ok := srv.negotiate(r)
	if !ok {
		srv.refuse(w, r, refuseExtensions)
		return nil, nil
	}
	header := w.Header()
	conn, early, err := hijack(w)
	if err != nil {
		srv.refuseNoHijacker(w, r, err)
		return nil, nil
	}
	conn.SetDeadline(time.Time{}) // those of the http.Server
	ws = newWebSocket(s, srv.shared.detach(conn), early, c, limit)
	ws.deflate = extension != ""
	return ws, upgradeResponse(r, header, cookie, extension)
}

// negotiate returns the extension that the response to r accepts, or "". It reports false if r
// must be refused.
func (srv *Server) negotiate(r *http.Request) (extension string, ok bool) {
	if !srv.opts.PerMessageDeflate {
		return "", true
	}
	return negotiateDeflate(r.Header[headerExtensions])
}

// refuseNoHijacker refuses r because its connection cannot be taken over.
func (srv *Server) refuseNoHijacker(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, http.ErrNotSupported) {
		err = errNoHijacker
	}
	srv.faults.Log(r.Context(), srv.log, slog.LevelError, "writer", "engineio: WebSocket not opened", "error", err, "writer", fmt.Sprintf("%T", w))
	srv.refuse(w, r, refuseNoHijacker)
}

// upgradeHeader returns the headers that middleware has set, for a response with status
// 101: without those that describe the protocol or a body.
func upgradeHeader(set http.Header) http.Header {
	header := make(http.Header, len(set)+1)
	for name, values := range set {
		canonical := http.CanonicalHeaderKey(name)
		switch canonical {
		case "Connection", "Upgrade", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding",
			"Content-Length", "Content-Type", "Content-Encoding", "Content-Range":
			continue
		}
		if !strings.HasPrefix(canonical, "Sec-Websocket-") && !strings.HasPrefix(canonical, http.TrailerPrefix) {
			header[canonical] = append(header[canonical], values...)
		}
	}
	return header
}
