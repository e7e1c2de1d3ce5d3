package logout_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"socketiojwt/auth"
	"socketiojwt/auth/denyfile"
	"socketiojwt/auth/logout"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token/mint"
	"socketiojwt/token/profile"
)

// A logout ends the sockets of the session at a real gate, with its denylist in a file, and
// keeps their tokens out. Other sessions of the user, and other users, stay.
func TestGateEndsTheSession(t *testing.T) {
	list, err := denyfile.Open(t.TempDir()+"/denylist.db", denyfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = list.Close() }()
	f := newFixture(t, nil)
	gate, err := auth.NewGate(verifierOf(t, f.issuer, profile.IDToken(f.issuer.URL(), client)), auth.Options{Denylist: list})
	if err != nil {
		t.Fatal(err)
	}
	f.handler = newFixture(t, func(o *logout.Options) {
		o.Verifier, o.Gates = verifierOf(t, f.issuer, f.rules), []logout.Revoker{gate}
	}).handler
	srv := sockettest.NewServer(t, func(srv *socketio.Server) { srv.Use(gate.Handshake) })
	idToken := func(sub, sid string) map[string]string {
		return map[string]string{"token": f.signAs(mint.Header{Type: "JWT"}, claims{"sub": sub, "sid": sid, "events": nil})}
	}
	shown := idToken("ada", "s1")
	ended := []*sockettest.Peer{srv.Dial(sockettest.Options{Auth: shown}), srv.Dial(sockettest.Options{Auth: idToken("ada", "s1")})}
	other := srv.Dial(sockettest.Options{Auth: idToken("ada", "s2")})
	srv.Dial(sockettest.Options{Auth: idToken("bob", "s3")})

	if w := f.send(f.sign(nil)); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, peer := range ended {
		if err := peer.Ended(t.Context()); !errors.Is(err, sockettest.ErrDisconnected) {
			t.Errorf("a socket of the session ended with %v", err)
		}
	}
	refused, ok := auth.ParseRefusal(srv.Refused(sockettest.Options{Auth: shown}).Data)
	if !ok || refused.Reason != auth.ReasonTokenRevoked {
		t.Errorf("the token of the session is refused with %+v", refused)
	}
	// The other session stays, and ends with the user.
	if left := len(slices.Collect(gate.Leases())); left != 2 {
		t.Errorf("%d sockets are left", left)
	}
	if w := f.send(f.sign(claims{"sid": nil})); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if err := other.Ended(t.Context()); !errors.Is(err, sockettest.ErrDisconnected) {
		t.Errorf("a socket of the user ended with %v", err)
	}
	if left := slices.Collect(gate.Leases()); len(left) != 1 || left[0].Subject != "bob" {
		t.Errorf("left are %+v", left)
	}
}
