package main

import (
	"net/http"
	"slices"
	"sync"

	"socketiojwt/internal/wirejson"
)

// health decides whether the process serves and whether it is ready for clients. The paths of
// both listeners, the log and systemd ask the same one.
type health struct {
	mu       sync.Mutex
	phase    phase
	required []requirement
}

// phase is a part of the life of the server.
type phase uint8

const (
	starting phase = iota
	serving
	draining // Until the end. The name is a reason, as that of starting is.
)

// reasons for which the server is not ready, besides those of requirements.
var reasons = map[phase]string{starting: "starting", draining: "draining"}

// requirement is something without which the server is not ready.
type requirement struct {
	name string
	met  func() bool // may be called concurrently
}

// require makes the server not ready while met reports false. Name is the reason that operators
// see, such as "keys". Require may be called concurrently.
func (h *health) require(name string, met func() bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.required = append(h.required, requirement{name, met})
}

// enter begins the next phase.
func (h *health) enter(p phase) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.phase = p
}

// missing returns why the server is not ready. Nothing means that it is: load balancers may send
// clients, and it can admit them.
func (h *health) missing() []string {
	h.mu.Lock()
	phase, required := h.phase, h.required
	h.mu.Unlock()
	var names []string
	if reason := reasons[phase]; reason != "" {
		names = append(names, reason)
	}
	for _, r := range required {
		if !r.met() && !slices.Contains(names, r.name) {
			names = append(names, r.name)
		}
	}
	return names
}

// handle registers the paths for load balancers. The answers name no reason, because anyone can
// ask.
func (h *health) handle(mux *http.ServeMux) {
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { sayHealth(w, true, nil) })
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) { sayHealth(w, len(h.missing()) == 0, nil) })
}

// handleOperations registers the paths for operators and probes, on a listener of their own. The
// answers name the reasons.
func (h *health) handleOperations(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { sayHealth(w, true, nil) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		missing := h.missing()
		sayHealth(w, len(missing) == 0, missing)
	})
}

func sayHealth(w http.ResponseWriter, ok bool, why []string) {
	body, err := wirejson.Marshal(struct {
		OK      bool     `json:"ok"`
		Reasons []string `json:"reasons,omitempty"`
	}{ok, why})
	if err != nil {
		panic(err) // reasons are constants
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = w.Write(body)
}
