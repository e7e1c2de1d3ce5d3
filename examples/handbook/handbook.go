// Package handbook has the Go samples of those pages of docs/ that have no folder of their own.
// internal/doctest looks for the lines of each sample in it.
package handbook

import (
	"context"
	"errors"
	"net/http"
	"os"
	"time"

	"socketiojwt/auth"
	"socketiojwt/engineio"
	"socketiojwt/metrics"
	"socketiojwt/socketio"
	"socketiojwt/token"
	"socketiojwt/token/jwks"
	"socketiojwt/token/profile"
)

// issuer has the sample of README.md.
func issuer() *token.Verifier {
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	rules := profile.Auth0("https://tenant.eu.auth0.com/", "https://chat.example.com")
	keys, err := jwks.Discover(rules.Issuers[0], jwks.Options{})
	check(err)
	verifier, err := token.NewVerifier(keys, rules)
	check(err)
	return verifier
}

// TwoSecrets accepts tokens of a new secret, and until a time those of the old one.
func TwoSecrets(next, old string, until time.Time) token.KeySet {
	return token.NewKeySet(
		token.Secret(next).WithID("2"),
		token.Secret(old).WithID("1").WithNotAfter(until),
	)
}

// PublicKeys reads the keys of an issuer that publishes none.
func PublicKeys(next, old string) (token.KeySet, error) {
	var keys []token.Key
	for id, file := range map[string]string{"2026-12": next, "2026-11": old} {
		text, err := os.ReadFile(file)
		if err != nil {
			return token.KeySet{}, err
		}
		keys = append(keys, token.PEM(text).WithID(id))
	}
	return token.NewKeySet(keys...), nil
}

// CountRefusals calls count with the reason of each refusal.
func CountRefusals(verifier auth.Verifier, count func(reason string)) (*auth.Gate, error) {
	return auth.NewGate(verifier, auth.Options{
		OnRefuse: func(_ context.Context, _ *socketio.Socket, e *auth.Error) { count(string(e.Reason)) },
	})
}

// Say tells a sender that reads too slowly from one that has gone.
func Say(s *socketio.Socket, text string) string {
	switch err := s.Emit("said", text); {
	case errors.Is(err, socketio.ErrSlow):
		return "the peer reads too slowly and was closed"
	case errors.Is(err, socketio.ErrClosed):
		return "the peer has gone"
	case err != nil:
		return err.Error()
	}
	return "sent"
}

// SmallServer is for a machine with little memory.
func SmallServer() (*socketio.Server, error) {
	return socketio.NewServer(socketio.Options{
		Engine:       engineio.Options{MaxSessions: 5000, MaxOutbound: 256 << 10, MaxPayload: 64 << 10},
		MaxRooms:     20,
		MaxHeldBytes: 16 << 20,
	})
}

// Figures serves some figures of a server and its gate.
func Figures(srv *socketio.Server, gate *auth.Gate) map[string]any {
	stats, tokens := srv.Stats(), gate.Stats()
	return map[string]any{
		"admitted": stats.Admitted, "polling": stats.Engine.Polling, "overloads": stats.Overloads,
		"leased": tokens.Leased, "refusals": tokens.Refusals, "outage": tokens.Outage,
	}
}

// Observe has the sample of docs/metrics.md.
func Observe(verifier auth.Verifier) error {
	m := metrics.New()
	gate, err := auth.NewGate(verifier, auth.Options{Observer: m})
	srv, err := socketio.NewServer(socketio.Options{Observer: m})
	srv.Use(gate.Handshake)
	m.Server(srv)
	m.Gate("/", gate)
	operations := http.NewServeMux()
	operations.Handle("GET /metrics", m.Handler())
	go http.ListenAndServe("localhost:9002", operations)
	return err
}
