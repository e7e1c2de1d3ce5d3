package admin

import (
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"slices"

	"socketiojwt/auth"
	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio"
)

// maxBody bounds the body of a request.
const maxBody = 16 << 10

// readBody decodes the body of a request, strictly. An empty body leaves into as it is. If
// the body is not valid, it writes the response and reports false.
func readBody(w http.ResponseWriter, r *http.Request, into any) bool {
	text, ok := readText(w, r, maxBody)
	if !ok || len(text) == 0 {
		return ok
	}
	if err := wirejson.UnmarshalKnown(text, into); err != nil {
		fail(w, http.StatusBadRequest, "the body is not valid: %v", err)
		return false
	}
	return true
}

// readText reads the body of a request. If it is too large, it writes the response and reports
// false.
func readText(w http.ResponseWriter, r *http.Request, most int64) ([]byte, bool) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		fail(w, http.StatusRequestEntityTooLarge, "the body must have at most %d bytes", most)
	}
	return text, err == nil
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
	if l, ok := a.act(w, r, askDisconnect, body.Temporary); ok {
		a.auditLease(r, "disconnected", l, slog.Bool("temporary", body.Temporary))
		w.WriteHeader(http.StatusNoContent)
	}
}

func (a *api) askRefresh(w http.ResponseWriter, r *http.Request) {
	if l, ok := a.act(w, r, askRefresh, false); ok {
		a.auditLease(r, "asked for a refresh", l)
		w.WriteHeader(http.StatusNoContent)
	}
}

// act shows a lease of any node, or does something to it, and returns it. If that is not possible,
// it writes the response and reports false.
func (a *api) act(w http.ResponseWriter, r *http.Request, what string, temporary bool) (lease, bool) {
	id := r.PathValue("id")
	node, rest := a.split(id)
	var l lease
	var status int
	switch {
	case a.cluster == nil || node == a.self:
		l, status = a.actHere(what, rest, temporary)
	case !slices.Contains(a.members(""), node):
		status = http.StatusNotFound
	default:
		got, err := a.cluster.ask(r.Context(), node, message{Ask: what, Lease: rest, Temporary: temporary})
		status = got.Status
		if len(got.Leases) == 1 {
			l = got.Leases[0]
		} else if status < http.StatusBadRequest {
			err = errSilent // another version
		}
		if err != nil {
			w.Header().Set("Retry-After", "5")
			fail(w, http.StatusServiceUnavailable, "the node %q of the socket does not answer", node)
			return lease{}, false
		}
	}
	switch status {
	case http.StatusOK:
		return l, true
	case http.StatusConflict:
		fail(w, status, "the socket is %s and has no lease to refresh", l.State)
	default:
		fail(w, http.StatusNotFound, "no socket has the lease ID %q; it may have ended", id)
	}
	return lease{}, false
}

// actHere does to a lease of this node what act does, and returns it with a status of HTTP.
func (a *api) actHere(what, id string, temporary bool) (lease, int) {
	gate, l, ok := a.lease(id)
	if !ok {
		return lease{}, http.StatusNotFound
	}
	switch {
	case what == askDisconnect:
		ok = gate.Disconnect(l.ID, &socketio.Ending{Temporary: temporary})
	case what == askRefresh && l.State != auth.LeaseRunning:
		return a.newLease(l), http.StatusConflict
	case what == askRefresh:
		ok = gate.AskRefresh(l.ID)
	}
	if !ok {
		return lease{}, http.StatusNotFound
	}
	return a.newLease(l), http.StatusOK
}

// auditLease logs what an operator did to a lease.
func (a *api) auditLease(r *http.Request, what string, l lease, more ...slog.Attr) {
	a.audit(r, what, append([]slog.Attr{
		slog.String("lease", l.ID), slog.String("socket", l.Socket), slog.String("issuer", l.Issuer), slog.String("subject", l.Subject),
		slog.String("token", l.TokenHash),
	}, more...)...)
}

// audit logs what an operator did.
func (a *api) audit(r *http.Request, what string, more ...slog.Attr) {
	a.auditAt(r, slog.LevelInfo, what, more...)
}

func (a *api) auditAt(r *http.Request, level slog.Level, what string, more ...slog.Attr) {
	operator := auth.Token(r.Context())
	attrs := append([]slog.Attr{
		slog.String("operator", operator.Subject), slog.String("operatorToken", hex.EncodeToString(operator.Hash[:])), slog.String("operatorAddr", r.RemoteAddr),
	}, more...)
	a.log.LogAttrs(r.Context(), level, "admin: "+what, attrs...)
}
