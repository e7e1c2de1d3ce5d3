package upstream_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/auth/authtest"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/upstream"
)

// The backend is not asked again when a guest logs in, so its refusals do not concern such a user.
// The events have the user.
func TestGuestWhoLogsIn(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	bodies := make(chan string, 8)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- string(body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer web.Close()
	up, err := upstream.New(web.URL, upstream.Options{Secrets: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close(ctx)
	gate, sign := authtest.NewGate(t, auth.Options{Guests: &auth.GuestOptions{}})
	srv := sockettest.NewServer(t, func(srv *socketio.Server) {
		srv.Use(gate.Handshake)
		up.Register(srv.Mux)
	})
	p := srv.Dial(sockettest.Options{})
	if err := p.Emit("authenticate", map[string]any{"token": sign(map[string]any{"sub": "mallory"})}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Expect(ctx, "authenticated"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.EmitWithAck(ctx, "order"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"type":"connect"`, `"subject":"mallory"`} {
		if got := <-bodies; !strings.Contains(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
