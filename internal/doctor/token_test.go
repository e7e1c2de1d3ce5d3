package doctor

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/mint"
	"socketiojwt/token/profile"
	"socketiojwt/token/tokentest"
)

// signed signs a token by a secret.
func signed(t *testing.T, secret string, claims map[string]any) string {
	t.Helper()
	key, err := mint.Secret(secret, token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	if claims["exp"] == nil {
		claims["exp"] = time.Now().Add(time.Hour).Unix()
	}
	compact, err := mint.Sign(key, claims, mint.Header{})
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// shown gives a token.
func shown(compact string) func(*Config) { return func(c *Config) { c.Token = compact } }

// claimsWith returns claims for the audience chat, changed by pairs.
func claimsWith(pairs ...any) map[string]any {
	all := map[string]any{"aud": "chat", "sub": "ada"}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i].(string)] = pairs[i+1]
	}
	return all
}

func TestTokensOfAnIssuer(t *testing.T) {
	issuer := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	other := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	now := time.Now()
	unpublished := issuer.Rotate()
	foreign := issuer.Sign(claimsWith())
	issuer.Retire(unpublished)
	issuer.Rotate()
	good := issuer.Sign(claimsWith())
	for _, test := range []struct {
		name, compact, advice string
		want                  []string
	}{
		{"good", good, "", []string{"ok tokens: accepted, and its sockets may stay until it ends, in "}},
		{"for a week", issuer.Sign(claimsWith("exp", now.Add(7*24*time.Hour).Unix())), "", []string{"warn tokens: valid for 7 days"}},
		{"for a day", issuer.Sign(claimsWith("exp", now.Add(24*time.Hour).Unix())), "", nil},
		{"no subject", issuer.Sign(map[string]any{"aud": "chat"}), "", []string{"warn tokens: no subject", "ok tokens: accepted"}},
		{"an ID token", issuer.Sign(claimsWith("at_hash", "h")), "", []string{"warn tokens: ID token (it has at_hash)", "ok tokens: accepted"}},
		{"an access token with a nonce", issuer.SignWith(mint.Header{Type: "at+jwt"}, claimsWith("nonce", "n")), "", []string{"ok tokens: accepted"}},

		{"expired", issuer.Sign(claimsWith("exp", now.Add(-time.Hour).Unix())), "the clock here", []string{"fail tokens: expired at"}},
		{"not yet valid", issuer.Sign(claimsWith("nbf", now.Add(time.Hour).Unix())), "the clock here", []string{"fail tokens: not yet valid"}},
		{"no end", issuer.Sign(claimsWith("exp", nil)), "", []string{"fail tokens: claim missing: exp"}},
		{"milliseconds", issuer.Sign(claimsWith("exp", now.Add(time.Hour).UnixMilli())), "", []string{"fail tokens: milliseconds"}},
		{"an end of a wrong type", issuer.Sign(claimsWith("exp", "tomorrow")), "", []string{"fail tokens: exp is not a NumericDate"}},
		{"another audience", issuer.Sign(claimsWith("aud", []string{"shop", "s\x1bhip"})), "give it by --audience", []string{`fail tokens: audience not accepted: "shop s\x1bhip"`}},
		{"a token as audience", issuer.Sign(claimsWith("aud", good+good)), "", []string{`fail tokens: audience not accepted: "<token>`}},
		{"no audience", issuer.Sign(map[string]any{"sub": "ada"}), "give --profile", []string{"fail tokens: audience not accepted"}},
		{"another issuer", other.Sign(claimsWith()), "by --issuer, spelled exactly so", []string{`fail tokens: issuer not accepted: "` + other.URL() + `"`}},
		{"another key", foreign, `It names the key "key-2"`, []string{"fail tokens: no key for this token"}},
		{"forged", other.Sign(claimsWith("iss", issuer.URL())), "", []string{"fail tokens: signature invalid"}},
		{"by a secret", signed(t, randomSecret, claimsWith("iss", issuer.URL())), "give that secret instead", []string{"fail tokens: algorithm"}},
		{"another type", issuer.SignWith(mint.Header{Type: "logout+jwt"}, claimsWith()), "access token", []string{"fail tokens: type not accepted"}},
		{"unsigned", good[:strings.LastIndex(good, ".")+1], "", []string{"fail tokens: not signed"}},
		{"too long", issuer.Sign(claimsWith("groups", strings.Repeat("g", 17_000))), "at most 16 KiB", []string{"fail tokens: more than 16384"}},
		{"opaque", "2YotnFZFEjr1zCsicMWpAA", "only its issuer can read", []string{"fail tokens: malformed"}},
		{"encrypted", "eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d", "It is encrypted", []string{"fail tokens: malformed"}},
		{"broken", good + "!", "no quotes or spaces", []string{"fail tokens: malformed"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := examine(t, with(shown(test.compact), issuers(t, issuer.URL())))
			r.want(t, test.want...)
			r.wantAdvice(t, test.advice)
		})
	}
}

