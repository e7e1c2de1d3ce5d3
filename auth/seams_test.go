package auth_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// While the transport of a guest whose login was refused temporarily stays open, another
// namespace admits a socket. It stays, and only the guest's socket ends.
func TestGuestsDelayedRefusalKeepsLaterSockets(t *testing.T) {
	busy := func(context.Context, *token.Token, *socketio.Handshake) error {
		return &auth.Error{Message: "busy", Temporary: true, RetryAfter: 10 * time.Second}
	}
	bubble(t, setup{furnish: func(f *fixture) {
		guests, err := auth.NewGate(verifier(t), auth.Options{Guests: &auth.GuestOptions{}, Authorize: auth.Check(busy)})
		if err != nil {
			t.Fatal(err)
		}
		f.furnish(f.io.Of("/guests"), guests.Event(auth.EventOptions{}))
	}}, func(f *fixture) {
		guest := f.dial(sockettest.Options{Namespace: "/guests"})
		f.emit(guest, "authenticate", bearing(sign(nil)))
		if told, _ := f.unauthorized(guest); told.Message != "busy" {
			t.Errorf("told %+v", told)
		}
		time.Sleep(time.Second)
		p, err := guest.Join(f.ctx, "/", bearing(sign(nil)))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		f.whoami(p)
		f.ended(guest, sockettest.ErrDisconnected, 0)
	})
}
