package auth_test

import (
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio/sockettest"
)

// An event that waited for a fresher token is not handled if the new token does not satisfy the
// requirements around the one that made it wait.
func TestChallengedEventIsAskedAgain(t *testing.T) {
	bubble(t, setup{furnish: func(f *fixture) {
		f.srv.Wrap(f.gate.Require(auth.Scopes("pay")))
		f.guarded("pay", payment)
	}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(loggedIn(time.Hour, claims{"scope": "pay"}))})
		answer := f.answers(p, "pay")
		f.expect(p, "token_challenge")
		f.refresh(p, loggedIn(0, nil)) // the right was withdrawn
		if got := <-answer; !containsAny(got, "insufficient_scope") {
			t.Errorf("answer %s", got)
		}
		f.happened("connected ada")
	})
}
