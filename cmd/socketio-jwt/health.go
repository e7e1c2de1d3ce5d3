package main

import (
	"net/http"
	"slices"
	"sync/atomic"
)

// health answers GET /health and GET /ready for load balancers. The answers name no reason,
// because anyone can ask.
type health struct {
	stopping atomic.Bool
	required []requirement // written before the paths are served
}

// requirement is something without which the server is not ready.
type requirement struct {
	name string
	met  func() bool // may be called concurrently
}

// require makes the server not ready while met reports false.
func (h *health) require(name string, met func() bool) {
	h.required = append(h.required, requirement{name, met})
}

// ready reports whether load balancers may send peers.
func (h *health) ready() bool {
	return !h.stopping.Load() && !slices.ContainsFunc(h.required, func(r requirement) bool { return !r.met() })
}

// handle registers the two paths.
func (h *health) handle(mux *http.ServeMux) {
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { sayHealth(w, true) })
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) {
		sayHealth(w, h.ready())
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
