package auth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"socketiojwt/socketio"
)

// HTTP is middleware for ordinary HTTP routes. It calls next only for requests that show a
// good token, by the gate's verifier, Sources and Authorize. Token, User.From and Encoded
// work in the context of the request. HTTP may be called more than once, and the handlers it
// returns may be used concurrently.
//
//	mux.Handle("GET /me", gate.HTTP(me))
//
// Timeout bounds sources, keys and Authorize together. A source, verifier or Authorize that
// does not return when its context is done delays the response. FromAuth finds nothing in a
// request. FromCookie is read only if Options.CrossOrigin allows the request.
// Options.Guests does not apply: a request without a token is refused. OnLogin and OnRefuse,
// which are about sockets, do not run.
//
// A refusal is the JSON object that sockets get, {message, code, type, reason, id}, with
// one of these statuses. ParseRefusal reads it.
//
//   - 401 if the request shows no token, or one that is not accepted
//   - 400 if the request shows more than one token, or badly written credentials
//   - 403 if Authorize refused the user, or with 401 if its Error has one of the reasons
//     that begin with "token_"
//   - 500 if a hook panicked, Authorize returned a nil user, or the verifier returned an
//     invalid token
//   - 503, with Retry-After, if the refusal is temporary
//
// The first three have a WWW-Authenticate challenge (RFC 6750, section 3).
//
// A token is examined when the request begins. A response that streams is not ended when
// the token expires: give its handler a deadline with Token(ctx).ValidUntil.
//
// A CORS preflight never carries a token. HTTP answers it with 204 and does not call next,
// so it allows nothing. Put CORS middleware around HTTP, not inside it, so that pages of
// other origins can also read the refusals.
func (g *Gate) HTTP(next http.Handler) http.Handler {
	if !g.readsRequests() {
		g.opts.Logger.Error("auth: HTTP refuses every request, because no source of the gate finds a token in one; add FromHeader to Options.Sources")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isPreflight(r) {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		lease, refused := g.examineRequest(r)
		if r.Context().Err() != nil { // the client has gone
			return
		}
		if refused != nil {
			g.figures.refusals.Add(refused.Reason)
			g.logRefusal(r.Context(), "auth: request refused", r.RemoteAddr, refused, slog.String("route", r.Pattern))
			g.refuseRequest(w, refused)
			return
		}
		if h := w.Header(); h.Get("Cache-Control") == "" {
			h.Set("Cache-Control", "private") // RFC 6750, section 2.3; a shared cache does not look at cookies
		}
		ctx := context.WithValue(r.Context(), requestLeaseKey{}, (*admission)(nil).carried(lease))
		next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, requestKey{}, request{g, r.Header.Get("Origin")}.carried())))
	})
}

// readsRequests reports whether a source may find a token in a request.
func (g *Gate) readsRequests() bool {
	for _, source := range g.opts.Sources {
		switch source.(type) {
		case fromAuth, fromTicket:
		default:
			return true
		}
	}
	return false
}

// isPreflight reports whether r is a CORS preflight (Fetch standard, section 3.2.2).
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// examineRequest finds the token of a request, verifies it and asks Authorize.
func (g *Gate) examineRequest(r *http.Request) (*Lease, *Error) {
	g.share.join()
	ctx, cancel := context.WithTimeoutCause(r.Context(), g.opts.Timeout, errLate)
	defer cancel()
	shown := socketio.RequestHandshake(r)
	crossOrigin := g.crossOrigin(r)
	shown.OriginChecked = crossOrigin == nil
	lease, refused := g.examine(ctx, nil, shown, shown)
	if refused != nil && refused.Reason == ReasonTokenMissing && crossOrigin != nil && g.readsCookies() {
		refused.Err = fmt.Errorf("%w: cookies were not read: %w: see Options.CrossOrigin", refused.Err, crossOrigin)
	}
	return lease, refused
}

// crossOrigin returns the reason why cookies of the request are not read, or nil if they
// are. Any page can make a browser send a WebSocket handshake, which is a GET, so it is
// checked like a POST.
func (g *Gate) crossOrigin(r *http.Request) error {
	if r.Header.Get("Upgrade") != "" {
		unsafe := *r
		unsafe.Method = http.MethodPost
		r = &unsafe
	}
	return g.opts.CrossOrigin.Check(r)
}

// retryAfter is the Retry-After of temporary refusals that do not set one, in seconds.
const retryAfter = 5

// refuseRequest writes a refusal.
func (g *Gate) refuseRequest(w http.ResponseWriter, e *Error) {
	body, err := json.Marshal(g.told(e))
	if err != nil { // cannot happen: the struct has only strings, a bool and an int
		body = []byte("{}")
	}
	status, code := statusOf(e)
	h := w.Header()
	switch status {
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(cmp.Or(g.told(e).RetryAfter, retryAfter)))
	case http.StatusInternalServerError:
	default:
		h.Set("WWW-Authenticate", g.challenge(code, e.Message))
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// statusOf returns the status of a refusal and its error code (RFC 6750, section 3.1). The
// code is empty if the request has no bearer credentials, or the server is at fault.
func statusOf(e *Error) (status int, code string) {
	switch {
	case e.Temporary:
		return http.StatusServiceUnavailable, ""
	case e.Reason == ReasonInternal:
		return http.StatusInternalServerError, ""
	case e.Reason == ReasonTokenMissing, errors.Is(e.Err, errScheme):
		return http.StatusUnauthorized, ""
	case e.Reason == ReasonTokenConflict, errors.Is(e.Err, errFormat):
		return http.StatusBadRequest, "invalid_request"
	case !e.verified, strings.HasPrefix(string(e.Reason), "token_"):
		return http.StatusUnauthorized, "invalid_token"
	}
	return http.StatusForbidden, "insufficient_scope"
}

// maxDescription bounds error_description, in bytes.
const maxDescription = 200

// challenge returns the value of WWW-Authenticate. An empty code means that the challenge
// has no error.
func (g *Gate) challenge(code, message string) string {
	challenge := `Bearer realm="` + g.opts.Realm + `"`
	if code == "" {
		return challenge
	}
	description := strings.Map(func(r rune) rune {
		if quotable(r) {
			return r
		}
		return '?'
	}, message)
	return challenge + `, error="` + code + `", error_description="` + description[:min(len(description), maxDescription)] + `"`
}

// quotable reports whether r needs no escape in a quoted string of a challenge (RFC 6750,
// section 3: %x20-21 / %x23-5B / %x5D-7E).
func quotable(r rune) bool { return r >= ' ' && r <= '~' && r != '"' && r != '\\' }
