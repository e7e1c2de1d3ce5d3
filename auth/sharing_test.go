package auth_test

import (
	"context"
	"errors"
	"testing"

	"socketiojwt/auth"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// If too many sockets are held in one namespace, or a guest's login cannot be examined, the
// sockets that other namespaces of the connection have admitted stay.
func TestTemporaryRefusalKeepsOtherNamespaces(t *testing.T) {
	away := func(context.Context, token.Unverified) (token.Key, error) {
		return token.Key{}, token.ErrKeysUnavailable
	}
	bubble(t, setup{furnish: func(f *fixture) {
		full, err := auth.NewGate(verifier(t), auth.Options{})
		if err != nil {
			t.Fatal(err)
		}
		f.furnish(f.io.Of("/admin"), full.Event(auth.EventOptions{MaxHeld: 1}))
		guests, err := auth.NewGate(verifierOf(t, token.KeyFunc(away), token.Options{}), auth.Options{Guests: &auth.GuestOptions{}})
		if err != nil {
			t.Fatal(err)
		}
		f.furnish(f.io.Of("/guests"), guests.Event(auth.EventOptions{}))
	}}, func(f *fixture) {
		f.dial(sockettest.Options{Namespace: "/admin"}) // is held
		p := f.dial(sockettest.Options{Auth: bearing(sign(nil))})
		var refused *sockettest.ConnectError
		if _, err := p.Join(f.ctx, "/admin", nil); !errors.As(err, &refused) {
			t.Fatalf("got %v, want CONNECT_ERROR", err)
		}
		if data := string(refused.Data); !containsAny(data, `"reason":"overloaded"`) || !containsAny(data, `"temporary":true`) {
			t.Errorf("told %s", data)
		}
		guest, err := p.Join(f.ctx, "/guests", nil)
		if err != nil {
			t.Fatal(err)
		}
		f.emit(guest, "authenticate", bearing(sign(nil)))
		if told, _ := f.unauthorized(guest); told.Reason != "keys_unavailable" {
			t.Errorf("told %+v", told)
		}
		f.ended(guest, sockettest.ErrDisconnected, 0)
		f.whoami(p)
	})
}
