package main

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"

	"socketiojwt/socketio"
)

// control registers what only a test may do:
//
//	GET  /test/sockets?namespace=/admin                       who is in, as the server sees it
//	POST /test/broadcast?namespace=/&room=lobby&event=news    to everybody, or to a room; the body is the arguments
//	POST /test/waiting?name=x                                 answers once a token with the claim wait=x is held up
//	POST /test/release?name=x                                 lets it go on
//	POST /test/revoke?namespace=/fresh&issuer=i&subject=s       revokes the tokens of a subject
//	POST /test/refresh-now?namespace=/fresh                   asks all peers for a fresh token
func (a *app) control(mux *http.ServeMux) {
	a.controlFresh(mux)
	namespace := func(w http.ResponseWriter, r *http.Request) *socketio.Namespace {
		n := a.srv.Lookup(r.FormValue("namespace"))
		if n == nil {
			http.Error(w, "no such namespace", http.StatusNotFound)
		}
		return n
	}
	mux.HandleFunc("GET /test/sockets", func(w http.ResponseWriter, r *http.Request) {
		type socket struct {
			ID      string `json:"id"`
			Subject string `json:"subject"`
		}
		n := namespace(w, r)
		if n == nil {
			return
		}
		all := []socket{}
		for _, s := range n.Sockets() {
			all = append(all, socket{s.ID(), subject(s.Context())})
		}
		_ = json.NewEncoder(w).Encode(all)
	})
	mux.HandleFunc("POST /test/broadcast", func(w http.ResponseWriter, r *http.Request) {
		n := namespace(w, r)
		if n == nil {
			return
		}
		var args []any
		if err := json.NewDecoder(r.Body).Decode(&args); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		emit := n.Emit
		if room := r.FormValue("room"); room != "" {
			emit = n.To(room).Emit
		}
		if err := emit(r.FormValue("event"), args...); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("POST /test/waiting", func(_ http.ResponseWriter, r *http.Request) {
		a.waiting.present(r.Context(), r.FormValue("name"))
	})
	mux.HandleFunc("POST /test/release", func(_ http.ResponseWriter, r *http.Request) {
		a.waiting.release(r.FormValue("name"))
	})
}

// A waitingRoom is where tokens wait for a test. Its zero value is empty.
type waitingRoom struct {
	mu    sync.Mutex
	seats map[string]seat
}

// A seat is taken by one that waits and left when it is called; each is a closed
// channel once it has happened.
type seat struct{ taken, called chan struct{} }

func (w *waitingRoom) seat(name string) seat {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.seats[name]; !ok {
		if w.seats == nil {
			w.seats = make(map[string]seat)
		}
		w.seats[name] = seat{make(chan struct{}), make(chan struct{})}
	}
	return w.seats[name]
}

func (w *waitingRoom) wait(ctx context.Context, name string) error {
	s := w.seat(name)
	close(s.taken)
	select {
	case <-s.called:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w *waitingRoom) present(ctx context.Context, name string) {
	select {
	case <-w.seat(name).taken:
	case <-ctx.Done():
	}
}

func (w *waitingRoom) release(name string) { close(w.seat(name).called) }
