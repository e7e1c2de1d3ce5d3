package main

import (
	"net/http/httptest"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

// socketServer starts a server that furnish has set up.
func socketServer(t *testing.T, furnish func(srv *socketio.Server)) (url string) {
	t.Helper()
	srv, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		t.Fatal(err)
	}
	furnish(srv)
	handler, err := srv.Handler()
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(handler)
	t.Cleanup(web.Close)
	t.Cleanup(func() { _ = srv.Close() })
	return web.URL
}

// TestProbeOfANamespaceWithoutAGate checks that there is no verdict if a namespace answers
// CONNECT and then nothing: it may have no gate, or another authentication.
func TestProbeOfANamespaceWithoutAGate(t *testing.T) {
	url := socketServer(t, func(srv *socketio.Server) {
		srv.Open()
	})
	runWith(t, "", "probe", url, "--token", "x", "--timeout", "1s").want(t, exitFailed, "held", "--mode handshake")
	runWith(t, "", "probe", url, "--timeout", "1s").want(t, exitFailed, "connected without a token", "admits guests or has no gate")
	runWith(t, "", "probe", url, "--token", "x", "--mode", "handshake").want(t, exitGood, "ADMITTED", "")
}

// TestProbeTellsGuestsFromHeldSockets checks that probe, without a token, reports no refusal for
// a namespace that admits guests.
func TestProbeTellsGuestsFromHeldSockets(t *testing.T) {
	for _, guests := range []bool{false, true} {
		url := socketServer(t, func(srv *socketio.Server) {
			verifier, err := token.NewVerifier(token.Secret(goodSecret), token.Options{})
			if err != nil {
				t.Fatal(err)
			}
			opts, mode := auth.Options{Timeout: 50 * time.Millisecond}, auth.EventOptions{Grace: -1}
			if guests {
				opts.Guests, mode = &auth.GuestOptions{}, auth.EventOptions{}
			}
			gate, err := auth.NewGate(verifier, opts)
			if err != nil {
				t.Fatal(err)
			}
			srv.Use(gate.Event(mode))
		})
		if guests {
			runWith(t, "", "probe", url, "--timeout", "1s").want(t, exitFailed, "connected without a token", "admits guests")
			continue
		}
		runWith(t, "", "probe", url).want(t, exitRefused, "auth_timeout", "")
	}
}
