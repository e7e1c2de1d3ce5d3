package token_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// holder contains secrets in fields for which fmt cannot call methods.
type holder struct {
	key        token.Key
	set        token.KeySet
	unverified token.Unverified
	tok        *token.Token
	verifier   *token.Verifier
	signing    mint.SigningKey
}

func TestRedaction(t *testing.T) {
	signing, err := mint.Secret(secret, token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	key := signing.Key().WithID("k1")
	set := token.NewKeySet(key)
	verifier := newVerifier(t, set, token.Options{Nonce: "the-nonce"})
	compact := signText(`{"alg":"HS256","kid":"k1","x":"in-the-header"}`, `{"sub":"the-subject","nonce":"the-nonce","exp":4000000000}`)
	tok, err := verifier.Verify(context.Background(), compact)
	if err != nil {
		t.Fatal(err)
	}
	u, err := token.ParseUnverified(compact, 0)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(compact, ".")
	hidden := append(parts, secret, "the-subject", "the-nonce", "in-the-header",
		fmt.Sprint([]byte(secret))[1:20], fmt.Sprintf("%x", secret)[:20], strings.ToUpper(fmt.Sprintf("%x", secret))[:20],
		fmt.Sprintf("%#v", []byte(secret))[7:30], encode(secret)[:20])

	for name, value := range map[string]any{
		"Key": key, "*Key": &key, "KeySet": set, "*KeySet": &set, "Unverified": u, "*Unverified": &u, "Token": *tok, "*Token": tok,
		"Verifier": *verifier, "*Verifier": verifier, "SigningKey": signing, "*SigningKey": &signing,
		"in a slice": []any{key, set, u, tok, verifier, signing}, "in a map": map[string]any{"a": key, "b": tok, "c": u, "d": signing},
		"in exported fields":   struct{ A, B, C, D any }{key, *tok, u, signing},
		"in unexported fields": holder{key, set, u, tok, verifier, signing},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%T"} {
				fmt.Fprintf(&out, verb+"\n", value)
			}
			fmt.Fprintln(&out, value)
			if text, err := json.Marshal(value); err == nil {
				out.Write(text)
			}
			if text, err := xml.Marshal(value); err == nil {
				out.Write(text)
			}
			slog.New(slog.NewTextHandler(&out, nil)).Info("x", "value", value)
			slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "value", value)
			for _, secret := range hidden {
				// Where fmt cannot call methods, a wrong verb prints the claims and options
				// of a *Token and a *Verifier, but no key and no signature.
				if name == "in unexported fields" && strings.HasPrefix(secret, "the-") {
					continue
				}
				if strings.Contains(out.String(), secret) {
					t.Errorf("%q is in the output:\n%.3000s", secret, &out)
				}
			}
		})
	}
	// The description is the same for each way of printing.
	for _, value := range []fmt.Stringer{key, set, u, tok, *tok, verifier, *verifier, signing} {
		want := value.String()
		quoted, err := json.Marshal(value)
		var encoded string
		if err != nil || json.Unmarshal(quoted, &encoded) != nil || encoded != want {
			t.Errorf("%T in JSON: %s, %v", value, quoted, err)
		}
		if logged := slog.AnyValue(value).Resolve(); logged.Kind() != slog.KindString || logged.String() != want {
			t.Errorf("%T in slog: %v", value, logged)
		}
		if printed := fmt.Sprintf("%#v", value); printed != want || !strings.Contains(want, "(") {
			t.Errorf("%T printed: %s", value, printed)
		}
	}
	if got := key.String(); !strings.Contains(got, "HS256") || !strings.Contains(got, "k1") {
		t.Errorf("a key describes itself as %q, without algorithm and ID", got)
	}
	for _, unusable := range []fmt.Stringer{token.Key{}, token.KeySet{}, token.Secret(""), mint.SigningKey{}, token.Unverified{}, token.Token{}, token.Verifier{}} {
		_ = unusable.String()
	}
	// The token of a guest is nil, and can be logged.
	var none *token.Token
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "value", none)
	fmt.Fprintf(&out, "%v %+v %#v", none, none, none)
}

// Errors may be logged, so they contain neither secret nor token.
func TestErrorsContainNoSecret(t *testing.T) {
	v := secretVerifier(t, token.Options{Issuers: []string{"the-issuer"}, Subject: "the-subject", Nonce: "the-nonce"})
	for _, compact := range []string{
		"secret-token", "secret-token.secret-token.secret-token", signText(`{"alg":"secret-token"}`, `{}`), signText(`{"alg":"HS256","crit":["secret-token"]}`, `{}`),
		signText(`{"alg":"HS256","kid":"secret-token\n"}`, `{}`), signText(`{"secret-token":1,"secret-token":1}`, `{}`),
		signClaims(`{"exp":"secret-token"}`), signClaims(`{"secret-token":secret-token}`), signClaims(`{"exp":4000000000,"iss":"the-issuer","sub":"secret-token"}`),
		signClaims(`{"exp":4000000000,"iss":"the-issuer","sub":"the-subject","nonce":"secret-token"}`), signTextWith("wrong", hs256, `{"secret-token":1}`),
	} {
		_, err := v.Verify(context.Background(), compact)
		if err == nil {
			t.Fatalf("accepted %q", compact)
		}
		for _, part := range append(strings.Split(compact, "."), "secret-token", secret, "the-issuer", "the-subject", "the-nonce") {
			if part != "" && strings.Contains(err.Error(), part) {
				t.Errorf("%q tells %q", err, part)
			}
		}
	}
	for _, key := range []token.Key{token.Secret("changeme"), token.SecretBase64("changeme!"), token.Secret("changeme", "changeme"), token.PEM([]byte("changeme")),
		token.JWK([]byte(`{"kty":"changeme"}`)), token.JWK([]byte(`{"changeme":1,"changeme":1}`)), token.JWK([]byte(`{"kty":"oct","k":"changeme"}`))} {
		if err := key.Err(); err == nil || strings.Contains(err.Error(), "changeme") {
			t.Errorf("got %v", err)
		}
	}
}
