package token_test

import (
	"context"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// A token for another service.
func TestAttack_RFC8725_2_7_Substitution(t *testing.T) {
	v := secretVerifier(t, token.Options{Issuers: []string{"https://issuer.example"}, Audiences: []string{"chat"}, Subject: "ada"})
	for claims, want := range map[string]error{
		`"iss":"https://issuer.example","aud":"chat","sub":"ada"`:                  nil,
		`"iss":"https://issuer.example","aud":"shop","sub":"ada"`:                  token.ErrAudience,
		`"iss":"https://issuer.example","aud":"chat.evil.example","sub":"ada"`:     token.ErrAudience,
		`"iss":"https://issuer.example.evil.example","aud":"chat","sub":"ada"`:     token.ErrIssuer,
		`"iss":"https://issuer.example","aud":"chat","sub":"eve"`:                  token.ErrSubject,
		`"iss":"https://issuer.example","aud":["shop","Chat","chat "],"sub":"ada"`: token.ErrAudience,
	} {
		wantRefused(t, v, signClaims(`{"exp":4000000000,`+claims+`}`), want)
	}
	// With a public key, which other services trust too, the options are required.
	key := generate(t, token.ES256).Key()
	for _, opts := range []token.Options{{}, {Issuers: []string{"a"}}, {Audiences: []string{"a"}}, {InsecureNoIssuer: true}, {InsecureNoAudience: true}} {
		_, err := token.NewVerifier(key, opts)
		wantError(t, err, token.ErrOptions)
		_, err = token.NewVerifier(token.NewKeySet(key.WithID("a"), token.Secret(secret).WithID("b")), opts)
		wantError(t, err, token.ErrOptions)
	}
	for _, opts := range []token.Options{
		{Issuers: []string{"a"}, Audiences: []string{"a"}}, {Issuers: []string{"a"}, InsecureNoAudience: true},
		{Audiences: []string{"a"}, InsecureNoIssuer: true}, {InsecureNoIssuer: true, InsecureNoAudience: true},
	} {
		newVerifier(t, key, opts)
	}
	// The same holds for a public key from a KeyFunc, although NewVerifier cannot check it.
	signing := generate(t, token.EdDSA)
	keys := token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) { return signing.Key(), nil })
	compact := sign(t, signing, map[string]any{"iss": "https://issuer.example", "aud": "chat", "exp": at(time.Hour)})
	wantRefused(t, newVerifier(t, keys, token.Options{}), compact, token.ErrKey)
	wantRefused(t, newVerifier(t, keys, token.Options{Issuers: []string{"https://issuer.example"}}), compact, token.ErrKey)
	wantRefused(t, newVerifier(t, keys, publicOptions), compact, nil)
	wantRefused(t, newVerifier(t, keys, token.Options{InsecureNoIssuer: true, InsecureNoAudience: true}), compact, nil)
}

