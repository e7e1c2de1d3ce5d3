package engineio

import (
	"html"
	"net/http"
	"strconv"
	"time"

	"socketiojwt/internal/wirejson"
)

// refusal is an error response of the protocol. The codes and messages are those of the
// Node server.
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

	// The Node server has no codes for these. Its response with status 413 has no message.
	refuseTooLarge    = &refusal{http.StatusRequestEntityTooLarge, 3, ""}
	refuseRate        = &refusal{http.StatusTooManyRequests, 3, "Too many packets"}
	refuseHTTPVersion = &refusal{http.StatusBadRequest, 3, "WebSocket needs HTTP/1.1"}
	refuseBusy        = &refusal{http.StatusServiceUnavailable, 4, "Service unavailable"}
	refuseNoHijacker  = &refusal{http.StatusInternalServerError, 3, "WebSocket unavailable"}

	refuseWebSocketKey       = &refusal{http.StatusBadRequest, 3, "Missing or invalid Sec-WebSocket-Key header"}
	refuseNoWebSocketVersion = &refusal{http.StatusBadRequest, 3, "Missing or invalid Sec-WebSocket-Version header"}
	refuseWebSocketVersion   = &refusal{http.StatusUpgradeRequired, 3, "Missing or invalid Sec-WebSocket-Version header"}
	refuseSubprotocol        = &refusal{http.StatusBadRequest, 3, "Invalid Sec-WebSocket-Protocol header"}
	refuseExtensions         = &refusal{http.StatusBadRequest, 3, "Invalid or unacceptable Sec-WebSocket-Extensions header"}
)

// refuseBecause counts a refusal for its cause, and answers r with it: in JSON or, if r requests a WebSocket, with only the
// message, because browsers do not show the body of such a response. If there is no
// message, the response has no body.
func (srv *Server) refuseBecause(w http.ResponseWriter, r *http.Request, refused *refusal, cause refusalCause) {
	srv.figures.refused[cause].Add(1)
	h := w.Header()
	webSocket := isWebSocketRequest(r)
	if webSocket {
		h.Set("Connection", "close")
	}
	switch refused.status {
	case http.StatusServiceUnavailable:
		if h.Get("Retry-After") == "" {
			setRetryAfter(h, time.Second)
		}
	case http.StatusRequestEntityTooLarge:
		h.Set("Connection", "close") // instead of reading the rest of the body
	case http.StatusUpgradeRequired: // RFC 6455, section 4.2.2; RFC 9110, section 15.5.22
		h.Set("Sec-WebSocket-Version", webSocketVersion)
		h.Set("Upgrade", "websocket")
		h.Set("Connection", "close, Upgrade")
	}
	switch {
	case refused.Message == "":
		srv.answer(w, refused.status, "", nil)
	case webSocket:
		srv.answer(w, refused.status, "text/html", []byte(html.EscapeString(refused.Message)))
	default:
		body, err := wirejson.Marshal(refused)
		if err != nil { // the message is from Options.Allow and is not UTF-8
			body, _ = wirejson.Marshal(&refusal{Code: refused.Code, Message: http.StatusText(refused.status)})
		}
		srv.answer(w, refused.status, "application/json", body)
	}
}

// setRetryAfter sets the header Retry-After to d in whole seconds, at least one second.
func setRetryAfter(h http.Header, d time.Duration) {
	seconds := max(1, (d+time.Second-1)/time.Second)
	h.Set("Retry-After", strconv.Itoa(int(seconds)))
}
