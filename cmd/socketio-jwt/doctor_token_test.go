package main

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/mint"
	"socketiojwt/token/tokentest"
)

func TestDoctorOnTokensOfAnIssuer(t *testing.T) {
	issuer := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	other := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	now := time.Now()
	claims := func(more ...any) map[string]any {
		all := map[string]any{"aud": "chat", "sub": "ada"}
		for i := 0; i < len(more); i += 2 {
			all[more[i].(string)] = more[i+1]
		}
		return all
	}
	unpublished := issuer.Rotate()
	foreign := issuer.Sign(claims())
	issuer.Retire(unpublished)
	issuer.Rotate()
	secret, err := mint.Secret(randomSecret, token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	symmetric, err := mint.Sign(secret, map[string]any{"iss": issuer.URL(), "aud": "chat", "sub": "ada", "exp": now.Add(time.Hour).Unix()}, mint.Header{})
	if err != nil {
		t.Fatal(err)
	}
	good := issuer.Sign(claims())
	for _, test := range []struct {
		name, compact string
		says          []string
	}{
		{"good", good, []string{"ok tokens: the token is accepted, and its bearer may stay until it ends, in 60 minutes"}},
		{"good, as an answer", `{"token": "` + good + `"}`, []string{"ok tokens: accepted"}},
		{"an access token", issuer.SignWith(mint.Header{Type: "at+jwt"}, claims("nonce", "n")), []string{"ok tokens: accepted"}},
		{"for a week", issuer.Sign(claims("exp", now.Add(7*24*time.Hour).Unix())), []string{"WARN tokens: good for 7 days", "ok tokens: accepted"}},
		{"for a week from whenever", issuer.Sign(claims("iat", nil, "exp", now.Add(7*24*time.Hour).Unix())), []string{"WARN tokens: good for 7 days"}},
		{"for a day", issuer.Sign(claims("exp", now.Add(24*time.Hour).Unix())), nil},
		{"nobody's", issuer.Sign(map[string]any{"aud": "chat"}), []string{"WARN tokens: no subject", "ok tokens: accepted"}},
		{"an ID token", issuer.Sign(claims("at_hash", "h")), []string{"WARN tokens: ID token (it has at_hash)", "ok tokens: accepted"}},

		{"expired", issuer.Sign(claims("exp", now.Add(-time.Hour).Unix())), []string{"FAIL tokens: it has expired"}},
		{"not begun", issuer.Sign(claims("nbf", now.Add(time.Hour).Unix())), []string{"FAIL tokens: its time has not begun"}},
		{"without end", issuer.Sign(claims("exp", nil)), []string{"FAIL tokens: a claim is missing that has to be there: claim missing: exp"}},
		{"in milliseconds", issuer.Sign(claims("exp", now.Add(time.Hour).UnixMilli())), []string{"FAIL tokens: exp counts milliseconds"}},
		{"an end of a wrong type", issuer.Sign(claims("exp", "tomorrow")), []string{"FAIL tokens: a claim has the wrong type"}},
		{"for somebody else", issuer.Sign(claims("aud", []string{"shop", "s\x1bhip"})), []string{`FAIL tokens: it has "shop, s\x1bhip", and "chat" is accepted`}},
		{"for a token", issuer.Sign(claims("aud", good+good)), []string{`FAIL tokens: it has "<token>`}},
		{"for nobody", issuer.Sign(map[string]any{"sub": "ada"}), []string{"FAIL tokens: it has none"}},
		{"of another issuer", other.Sign(claims()), []string{`FAIL tokens: it has "` + other.URL() + `", and "` + issuer.URL() + `" is accepted`}},
		{"of another key", foreign, []string{`FAIL tokens: it names another key (kid): "key-2", which the issuer does not publish`}},
		{"forged", other.Sign(claims("iss", issuer.URL())), []string{"FAIL tokens: the signature does not fit"}},
		{"by a secret", symmetric, []string{`FAIL tokens: it names "HS256"`}},
		{"of another type", issuer.SignWith(mint.Header{Type: "logout+jwt"}, claims()), []string{`FAIL tokens: "logout+jwt"`}},
		{"unsigned", good[:strings.LastIndex(good, ".")+1], []string{"FAIL tokens: not signed"}},
		{"too long", issuer.Sign(claims("groups", strings.Repeat("g", 17_000))), []string{"FAIL tokens: more than 16384"}},
		{"opaque", "2YotnFZFEjr1zCsicMWpAA", []string{"FAIL tokens: no JWT"}},
		{"encrypted", "eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d", []string{"FAIL tokens: encrypted"}},
		{"broken", good + "!", []string{"FAIL tokens: cannot be read"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			doctor(t, test.compact, "--issuer", issuer.URL(), "--audience", "chat", "--token", "-").says(t, test.says...)
		})
	}
	t.Run("what to do", func(t *testing.T) {
		o := doctor(t, other.Sign(claims()), "--issuer", issuer.URL(), "--audience", "chat", "--token", "-")
		if !strings.Contains(o.out, fmt.Sprintf("give --issuer %q, to the letter.", other.URL())) {
			t.Errorf("it does not say which issuer:\n%s", o.out)
		}
	})
	t.Run("an ID token that is asked for", func(t *testing.T) {
		doctor(t, issuer.Sign(claims("at_hash", "h")), "--issuer", issuer.URL(), "--audience", "chat", "--profile", "id-token", "--token", "-").
			says(t, "ok tokens: accepted")
	})
	t.Run("of another kind than the profile's", func(t *testing.T) {
		typed, access := mint.Header{Type: "at+jwt"}, map[string]any{"sub": "ada", "token_use": "access", "client_id": "web"}
		for _, test := range []struct{ profile, compact, says, advice string }{
			{"access-token", good, `another type (typ): "JWT"`, "--profile access-token asks for that"},
			{"id-token", issuer.SignWith(typed, claims()), `another type (typ): "at+jwt"`, "--profile id-token asks for that"},
			{"keycloak", good, `claim missing: "typ"`, "--profile keycloak asks for that"},
			{"keycloak", issuer.Sign(claims("typ", "ID")), `"typ" is not what is asked for`, "--profile keycloak asks for that"},
			{"keycloak", issuer.Sign(claims("exp", nil)), "claim missing: exp", "Let the issuer put it in"},
			{"cognito-access", good, "it has no client_id, by which these tokens say it", "--profile cognito-access asks for that"},
			{"cognito-access", issuer.Sign(access), `it has "web", and "chat" is accepted`, "give it as --audience"},
			{"", issuer.Sign(access), "it has none", "--profile cognito-access"},
		} {
			args := []string{"--issuer", issuer.URL(), "--audience", "chat", "--token", "-"}
			if test.profile != "" {
				args = append(args, "--profile", test.profile)
			}
			o := doctor(t, test.compact, args...)
			if _, after, found := strings.Cut(o.out, test.says+"\n"); !found || !strings.Contains(strings.SplitN(after, "\n", 2)[0], test.advice) {
				t.Errorf("%s: it does not say %q, and below it %q:\n%s", test.profile, test.says, test.advice, o.out)
			}
		}
	})
	t.Run("no key named", func(t *testing.T) { // nameless is signed by the odd key without an ID, of two that fit
		issuer.Misbehave(tokentest.Fault{Keys: []tokentest.OddKey{tokentest.NoID}})
		doctor(t, issuer.SignBy(tokentest.NoID, claims()), "--issuer", issuer.URL(), "--audience", "chat", "--token", "-").
			says(t, "WARN issuer: without an ID", "FAIL tokens: it names none, and the issuer does not publish exactly one")
	})
	t.Run("two keys of its name", func(t *testing.T) {
		issuer.Misbehave(tokentest.Fault{Keys: []tokentest.OddKey{tokentest.SameID}})
		doctor(t, issuer.Sign(claims()), "--issuer", issuer.URL(), "--audience", "chat", "--token", "-").
			says(t, "FAIL issuer: the ID of another key", "FAIL tokens: publishes different keys for one algorithm under the key ID")
	})
	t.Run("without an audience", func(t *testing.T) {
		issuer.Misbehave(tokentest.Fault{})
		o := doctor(t, good, "--issuer", issuer.URL(), "--token", "-")
		o.says(t, "FAIL tokens: --audience", "WARN tokens: not verified")
		if !strings.Contains(o.out, `is for "chat"; if that is this server`) {
			t.Errorf("it does not say for whom the token is:\n%s", o.out)
		}
	})
	t.Run("without keys", func(t *testing.T) {
		issuer.Misbehave(tokentest.Fault{Status: 500})
		doctor(t, good, "--issuer", issuer.URL(), "--audience", "chat", "--token", "-").says(t, "FAIL issuer: 500", "FAIL tokens: could not be verified: 127.0.0.1")
	})
	t.Run("without rules", func(t *testing.T) {
		doctor(t, good, "--issuer", "i", "--token", "-").says(t, "FAIL key: whose key is missing", "WARN tokens: was not verified")
	})
}

// Where a shared secret does not fit, the usual confusions are tried.
func TestDoctorOnTokensOfASecret(t *testing.T) {
	raw := []byte(randomSecret)[:48]
	signed := func(secret string) string {
		return runWith(t, "", "token", "mint", "--secret", secret, "--sub", "ada").out
	}
	ed, public := keyPairFiles(t)
	byKey := runWith(t, "", "token", "mint", "--key", ed, "--iss", "i", "--aud", "a", "--sub", "ada").out
	for _, test := range []struct {
		name, secret, compact string
		says                  []string
	}{
		{"good", randomSecret, signed(randomSecret), []string{"ok tokens: accepted"}},
		{"another", randomSecret, signed(goodSecret), []string{"FAIL tokens: the signature does not fit"}},
		{"base64", base64.StdEncoding.EncodeToString(raw), signed(string(raw)), []string{"FAIL tokens: it fits the secret decoded from base64"}},
		{"base64url", base64.RawURLEncoding.EncodeToString(raw[:32]), signed(string(raw[:32])), []string{"FAIL tokens: it fits the secret decoded from base64"}},
		{"white space", randomSecret + " ", signed(randomSecret), []string{"FAIL tokens: without the white space", "WARN key: white space"}},
		{"a key pair's", randomSecret, byKey, []string{`FAIL tokens: it names "EdDSA"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			doctor(t, test.compact, "--no-login", "--secret-file", fileOf(t, 0o600, test.secret), "--token", "-").says(t, test.says...)
		})
	}
	t.Run("a public key", func(t *testing.T) {
		rules := []string{"--issuer", "i", "--audience", "a", "--token", "-"}
		doctor(t, byKey, append(rules, "--public-key", public)...).says(t, "ok tokens: accepted")
		doctor(t, byKey, append(rules, "--public-key", publicKeyFile(t))...).says(t, "FAIL tokens: the signature does not fit")
		doctor(t, signed(randomSecret), append(rules, "--public-key", public)...).says(t, `FAIL tokens: it names "HS256"`)
	})
	t.Run("the development issuer's own", func(t *testing.T) { // no other process has its secret
		o := doctor(t, signed(randomSecret), "--token", "-")
		o.says(t, "FAIL tokens: the signature does not fit")
		if !strings.Contains(o.out, "development issuer alone") {
			t.Errorf("it does not say why:\n%s", o.out)
		}
	})
}

// The token may come by its variable, and is not printed wherever it was put.
func TestDoctorPrintsNoToken(t *testing.T) {
	compact := strings.TrimSpace(runWith(t, "", "token", "mint", "--secret", goodSecret, "--sub", strings.Repeat("ada", 60)).out)
	t.Setenv("SOCKETIO_JWT_TOKEN", compact)
	for _, flag := range []string{"--origin", "--addr", "--issuer"} {
		if o := doctor(t, "", flag, compact); strings.Contains(o.out, compact[:30]) || !strings.Contains(o.out, "tokens: ") {
			t.Errorf("%s:\n%s", flag, o.out)
		}
	}
}

// Whatever stands in a flag, a finding is one line and moves no cursor.
func TestDoctorPrintsLines(t *testing.T) {
	o := doctor(t, "", "--addr", "a\nFAIL  b\x1b[2J")
	o.says(t, `FAIL exposure: --addr a; FAIL  b\u001b[2J: it has to be HOST:PORT`)
}