// TestTokensOfABrokenIssuer checks what is reported about a token if its issuer, too, is
// reported.
func TestTokensOfABrokenIssuer(t *testing.T) {
	issuer := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	good := issuer.Sign(claimsWith())
	for _, test := range []struct {
		fault   tokentest.Fault
		compact string
		want    []string
	}{
		{tokentest.Fault{Status: 500}, good, []string{"fail issuer: 500", "fail tokens: could not be verified: 127.0.0.1"}},
		{tokentest.Fault{Keys: []tokentest.OddKey{tokentest.SameID}}, good, []string{"fail issuer: share an ID", "fail tokens: different keys for one algorithm under the key ID"}},
		{tokentest.Fault{Keys: []tokentest.OddKey{tokentest.NoID}}, issuer.SignBy(tokentest.NoID, claimsWith()), []string{"warn issuer: without an ID", "fail tokens: no matching key"}},
	} {
		issuer.Misbehave(test.fault)
		examine(t, with(shown(test.compact), issuers(t, issuer.URL()))).want(t, test.want...)
	}
	examine(t, with(shown(good), func(c *Config) { c.KeyErr = fmt.Errorf("the key is missing") })).
		want(t, "fail key: the key is missing", "warn tokens: was not verified")
}

func TestTokensOfAnotherProfile(t *testing.T) {
	issuer := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	idToken := func(c *Config) { c.Profile, c.Rules = "id-token", profile.IDToken(issuer.URL(), "chat") }
	access := func(c *Config) { c.Profile, c.Rules = "access-token", profile.AccessToken(issuer.URL(), "chat") }
	for _, test := range []struct {
		change        func(*Config)
		compact, want string
	}{
		{idToken, issuer.Sign(claimsWith("at_hash", "h")), "ok tokens: accepted"},
		{idToken, issuer.SignWith(mint.Header{Type: "at+jwt"}, claimsWith()), "fail tokens: type not accepted"},
		{access, issuer.Sign(claimsWith()), "fail tokens: type not accepted"},
	} {
		r := examine(t, with(test.change, shown(test.compact), issuers(t, issuer.URL())))
		r.want(t, test.want)
		if strings.HasPrefix(test.want, "fail") {
			r.wantAdvice(t, "requires this, to exclude tokens of other kinds")
		}
	}
}

// TestTokensOfASecret checks that common confusions about a secret are recognized.
func TestTokensOfASecret(t *testing.T) {
	raw := randomSecret[:48]
	another := strings.ToUpper(randomSecret)
	for _, test := range []struct {
		name, secret, signing, advice string
		want                          []string
	}{
		{"good", randomSecret, randomSecret, "", []string{"ok tokens: accepted"}},
		{"another", randomSecret, another, "to the byte", []string{"fail tokens: signature invalid"}},
		{"base64", base64.StdEncoding.EncodeToString([]byte(raw)), raw, "decoded from base64", []string{"fail tokens: signature invalid"}},
		{"base64url", base64.RawURLEncoding.EncodeToString([]byte(raw[:32])), raw[:32], "decoded from base64", []string{"fail tokens: signature invalid"}},
		{"white space", randomSecret + " ", randomSecret, "without the white space", []string{"fail tokens: signature invalid", "warn key: white space"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := examine(t, with(secret(test.secret), shown(signed(t, test.signing, claimsWith()))))
			r.want(t, test.want...)
			r.wantAdvice(t, test.advice)
		})
	}
	t.Run("of the development issuer", func(t *testing.T) { // only its process has the secret
		login := func(c *Config) { c.Secret, c.Login = nil, &Login{Life: time.Minute} }
		r := examine(t, with(secret(randomSecret), login, shown(signed(t, another, claimsWith()))))
		r.want(t, "fail tokens: signature invalid")
		r.wantAdvice(t, "only tokens of its own development issuer")
	})
}

func TestTokensOfAKeyPair(t *testing.T) {
	verifying, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(verifying)
	file := pemFile(t, "PUBLIC KEY", der, err)
	der, err = x509.MarshalPKCS8PrivateKey(private)
	key, keyErr := mint.PEM([]byte(readFile(t, pemFile(t, "PRIVATE KEY", der, err))), "")
	if keyErr != nil {
		t.Fatal(keyErr)
	}
	compact, err := mint.Sign(key, map[string]any{"iss": "i", "aud": "a", "sub": "ada", "exp": time.Now().Add(time.Hour).Unix()}, mint.Header{})
	if err != nil {
		t.Fatal(err)
	}
	examine(t, with(publicKey(t, file), shown(compact))).want(t, "ok tokens: accepted")
	examine(t, with(publicKey(t, publicKeyFile(t)), shown(compact))).want(t, "fail tokens: signature invalid")
	examine(t, with(publicKey(t, file), shown(signed(t, randomSecret, claimsWith())))).want(t, "fail tokens: algorithm")
	r := examine(t, with(secret(randomSecret), shown(compact)))
	r.want(t, "fail tokens: algorithm")
	r.wantAdvice(t, "signs with a private key")
}

// TestTokensOfAShortSecret checks that a token is judged although the secret is too short.
func TestTokensOfAShortSecret(t *testing.T) {
	const short = "shhhhhared-secret"
	compact := tokentest.NewIssuer(t, tokentest.Options{}).Sign(claimsWith())
	examine(t, with(secret(short), shown(compact))).want(t, "fail key: 32 bytes", "fail tokens: with the short secret accepted, the token is refused too: algorithm")
}
