package auth_test

import (
	"context"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// A good refresh resets the count of refused tokens, and temporary refusals do not count. A token
// that was revoked while it was examined does not spoil the next one.
func TestRefusedRefreshesAreCounted(t *testing.T) {
	var f *fixture
	gate := auth.Options{Authorize: auth.Check(func(_ context.Context, tok *token.Token, _ *socketio.Handshake) error {
		switch tok.ID {
		case "later":
			return &auth.Error{Message: "later", Temporary: true}
		case "revoked":
			_, err := f.gate.Revoke(f.ctx, auth.ByHash(tok.Hash), auth.RevokeOptions{})
			return err
		}
		return nil
	})}
	bubble(t, setup{gate: gate}, func(made *fixture) {
		f = made
		p := f.dial(sockettest.Options{Auth: bearing(sign(nil))})
		show := func(times int, more claims, want string) {
			t.Helper()
			for range times {
				time.Sleep(2 * time.Second)
				if a := f.authenticate(p, sign(more)); a.reason() != want {
					t.Errorf("answer %+v, want %q", a.Error, want)
				}
			}
		}
		show(9, claims{"sub": "eve"}, "subject_changed")
		show(12, claims{"jti": "later"}, "not_authorized")
		show(1, nil, "")
		show(8, claims{"sub": "eve"}, "subject_changed")
		show(1, claims{"jti": "revoked"}, "token_revoked")
		show(1, claims{"jti": "next"}, "")
		show(10, claims{"sub": "eve"}, "subject_changed")
		show(1, nil, "rate_limited")
		f.whoami(p)
	})
}
