package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
	"socketiojwt/token/tokentest"
)

// With the URL of an issuer, or of two, and an audience, everything is said.
func TestServeIssuer(t *testing.T) {
	one := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	two := tokentest.NewIssuer(t, tokentest.Options{Listen: true, Algorithm: token.RS256})
	s := start(t, "--issuer", one.URL(), "--issuer", two.URL(), "--audience", "chat")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, issuer := range []*tokentest.Issuer{one, two} {
		s.enter(ctx, "/", issuer.Sign(map[string]any{"aud": "chat", "sub": "ada"}))
		s.enter(ctx, "/admin", issuer.Sign(map[string]any{"aud": "chat", "sub": "ada"}))
	}
	for what, compact := range map[string]string{
		"another audience":        one.Sign(map[string]any{"aud": "shop"}),
		"the other's name":        one.Sign(map[string]any{"aud": "chat", "iss": two.URL()}),
		"an issuer nobody trusts": one.Sign(map[string]any{"aud": "chat", "iss": "https://login.example.com"}),
	} {
		peer, err := sockettest.Dial(ctx, s.url, sockettest.Options{Auth: map[string]string{"token": compact}})
		if err == nil {
			_ = peer.Close()
			t.Errorf("%s: let in", what)
		}
	}
	if status, answer := s.post(`{"username": "ada"}`); status != http.StatusNotFound {
		t.Errorf("there is a development issuer: %s", answer)
	}
}

// An issuer that is down at the start is in the log, and no reason not to start.
func TestServeIssuerThatIsDown(t *testing.T) {
	issuer := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	issuer.Misbehave(tokentest.Fault{Status: http.StatusBadGateway})
	s := start(t, "--issuer", issuer.URL(), "--audience", "chat")
	if !strings.Contains(s.log.String(), "keys could not be fetched") {
		t.Errorf("the log does not say so:\n%s", s.log)
	}
	issuer.Misbehave(tokentest.Fault{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for { // it closes the transport until the keys are there
		peer, err := sockettest.Dial(ctx, s.url, sockettest.Options{Auth: map[string]string{"token": issuer.Sign(map[string]any{"aud": "chat"})}})
		if err == nil {
			_ = peer.Close()
			return
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal(err)
		}
	}
}

func TestVerifyByIssuer(t *testing.T) {
	issuer := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	compact := issuer.Sign(map[string]any{"aud": "chat"})
	verify := func(args ...string) outcome {
		return runWith(t, compact, append([]string{"token", "verify", "-", "--issuer", issuer.URL()}, args...)...)
	}
	verify("--audience", "chat").want(t, exitGood, "GOOD", "")
	verify("--audience", "shop").want(t, exitRefused, "--audience", "")
	verify("--insecure-no-audience").want(t, exitGood, "GOOD", "")
	verify("--audience", "chat", "--alg", "RS256").want(t, exitRefused, "--alg", "")
	verify().want(t, exitFailed, "", "--audience")
	verify("--audience", "chat", "--insecure-no-issuer").want(t, exitFailed, "", "--insecure-no-issuer")
	verify("--audience", "chat", "--issuer", "http://login.example.com").want(t, exitFailed, "", "https")
	runWith(t, compact, "token", "verify", "-", "--issuer", "a name", "--audience", "chat").want(t, exitFailed, "", "nothing to verify with")
	issuer.Misbehave(tokentest.Fault{Status: http.StatusBadGateway})
	verify("--audience", "chat").want(t, exitFailed, "", "502")
}
