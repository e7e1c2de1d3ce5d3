package fromnode_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/examples/fromnode"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
	"socketiojwt/token/mint"
	"socketiojwt/token/tokentest"
)

func TestSecrets(t *testing.T) {
	signed := func(secret string, claims map[string]any) string { return sign(t, key(t, secret), claims) }
	const bobs = "a secret of bob alone, and of nobody else"
	verifyWith := func(keys token.Keys) *token.Verifier {
		return must(token.NewVerifier(keys, token.Options{}))
	}
	users := verifyWith(fromnode.SecretOfUser(map[string]string{"ada": secret, "bob": bobs}))
	rotating := must(fromnode.Rotation("short", strings.Repeat("long", 16), time.Now().Add(time.Hour)))
	rotated := must(fromnode.Rotation("short", strings.Repeat("long", 16), time.Now()))
	before := must(fromnode.AsBefore("short"))
	next := must(mint.Secret(strings.Repeat("long", 16), token.HS256))

	for name, c := range map[string]struct {
		verifier *token.Verifier
		compact  string
		want     error
	}{
		"base64":                     {must(fromnode.Base64Secret("YSBzZWNyZXQgb2YgdGhlIHNhbXBsZXMsIGxvbmcgZW5vdWdo")), ada(t), nil},
		"ada's":                      {users, signed(secret, map[string]any{"userId": "ada"}), nil},
		"bob's":                      {users, signed(bobs, map[string]any{"userId": "bob"}), nil},
		"bob's, who says he is ada":  {users, signed(bobs, map[string]any{"userId": "ada"}), token.ErrSignature},
		"of nobody":                  {users, signed(bobs, map[string]any{"userId": "eve"}), token.ErrKeyNotFound},
		"of what every object has":   {users, signed(bobs, map[string]any{"userId": "constructor"}), token.ErrKeyNotFound},
		"without the claim":          {users, signed(bobs, map[string]any{}), token.ErrClaimMissing},
		"short":                      {rotating, byHand("short", `{"alg":"HS256"}`, `{"exp":4102444800}`), nil},
		"short, after its end":       {rotated, byHand("short", `{"alg":"HS256"}`, `{"exp":4102444800}`), token.ErrKeyNotFound},
		"by neither":                 {rotating, ada(t), token.ErrSignature},
		"the next, without a key ID": {rotating, sign(t, next, map[string]any{}), nil},
		"the next":                   {rotating, sign(t, next.WithID("next"), map[string]any{}), nil},
		"the next by the old ID":     {rotating, sign(t, next.WithID("old"), map[string]any{}), token.ErrSignature},
		"without exp, before":        {before, byHand("short", `{"alg":"HS256"}`, `{}`), nil},
		"without exp, now":           {verifier(t), byHand(secret, `{"alg":"HS256"}`, `{}`), token.ErrClaimMissing},
	} {
		if _, err := c.verifier.Verify(t.Context(), c.compact); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	compact := must(fromnode.Sign(key(t, secret), "ada", "Ada"))
	if got := must(verifier(t).Verify(t.Context(), compact)); got.Subject != "ada" || time.Until(got.ExpiresAt()) > time.Hour {
		t.Errorf("signed %v", got)
	}
}

func TestSecretOfNamespace(t *testing.T) {
	serve(t, func(t *testing.T, srv *socketio.Server) {
		keys := fromnode.SecretOfNamespace(map[string]string{"/a": secret, "/b": "another secret, which is long enough"})
		v := must(token.NewVerifier(keys, token.Options{}))
		gate := must(auth.NewGate(v, auth.Options{}))
		srv.Of("/a").Use(gate.Handshake)
		srv.Of("/b").Use(gate.Handshake)
	}, func(r room) {
		r.admitted(sockettest.Options{Namespace: "/a", Auth: bearing(ada(t))})
		if got := r.refused(sockettest.Options{Namespace: "/b", Auth: bearing(ada(t))}); got.Message != "invalid signature" {
			t.Errorf("by the secret of another: %+v", got)
		}
	})
}

func TestIssuerKeys(t *testing.T) {
	issuer := tokentest.NewIssuer(t, tokentest.Options{Algorithm: token.RS256, Listen: true})
	v, keys, err := fromnode.IssuerKeys(issuer.JWKSURL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = keys.Close() }()
	check := func(what string, claims map[string]any, want error) {
		t.Helper()
		if _, err := v.Verify(t.Context(), issuer.Sign(claims)); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", what, err, want)
		}
	}
	ours := map[string]any{"iss": "https://login.example.com/", "aud": "chat"}
	check("ours", ours, nil)
	check("for another service", map[string]any{"iss": "https://login.example.com/", "aud": "shop"}, token.ErrAudience)
	check("of another issuer", map[string]any{"iss": "https://login.example.org/", "aud": "chat"}, token.ErrIssuer)
	issuer.Rotate()
	check("by a new key", ours, nil)
}
