package tenants_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/examples/tenants"
	"socketiojwt/internal/leaktest"
	"socketiojwt/token"
	"socketiojwt/token/mint"
	"socketiojwt/token/tokentest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// table is a program's own table of issuers.
type table struct {
	mu        sync.Mutex
	audiences map[string]string
}

func (tb *table) set(issuer, audience string) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.audiences[issuer] = audience
}

func (tb *table) audienceOf(_ context.Context, issuer string) (string, error) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	if audience := tb.audiences[issuer]; audience != "" {
		return audience, nil
	}
	return "", token.ErrIssuer
}

// accessToken returns an access token of RFC 9068.
func accessToken(issuer *tokentest.Issuer, audience string) string {
	return issuer.SignWith(mint.Header{Type: "at+jwt"}, map[string]any{
		"aud": audience, "sub": "ada", "client_id": "web", "jti": "1", "iat": time.Now().Unix(),
	})
}

// A tenant with its own keys is added while the program runs, and then withdrawn.
func TestVerifier(t *testing.T) {
	acme := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	globex := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	tb := &table{audiences: map[string]string{}}
	tb.set(acme.URL(), "chat")
	issuers, err := tenants.Verifier(tb.audienceOf)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = issuers.Close() }()
	check := func(what, compact string, want error) {
		t.Helper()
		if _, err := issuers.Verify(t.Context(), compact); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", what, err, want)
		}
	}
	check("a tenant", accessToken(acme, "chat"), nil)
	check("the audience of another", accessToken(acme, "shop"), token.ErrAudience)
	check("before it is added", accessToken(globex, "shop"), token.ErrIssuer)
	if n := globex.Requests("").Asked; n > 0 {
		t.Errorf("%d requests to an issuer that is not in the table", n)
	}
	tb.set(globex.URL(), "shop")
	if err := issuers.Refresh(t.Context(), globex.URL()); err != nil {
		t.Fatal(err)
	}
	check("added", accessToken(globex, "shop"), nil)
	acme.Rotate()
	check("a new key", accessToken(acme, "chat"), nil)

	tb.set(acme.URL(), "")
	issuers.Forget(acme.URL())
	check("withdrawn", accessToken(acme, "chat"), token.ErrIssuer)
	check("the other", accessToken(globex, "shop"), nil)

	denylist := tenants.Denylist{Verifier: issuers, Revoked: func(_ context.Context, issuer, id string) (bool, error) {
		return issuer == globex.URL() && id == "1", nil
	}}
	if _, err := denylist.Verify(t.Context(), accessToken(globex, "shop")); !errors.Is(err, token.ErrRevoked) {
		t.Errorf("revoked: got %v", err)
	}
	if _, err := auth.NewGate(denylist, auth.Options{}); err != nil {
		t.Error(err)
	}
}

func TestDenylist(t *testing.T) {
	key, err := mint.Generate(token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(key.Key(), token.Options{})
	if err != nil {
		t.Fatal(err)
	}
	compact, err := mint.Sign(key, map[string]any{"jti": "7", "exp": time.Now().Add(time.Hour).Unix()}, mint.Header{})
	if err != nil {
		t.Fatal(err)
	}
	down := errors.New("the database is down")
	for _, c := range []struct {
		revoked   bool
		err, want error
	}{{false, nil, nil}, {true, nil, token.ErrRevoked}, {false, down, down}} {
		denylist := tenants.Denylist{Verifier: verifier, Revoked: func(_ context.Context, _, id string) (bool, error) {
			return c.revoked && id == "7", c.err
		}}
		if _, err := denylist.Verify(t.Context(), compact); !errors.Is(err, c.want) {
			t.Errorf("got %v, want %v", err, c.want)
		}
		if _, err := denylist.Verify(t.Context(), compact+"x"); err == nil {
			t.Error("a bad token is accepted")
		}
	}
}

func TestIntrospection(t *testing.T) {
	exp := time.Now().Add(time.Hour).Unix()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if id, secret, _ := r.BasicAuth(); id != "chat" || secret != "s3cret" || r.PostFormValue("token") != "good" {
			fmt.Fprint(w, `{"active":false}`)
			return
		}
		fmt.Fprintf(w, `{"active":true,"iss":"https://login.example","aud":"chat","sub":"ada","exp":%d}`, exp)
	}))
	defer server.Close()
	verifier, err := tenants.Introspection(server.URL, "s3cret")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = verifier.Close() }()
	if good, err := verifier.Verify(t.Context(), "good"); err != nil || good.Subject != "ada" {
		t.Fatalf("got %v, %v", good, err)
	}
	if _, err := verifier.Verify(t.Context(), "inactive"); !errors.Is(err, token.ErrRevoked) {
		t.Errorf("got %v", err)
	}
}
