package engineio

import (
	"io"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
)

// refusal is an error as the protocol's clients know it. Its numbers and texts
// are those of the Node server.
type refusal struct {
	status  int
	Code    int    `json:"code"`
	Message string `json:"message"`
}

var (
	refuseTransport      = &refusal{http.StatusBadRequest, 0, "Transport unknown"}
	refuseUnknownSession = &refusal{http.StatusBadRequest, 1, "Session ID unknown"}
	refuseMethod         = &refusal{http.StatusBadRequest, 2, "Bad handshake method"}
	refuseBadRequest     = &refusal{http.StatusBadRequest, 3, "Bad request"}
	refuseForbidden      = &refusal{http.StatusForbidden, 4, "Forbidden"}
	refuseProtocol       = &refusal{http.StatusBadRequest, 5, "Unsupported protocol version"}

	// The Node server has no numbers for these.
	refuseTooLarge   = &refusal{http.StatusRequestEntityTooLarge, 3, "Payload too large"}
	refuseBusy       = &refusal{http.StatusServiceUnavailable, 4, "Service unavailable"}
	refuseNoHijacker = &refusal{http.StatusInternalServerError, 3, "WebSocket unavailable"}
)

// refuse answers r with refused: in JSON, or for a WebSocket with the bare
// message, since no browser shows the body of such a response.
func (srv *Server) refuse(w http.ResponseWriter, r *http.Request, refused *refusal) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if refused.status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	if isWebSocketRequest(r) {
		h.Set("Connection", "close")
		h.Set("Content-Type", "text/html")
		w.WriteHeader(refused.status)
		io.WriteString(w, refused.Message)
		return
	}
	body, err := json.Marshal(refused)
	if err != nil {
		body = []byte(`{"code":3,"message":"Bad request"}`) // a message that is not UTF-8
	}
	h.Set("Content-Type", "application/json")
	w.WriteHeader(refused.status)
	w.Write(body)
}

// isWebSocketRequest reports whether r asks for a WebSocket (RFC 6455, section
// 4.2.1).
func isWebSocketRequest(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket") && hasToken(r.Header.Values("Connection"), "upgrade")
}

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
