package main

import (
	"net/http"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

// guardFresh puts gates before the namespaces in which clients refresh their leases. Each
// handles "pay", which needs a recent login, and "rooms".
func (a *app) guardFresh(verifier *token.Verifier, sources []auth.Source, o options) error {
	a.fresh = make(map[string]*auth.Gate)
	handshake := func(g *auth.Gate) socketio.ConnectMiddleware { return g.Handshake }
	event := func(g *auth.Gate) socketio.ConnectMiddleware { return g.Event(auth.EventOptions{}) }
	for _, gated := range []struct {
		name string
		mode func(*auth.Gate) socketio.ConnectMiddleware
		opts auth.Options
	}{
		{"/fresh", handshake, auth.Options{WarnBefore: time.Minute}},
		{"/fresh-event", event, auth.Options{WarnBefore: time.Minute}},
		{"/fresh-unwarned", handshake, auth.Options{}},
		{"/fresh-leave", handshake, auth.Options{AtExpiry: auth.LeaveNamespace}},
		{"/fresh-guest", handshake, auth.Options{AtExpiry: auth.BecomeGuest, Guests: &auth.GuestOptions{}}},
	} {
		opts := gated.opts
		opts.Sources, opts.Logger, opts.Timeout = sources, o.log, long
		opts.Authorize = auth.Check(a.authorize)
		opts.Rooms = []auth.RoomsFrom{auth.RoomsOf("tenants", "tenant:")}
		gate, err := auth.NewGate(verifier, opts)
		if err != nil {
			return err
		}
		a.fresh[gated.name] = gate
		n := a.srv.Of(gated.name)
		n.Use(gated.mode(gate))
		n.DependsOn(gate)
		setUp(n)
		recent := gate.Require(auth.Fresh(auth.Freshness{MaxAge: 5 * time.Minute}))
		n.Handle("pay", recent(socketio.AckFunc(whoami)))
	}
	return nil
}

// controlFresh registers what a test may do to the leases.
func (a *app) controlFresh(mux *http.ServeMux) {
	gate := func(w http.ResponseWriter, r *http.Request) *auth.Gate {
		g := a.fresh[r.FormValue("namespace")]
		if g == nil {
			http.Error(w, "no such namespace", http.StatusNotFound)
		}
		return g
	}
	mux.HandleFunc("POST /test/revoke", func(w http.ResponseWriter, r *http.Request) {
		if g := gate(w, r); g != nil {
			if _, err := g.Revoke(r.Context(), auth.BySubject(r.FormValue("issuer"), r.FormValue("subject")), auth.RevokeOptions{}); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		}
	})
	mux.HandleFunc("POST /test/refresh-now", func(w http.ResponseWriter, r *http.Request) {
		if g := gate(w, r); g != nil {
			for lease := range g.Leases() {
				g.AskRefresh(lease.ID)
			}
		}
	})
}
