package auth_test

import (
	"testing"

	"socketiojwt/socketio/sockettest"
)

func TestHandshakeAdmits(t *testing.T) {
	bubble(t, setup{}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(mint(nil))})
		if got := f.whoami(p); got != "ada" {
			t.Errorf("whoami: %q", got)
		}
		f.happened("connected ada")
	})
}
