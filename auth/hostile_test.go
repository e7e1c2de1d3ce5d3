package auth_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
	"socketiojwt/token/mint"
	"socketiojwt/token/tokentest/hostile"
)

// The gate refuses every hostile token from every source of a socket and of a request,
// except those that HTTP or the source turns into the good token, by removing text around
// it.
func TestGateRefusesHostileTokens(t *testing.T) {
	gate := newGate(t, verifier(t), auth.Options{Logger: slog.New(slog.DiscardHandler), Sources: []auth.Source{
		auth.FromAuth("token"), auth.FromHeader(), auth.FromQuery("token"), auth.FromCookie("token"),
	}})
	srv, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		t.Fatal(err)
	}
	srv.Use(gate.Handshake)
	handler, err := srv.Handler()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", handler)
	mux.Handle("/", gate.HTTP(http.NotFoundHandler()))
	web := httptest.NewServer(mux)
	defer web.Close()
	defer func() { _ = srv.Close() }()
	key, err := mint.Secret(secret, token.HS256)
	if err != nil {
		t.Fatal(err)
	}

	byHeader := func(name, value string) http.Header { return http.Header{name: {value}} }
	refuses := map[string]func(compact string) bool{}
	for name, shown := range map[string]func(compact string) sockettest.Options{
		"payload": func(c string) sockettest.Options { return sockettest.Options{Auth: bearing(c)} },
		"header": func(c string) sockettest.Options {
			return sockettest.Options{Header: byHeader("Authorization", "Bearer "+c)}
		},
		"query":  func(c string) sockettest.Options { return sockettest.Options{Query: url.Values{"token": {c}}} },
		"cookie": func(c string) sockettest.Options { return sockettest.Options{Header: byHeader("Cookie", "token="+c)} },
	} {
		refuses["socket, "+name] = func(compact string) bool {
			peer, err := sockettest.Dial(t.Context(), web.URL, shown(compact))
			if err == nil {
				_ = peer.Close()
			}
			return err != nil
		}
		if name == "payload" {
			continue
		}
		refuses["request, "+name] = func(compact string) bool {
			opts := shown(compact)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+"/?"+opts.Query.Encode(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if opts.Header != nil {
				r.Header = opts.Header
			}
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				return true // a header that cannot be sent
			}
			_ = response.Body.Close()
			return response.StatusCode != http.StatusNotFound // the handler's answer
		}
	}
	claims := map[string]any{"sub": "ada", "exp": time.Now().Add(time.Hour).Unix()}
	good, err := mint.Sign(key, claims, mint.Header{})
	if err != nil {
		t.Fatal(err)
	}
	for name, refuse := range refuses {
		t.Run(name, func(t *testing.T) {
			if refuse(good) {
				t.Fatal("the good token is refused")
			}
			for _, h := range hostile.Tokens(t, key, claims, mint.Header{}) {
				if !h.Framed && !refuse(h.Compact) {
					t.Errorf("admitted: %s", h.Name)
				}
			}
		})
	}
}
