package handbook

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// During a rotation the tokens of both secrets are good, with and without a key ID, and after it
// only those of the new one.
func TestTwoSecrets(t *testing.T) {
	next, old := strings.Repeat("n", 32), strings.Repeat("o", 32)
	now := time.Now()
	verifier, err := token.NewVerifier(TwoSecrets(next, old, now.Add(time.Hour)), token.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	var tokens []string
	for _, of := range []struct{ secret, id string }{{old, "1"}, {old, ""}, {next, "2"}, {next, ""}} {
		header := mint.Header{}
		if of.id != "" {
			header.Extra = map[string]any{"kid": of.id}
		}
		key, err := mint.Secret(of.secret, token.HS256)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := mint.Sign(key, map[string]any{"sub": "ada", "exp": now.Add(2 * time.Hour).Unix()}, header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verifier.Verify(context.Background(), signed); err != nil {
			t.Errorf("during the rotation, kid %q: %v", of.id, err)
		}
		tokens = append(tokens, signed)
	}
	now = now.Add(90 * time.Minute)
	for i, signed := range tokens {
		_, err := verifier.Verify(context.Background(), signed)
		if isOld := i < 2; isOld == (err == nil) {
			t.Errorf("after the rotation, token %d: %v", i, err)
		}
		if i < 2 && !errors.Is(err, token.ErrSignature) && !errors.Is(err, token.ErrKeyNotFound) && !errors.Is(err, token.ErrExpired) {
			t.Errorf("token %d is refused by %v", i, err)
		}
	}
}

// The samples build what they say.
func TestSamplesBuild(t *testing.T) {
	if _, err := SmallServer(); err != nil {
		t.Error(err)
	}
	verifier, err := token.NewVerifier(token.Secret(strings.Repeat("s", 32)), token.Options{})
	if err != nil {
		t.Fatal(err)
	}
	gate, err := CountRefusals(verifier, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	srv, err := SmallServer()
	if err != nil {
		t.Fatal(err)
	}
	if len(Figures(srv, gate)) != 6 {
		t.Error("figures are missing")
	}
}