// A token of another kind: same issuer and key, another purpose.
func TestAttack_RFC8725_2_8_CrossJWTConfusion(t *testing.T) {
	for _, test := range []struct {
		wanted, typ string
		want        error
	}{
		{"", ``, nil},
		{"", `"typ":"JWT",`, nil},
		{"", `"typ":"jwt",`, nil},
		{"", `"typ":"",`, nil},
		{"", `"typ":"application/jwt",`, nil},
		{"", `"typ":"at+jwt",`, nil},
		{"", `"typ":"logout+jwt",`, token.ErrType},
		{"", `"typ":"dpop+jwt",`, token.ErrType},
		{"", `"typ":"secevent+jwt",`, token.ErrType},
		{"", `"typ":"application/json",`, token.ErrType},
		{"JWT", ``, nil},
		{"JWT", `"typ":"",`, nil},
		{"JWT", `"typ":"jwt",`, nil},
		{"JWT", `"typ":"application/JWT",`, nil},
		{"application/jwt", ``, nil},
		{"JWT", `"typ":"at+jwt",`, token.ErrType},
		{"JWT", `"typ":"logout+jwt",`, token.ErrType},
		{"JWT", `"typ":"application/json",`, token.ErrType},
		{"at+jwt", `"typ":"at+jwt",`, nil},
		{"at+jwt", `"typ":"",`, token.ErrType},
		{"at+jwt", `"typ":"AT+JWT",`, nil},
		{"at+jwt", `"typ":"application/at+jwt",`, nil},
		{"at+jwt", `"typ":"Application/AT+jwt",`, nil},
		{"application/at+jwt", `"typ":"at+jwt",`, nil},
		{"task+jwt", `"typ":"TASK+JWT",`, nil},
		{"task+jwt", `"typ":"ta\u017fk+jwt",`, token.ErrType}, // U+017F folds to s
		{"task+jwt", `"typ":"tas\u212a+jwt",`, token.ErrType}, // and the sign of the Kelvin to k
		{"at+jwt", `"typ":"text/at+jwt",`, token.ErrType},
		{"at+jwt", `"typ":"JWT",`, token.ErrType},
		{"at+jwt", ``, token.ErrType},
		{"at+jwt", `"typ":7,`, token.ErrHeader},
		{"at+jwt", `"typ":"at+jwt","t\u0079p":"at+jwt",`, token.ErrMalformed},
	} {
		t.Run(test.wanted+" "+test.typ, func(t *testing.T) {
			wantRefused(t, secretVerifier(t, token.Options{Type: test.wanted}), signText(`{`+test.typ+`"alg":"HS256"}`, `{"exp":4000000000}`), test.want)
		})
	}
}

// Header parameters that could make the server fetch, look up or trust a value.
func TestAttack_RFC8725_2_9_IndirectAttacks(t *testing.T) {
	attacker := generate(t, token.ES256)
	text, err := attacker.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	own := generate(t, token.ES256)
	claims := map[string]any{"iss": "https://issuer.example", "aud": "chat", "exp": at(time.Hour)}
	v := newVerifier(t, own.Key(), publicOptions)
	// A key in the token is not used. A known key is, whatever else the header contains.
	for name, value := range map[string]any{
		"jwk": map[string]any{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
		"jku": "http://127.0.0.1:1/keys", "x5u": "file:///etc/passwd", "x5c": []string{encode(string(block.Bytes))}, "x5t": "AAAA",
	} {
		header := mint.Header{Extra: map[string]any{name: value}}
		forged, err := mint.Sign(attacker, claims, header)
		if err != nil {
			t.Fatal(err)
		}
		wantRefused(t, v, forged, token.ErrSignature)
		good, err := mint.Sign(own, claims, header)
		if err != nil {
			t.Fatal(err)
		}
		wantRefused(t, v, good, nil)
	}

	// A key ID is only compared. So any content is accepted that does not disturb a log.
	set := newVerifier(t, token.NewKeySet(token.Secret(secret).WithID("good"), token.Secret(secret).WithID("../../dev/null")), token.Options{})
	for kid, want := range map[string]error{
		`"good"`: nil, `"../../dev/null"`: nil,
		`"Good"`: token.ErrKeyNotFound, `"good "`: token.ErrKeyNotFound, `"__proto__"`: token.ErrKeyNotFound, `"' OR '1'='1"`: token.ErrKeyNotFound,
		`"` + strings.Repeat("x", 256) + `"`: token.ErrKeyNotFound, `"` + strings.Repeat("x", 257) + `"`: token.ErrHeader,
		`"good\u0000"`: token.ErrHeader, `"a\nb"`: token.ErrHeader, `"\u001b[31m"`: token.ErrHeader, `"a\u0085b"`: token.ErrHeader, `"a\u202eb"`: token.ErrHeader,
		`1`: token.ErrKeyNotFound, `1.5`: token.ErrHeader, `1e0`: token.ErrHeader, `-0`: token.ErrHeader, `true`: token.ErrHeader, `null`: nil, `["good"]`: token.ErrHeader, `{"good":1}`: token.ErrHeader,
	} {
		wantRefused(t, set, signText(`{"alg":"HS256","kid":`+kid+`}`, `{"exp":4000000000}`), want)
	}
}
