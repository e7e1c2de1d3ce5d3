package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
	"socketiojwt/token/jwks"
	"socketiojwt/token/mint"
	"socketiojwt/token/tokentest"
)

// TestServeIssuer checks that the URLs of two issuers and an audience suffice.
func TestServeIssuer(t *testing.T) {
	one := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	two := tokentest.NewIssuer(t, tokentest.Options{Listen: true, Algorithm: token.RS256})
	s := start(t, "--issuer", one.URL(), "--issuer", two.URL(), "--audience", "chat")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, issuer := range []*tokentest.Issuer{one, two} {
		s.enter(ctx, "/", issuer.Sign(map[string]any{"aud": "chat", "sub": "ada"}))
		s.enter(ctx, "/admin", issuer.Sign(map[string]any{"aud": "chat", "sub": "ada"}))
	}
	for what, compact := range map[string]string{
		"another audience":      one.Sign(map[string]any{"aud": "shop"}),
		"the name of the other": one.Sign(map[string]any{"aud": "chat", "iss": two.URL()}),
		"an unknown issuer":     one.Sign(map[string]any{"aud": "chat", "iss": "https://login.example.com"}),
	} {
		peer, err := sockettest.Dial(ctx, s.url, sockettest.Options{Auth: map[string]string{"token": compact}})
		if err == nil {
			_ = peer.Close()
			t.Errorf("%s: admitted", what)
		}
	}
	if status, answer := s.post(`{"username": "ada"}`); status != http.StatusNotFound {
		t.Errorf("there is a development issuer: %s", answer)
	}
}

// TestServeIssuerThatIsDown checks that serve starts while the issuer is down, and logs it.
func TestServeIssuerThatIsDown(t *testing.T) {
	issuer := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	issuer.Misbehave(tokentest.Fault{Status: http.StatusBadGateway})
	s := start(t, "--issuer", issuer.URL(), "--audience", "chat")
	if !strings.Contains(s.log.String(), "keys could not be fetched") {
		t.Errorf("the failure is not in the log:\n%s", s.log)
	}
	issuer.Misbehave(tokentest.Fault{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for { // the server closes the transport until it has the keys
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

// TestVerifyByProfile checks the rules of each profile, with published keys and with a key that
// was given.
func TestVerifyByProfile(t *testing.T) {
	issuer := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	text, err := issuer.Key().PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	public := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(public, text, 0o600); err != nil {
		t.Fatal(err)
	}
	access := map[string]any{"sub": "ada", "client_id": "chat", "token_use": "access"}
	id := map[string]any{"sub": "ada", "aud": "chat", "token_use": "id"}
	rfc9068 := map[string]any{"sub": "ada", "aud": "chat", "client_id": "web", "jti": "1"}
	bearer := map[string]any{"sub": "ada", "aud": "chat", "typ": "Bearer"}
	for _, test := range []struct {
		profile, typ string
		claims       map[string]any
		code         int
		out          string
	}{
		{"cognito-access", "", access, exitGood, "GOOD"},
		{"cognito-access", "", id, exitRefused, "--audience"},
		{"cognito-id", "", id, exitGood, "GOOD"},
		{"cognito-id", "", bearer, exitRefused, "claim"},
		{"access-token", "at+jwt", rfc9068, exitGood, "GOOD"},
		{"access-token", "", rfc9068, exitRefused, "typ"},
		{"id-token", "", id, exitGood, "GOOD"},
		{"id-token", "at+jwt", id, exitRefused, "typ"},
		{"auth0", "", bearer, exitGood, "GOOD"},
		{"auth0", "", map[string]any{"aud": "chat"}, exitRefused, "claim"},
		{"keycloak", "", bearer, exitGood, "GOOD"},
		{"keycloak", "", id, exitRefused, "claim"},
	} {
		compact := issuer.SignWith(mint.Header{Type: test.typ}, test.claims)
		for _, more := range [][]string{nil, {"--public-key", public}} {
			args := append([]string{"token", "verify", "-", "--issuer", issuer.URL(), "--audience", "chat", "--profile", test.profile}, more...)
			runWith(t, compact, args...).want(t, test.code, test.out, "")
		}
	}
	// The issuer of Firebase is not on this machine, so its keys cannot be fetched.
	firebase := "https://securetoken.google.com/chat-1234"
	claims := map[string]any{"iss": firebase, "aud": "chat-1234", "sub": "ada", "auth_time": 1}
	args := []string{"token", "verify", "-", "--public-key", public, "--profile", "firebase", "--issuer", firebase, "--audience", "chat-1234"}
	runWith(t, issuer.Sign(claims), args...).want(t, exitGood, "GOOD", "")
	delete(claims, "auth_time")
	runWith(t, issuer.Sign(claims), args...).want(t, exitRefused, "claim", "")
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
	verify("--audience", "chat", "--insecure-no-audience").want(t, exitFailed, "", "no effect with --audience")
	verify("--audience", "chat", "--alg", "HS256").want(t, exitFailed, "", `is not for public keys, and issuers publish only those`)
	verify("--audience", "chat", "--issuer", issuer.URL()).want(t, exitFailed, "", "is given twice")
	verify("--audience", "chat", "--issuer", "http://login.example.com").want(t, exitFailed, "", "https")
	runWith(t, compact, "token", "verify", "-", "--issuer", "a name", "--audience", "chat").want(t, exitFailed, "", "nothing to verify with")
	issuer.Misbehave(tokentest.Fault{Status: http.StatusBadGateway})
	verify("--audience", "chat").want(t, exitFailed, "", "502")
}

// TestInsecurePlainHTTP checks that keys are fetched by http from another machine only if
// the flag allows it.
func TestInsecurePlainHTTP(t *testing.T) {
	rules := trust{Issuer: []string{"http://issuer.example"}, Audience: []string{"chat"}}
	if _, _, err := rules.published(jwks.Options{Logger: silent}); err == nil || !strings.Contains(err.Error(), "--insecure-plain-http") {
		t.Errorf("got %v, want an error that names the flag", err)
	}
	rules.InsecurePlainHTTP = true
	_, keys, err := rules.published(jwks.Options{Logger: silent})
	if err != nil {
		t.Error(err)
	}
	keys.close()
}
