package auth_test

import (
	"testing"

	"socketiojwt/auth"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// A namespace with two gates admits no socket: a second lease would replace the first one,
// and the socket could stay after the first one has ended.
func TestTwoGatesAdmitNoSocket(t *testing.T) {
	bubble(t, setup{furnish: func(f *fixture) {
		other, err := auth.NewGate(verifierOf(t, token.Secret(secret), token.Options{InsecureNoExpiry: true}), auth.Options{Sources: []auth.Source{auth.FromAuth("other")}})
		if err != nil {
			t.Fatal(err)
		}
		f.io.Use(other.Handshake)
	}}, func(f *fixture) {
		forever := signWith(secret, map[string]any{"alg": "HS256"}, claims{"sub": "ada"})
		if _, err := f.try(sockettest.Options{Auth: map[string]any{"token": sign(nil), "other": forever}}); err == nil {
			t.Error("a socket was admitted")
		}
		f.happened()
	})
}
