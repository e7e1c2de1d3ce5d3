// Ticketserver is a server whose gate takes one-use tickets, and opaque tokens with
// -introspect. See ticket.test.mjs and introspect.test.mjs beside this folder. It prints
// {"addr":"127.0.0.1:PORT"} once it listens. SIGTERM ends it, and so does the end of its
// standard input. Signed tokens have the secret JWT_SECRET; CLIENT_SECRET is that of the
// client at the introspection endpoint.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log/slog"
	"net/http"
	"os"

	"socketiojwt/auth"
	"socketiojwt/engineio"
	"socketiojwt/interop/internal/serving"
	"socketiojwt/socketio"
	"socketiojwt/token"
	"socketiojwt/token/introspect"
)

func main() {
	endpoint := flag.String("introspect", "", "the URL of an introspection endpoint; empty means signed tokens")
	issuer := flag.String("issuer", "", "the issuer that opaque tokens need")
	client := flag.String("client", "", "the ID of the client at the endpoint")
	flag.Parse()
	serving.Main("ticketserver", func(ctx context.Context) error { return run(ctx, *endpoint, *issuer, *client) })
}

// run serves until ctx is done.
func run(ctx context.Context, endpoint, issuer, client string) error {
	var verifier auth.Verifier
	if endpoint == "" {
		signed, err := token.NewVerifier(token.Secret(os.Getenv("JWT_SECRET")), token.Options{})
		if err != nil {
			return err
		}
		verifier = signed
	} else {
		opaque, err := introspect.New(endpoint, introspect.ClientSecretBasic(client, os.Getenv("CLIENT_SECRET")), introspect.Options{
			// oidc-provider gives opaque tokens no audience.
			Rules: token.Options{Issuers: []string{issuer}, InsecureNoAudience: true, Claims: map[string]string{"client_id": client}},
		})
		if err != nil {
			return err
		}
		defer func() { _ = opaque.Close() }()
		verifier = opaque
	}
	handler, closeAll, err := newHandler(verifier)
	if err != nil {
		return err
	}
	defer closeAll()
	return serving.Serve(ctx, handler)
}

// newHandler returns the sockets, and POST /ticket.
func newHandler(verifier auth.Verifier) (handler http.Handler, closeAll func(), err error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	gate, err := auth.NewGate(verifier, auth.Options{
		Sources: []auth.Source{auth.FromAuth("token"), auth.FromHeader(), auth.FromQuery("token"), auth.FromTicket("ticket")},
		Logger:  log,
	})
	if err != nil {
		return nil, nil, err
	}
	srv, err := socketio.NewServer(socketio.Options{Logger: log, Engine: engineio.Options{
		AllowEIO3: true, Bind: engineio.BindToAddress(), Origins: []string{"https://app.example", "https://other.example"},
	}})
	if err != nil {
		return nil, nil, err
	}
	srv.Use(gate.Handshake)
	srv.Handle("whoami", socketio.AckFunc(func(ctx context.Context, _ *socketio.Socket, _ struct{}) (string, error) {
		return auth.Token(ctx).Subject, nil
	}))
	sockets, err := srv.Handler()
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", sockets)
	mux.Handle("POST /ticket", gate.HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ticket, err := gate.Ticket(r.Context(), auth.TicketOptions{})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(map[string]string{"ticket": ticket})
	})))
	return mux, func() { _ = srv.Close() }, nil
}
