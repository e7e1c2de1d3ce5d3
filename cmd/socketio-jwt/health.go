package main

import (
	"net/http"
	"sync/atomic"
)

// health answers GET /health and GET /ready for load balancers. The answers name no reason,
// because anyone can ask.
type health struct {
	stopping atomic.Bool
	ready    func() bool // reports whether the server hears the other nodes
}

// handle registers the two paths.
func (h *health) handle(mux *http.ServeMux) {
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { sayHealth(w, true) })
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) {
		sayHealth(w, !h.stopping.Load() && h.ready())
	})
}

func sayHealth(w http.ResponseWriter, ok bool) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if ok {
		_, _ = w.Write([]byte(`{"ok":true}`))
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write([]byte(`{"ok":false}`))
}
