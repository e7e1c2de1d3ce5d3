package auth

import (
	"net/netip"
	"testing"

	"socketiojwt/token"
)

// A socket that ends just before it is held is not counted, because Ended does not run again
// to release it.
func TestSocketThatEndedIsNotHeld(t *testing.T) {
	v, err := token.NewVerifier(token.Secret("a secret of the tests, long enough for HS256"), token.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := NewGate(v, Options{})
	if err != nil {
		t.Fatal(err)
	}
	a := &admission{gate: g}
	a.letGo()
	if !a.hold(netip.MustParsePrefix("192.0.2.1/32"), 10, 10) || g.held.all != 0 || len(g.held.byNetwork) != 0 {
		t.Errorf("%d sockets held, of %d addresses, want none", g.held.all, len(g.held.byNetwork))
	}
}
