package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// TestVerifyDuringAReload checks that a token that is being verified while the key is replaced is
// not accepted by the old one.
func TestVerifyDuringAReload(t *testing.T) {
	opts := token.Options{Issuers: []string{"i"}, Audiences: []string{"a"}}
	verifier := func(keys token.Keys) *ruleset {
		v, err := token.NewVerifier(keys, opts)
		if err != nil {
			t.Fatal(err)
		}
		return &ruleset{verifier: v}
	}
	signing, err := mint.Secret(goodSecret, token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := mint.Sign(signing, map[string]any{"iss": "i", "aud": "a", "exp": time.Now().Add(time.Hour).Unix()}, mint.Header{})
	if err != nil {
		t.Fatal(err)
	}
	asked, goOn := make(chan bool, 1), make(chan bool)
	slow := verifier(token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) {
		asked <- true
		<-goOn
		return token.Secret(goodSecret), nil
	}))
	var current trusting
	current.rules.Store(slow)
	verified := make(chan error)
	go func() {
		_, err := current.Verify(t.Context(), compact)
		verified <- err
	}()
	<-asked
	current.rules.Store(verifier(token.Secret("another secret that has more than thirty-two bytes")))
	close(goOn)
	if err := <-verified; !errors.Is(err, token.ErrSignature) {
		t.Errorf("the token was verified with the old key: %v", err)
	}
}
