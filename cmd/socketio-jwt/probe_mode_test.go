package main

import (
	"net/http/httptest"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

// socketServer serves a namespace that furnish has set up.
func socketServer(t *testing.T, furnish func(io *socketio.Server)) (url string) {
	t.Helper()
	io, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		t.Fatal(err)
	}
	furnish(io)
	handler, err := io.Handler()
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(handler)
	t.Cleanup(web.Close)
	t.Cleanup(func() { _ = io.Close() })
	return web.URL
}

// A namespace that answers CONNECT and then nothing gives no verdict: it may be without a
// gate or in the mode of another library.
func TestProbeOfANamespaceWithoutAGate(t *testing.T) {
	url := socketServer(t, func(io *socketio.Server) {
		io.Open()
	})
	runWith(t, "", "probe", url, "--token", "x", "--timeout", "300ms").want(t, exitFailed, "held", "--mode handshake")
	runWith(t, "", "probe", url, "--timeout", "300ms").want(t, exitFailed, "connected without a token", "admits guests or has no gate")
	runWith(t, "", "probe", url, "--token", "x", "--mode", "handshake").want(t, exitGood, "ADMITTED", "")
}

// Without a token, a guest is told from a held socket: a refusal must not be reported for
// a namespace that admits strangers.
func TestProbeTellsGuestsFromHeldSockets(t *testing.T) {
	for _, guests := range []bool{false, true} {
		url := socketServer(t, func(io *socketio.Server) {
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
			io.Use(gate.Event(mode))
		})
		if guests {
			runWith(t, "", "probe", url, "--timeout", "1s").want(t, exitFailed, "connected without a token", "admits guests")
			continue
		}
		runWith(t, "", "probe", url).want(t, exitRefused, "auth_timeout", "")
	}
}
