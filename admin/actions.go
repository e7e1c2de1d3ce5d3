package admin

import (
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"

	"socketiojwt/auth"
	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio"
)

// maxBody bounds the body of a request.
const maxBody = 16 << 10

// readBody decodes the body of a request, strictly. An empty body leaves into as it is. If
// the body is not valid, it writes the response and reports false.
func readBody(w http.ResponseWriter, r *http.Request, into any) bool {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	switch {
	case err != nil:
		fail(w, http.StatusRequestEntityTooLarge, "the body must have at most %d bytes", maxBody)
	case len(text) == 0:
		return true
	default:
		if err = wirejson.UnmarshalKnown(text, into); err == nil {
			return true
		}
		fail(w, http.StatusBadRequest, "the body is not valid: %v", err)
	}
	return false
}

// disconnectBody is the body of POST /leases/{id}/disconnect, which may be empty.
type disconnectBody struct {
	// Temporary closes the transport, so that the client reconnects by itself. False sends
	// DISCONNECT, after which the JavaScript client does not reconnect.
	Temporary bool `json:"temporary"`
}

func (a *api) disconnect(w http.ResponseWriter, r *http.Request) {
	var body disconnectBody
	if !readBody(w, r, &body) {
		return
	}
	id := r.PathValue("id")
	gate, l, ok := a.lease(id)
	if !ok || !gate.Disconnect(l.ID, &socketio.Ending{Temporary: body.Temporary}) {
		noLease(w, id)
		return
	}
	a.auditLease(r, "disconnected", l, slog.Bool("temporary", body.Temporary))
	w.WriteHeader(http.StatusNoContent)
}

func (a *api) askRefresh(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	gate, l, ok := a.lease(id)
	switch {
	case !ok:
		noLease(w, id)
	case l.State != auth.LeaseRunning:
		fail(w, http.StatusConflict, "the socket is %s and has no lease to refresh", l.State)
	case !gate.AskRefresh(l.ID):
		noLease(w, id)
	default:
		a.auditLease(r, "asked for a refresh", l)
		w.WriteHeader(http.StatusNoContent)
	}
}

// auditLease logs what an operator did to a lease.
func (a *api) auditLease(r *http.Request, what string, l found, more ...slog.Attr) {
	a.audit(r, what, append([]slog.Attr{
		slog.String("lease", l.id()), slog.String("socket", l.LoggedAs), slog.String("issuer", l.Issuer), slog.String("subject", l.Subject),
		slog.String("token", l.tokenHash()),
	}, more...)...)
}

// audit logs what an operator did.
func (a *api) audit(r *http.Request, what string, more ...slog.Attr) {
	operator := auth.Token(r.Context())
	attrs := append([]slog.Attr{
		slog.String("operator", operator.Subject), slog.String("operatorToken", hex.EncodeToString(operator.Hash[:])), slog.String("operatorAddr", r.RemoteAddr),
	}, more...)
	a.log.LogAttrs(r.Context(), slog.LevelInfo, "admin: "+what, attrs...)
}
