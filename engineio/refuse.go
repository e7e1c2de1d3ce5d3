package engineio

import (
	"errors"
	"html"
	"net/http"
	"strconv"
	"strings"
	"time"

	"socketiojwt/internal/wirejson"
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
	if refused.status == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
		w.Header().Set("Retry-After", "1")
	}
	if refused.status == http.StatusRequestEntityTooLarge {
		w.Header().Set("Connection", "close") // rather than read what is refused
	}
	if isWebSocketRequest(r) {
		w.Header().Set("Connection", "close")
		srv.answer(w, refused.status, "text/html", []byte(html.EscapeString(refused.Message)))
		return
	}
	body, err := wirejson.Marshal(refused)
	if err != nil { // only Options.Allow can have given a message that is not UTF-8
		body, _ = wirejson.Marshal(&refusal{Code: refused.Code, Message: http.StatusText(refused.status)})
	}
	srv.answer(w, refused.status, "application/json", body)
}

// answer writes a response whole and sets the time for it: the user's
// WriteTimeout may be over when a poll is answered. net/http takes the deadline
// back afterwards. A ResponseWriter that knows no deadlines has none.
func (srv *Server) answer(w http.ResponseWriter, status int, contentType string, body []byte) error {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	rc := http.NewResponseController(w)
	rc.SetWriteDeadline(time.Now().Add(srv.patience(srv.opts.PingTimeout)))
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		return err
	}
	if err := rc.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
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
