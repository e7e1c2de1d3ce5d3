// Package authtest provides a gate for tests, and tokens that the gate accepts.
//
//	gate, sign := authtest.NewGate(t, auth.Options{})
//	srv := sockettest.NewServer(t, func(srv *socketio.Server) { srv.Use(gate.Handshake) })
//	peer := srv.Dial(sockettest.Options{Auth: map[string]string{"token": sign(map[string]any{"sub": "ada"})}})
//
// Package token/tokentest/hostile has tokens that a gate must refuse.
package authtest

import (
	"maps"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// NewGate returns a gate, and a function that signs tokens for it. Each gate has a new key.
// Zero opts mean the defaults. The function adds the claim exp, an hour from now, unless
// claims has it. It may be called concurrently. Errors fail the test.
func NewGate(t testing.TB, opts auth.Options) (gate *auth.Gate, sign func(claims map[string]any) string) {
	t.Helper()
	key, err := mint.Generate(token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(key.Key(), token.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if gate, err = auth.NewGate(verifier, opts); err != nil {
		t.Fatal(err)
	}
	return gate, func(claims map[string]any) string {
		t.Helper()
		all := map[string]any{"exp": time.Now().Add(time.Hour).Unix()}
		maps.Copy(all, claims)
		compact, err := mint.Sign(key, all, mint.Header{})
		if err != nil {
			t.Error(err)
		}
		return compact
	}
}
