package token_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
)

func TestByIssuer(t *testing.T) {
	shop := newVerifier(t, token.Secret(secret).WithID("1"), token.Options{Issuers: []string{"https://shop.example", "https://old.example"}})
	const other = "the secret of the other issuer.."
	chat := newVerifier(t, token.Secret(other).WithID("1"), token.Options{
		Issuers: []string{"https://chat.example"}, Audiences: []string{"chat"}, Leeway: -1, MaxSize: 1000,
	})
	v, err := token.ByIssuer(shop, chat)
	if err != nil {
		t.Fatal(err)
	}
	claims := func(iss, more string) string {
		return fmt.Sprintf(`{"iss":"%s","exp":%d%s}`, iss, at(time.Minute), more)
	}
	const kid = `{"alg":"HS256","kid":"1"}`
	for name, c := range map[string]struct {
		compact string
		want    error
	}{
		"the first":                     {signText(kid, claims("https://shop.example", "")), nil},
		"its other name":                {signText(kid, claims("https://old.example", "")), nil},
		"the second":                    {signTextWith(other, kid, claims("https://chat.example", `,"aud":"chat"`)), nil},
		"the audience of the second":    {signTextWith(other, kid, claims("https://chat.example", `,"aud":"shop"`)), token.ErrAudience},
		"the first's key for the other": {signText(kid, claims("https://chat.example", `,"aud":"chat"`)), token.ErrSignature},
		"the other's key for the first": {signTextWith(other, kid, claims("https://shop.example", "")), token.ErrSignature},
		"the first's leeway":            {signText(kid, fmt.Sprintf(`{"iss":"https://shop.example","exp":%d}`, at(-time.Second))), nil},
		"no leeway for the second":      {signTextWith(other, kid, fmt.Sprintf(`{"iss":"https://chat.example","aud":"chat","exp":%d}`, at(-time.Second))), token.ErrExpired},
		"too large for the second":      {signTextWith(other, kid, claims("https://chat.example", `,"aud":"chat","x":"`+strings.Repeat("x", 1000)+`"`)), token.ErrTooLarge},
		"not for the first":             {signText(kid, claims("https://shop.example", `,"x":"`+strings.Repeat("x", 1000)+`"`)), nil},
		"a slash more":                  {signText(kid, claims("https://shop.example/", "")), token.ErrIssuer},
		"another case":                  {signText(kid, claims("https://Shop.example", "")), token.ErrIssuer},
		"nobody":                        {signText(kid, `{"exp":4000000000}`), token.ErrIssuer},
		"not a string":                  {signText(kid, `{"iss":["https://shop.example"],"exp":4000000000}`), token.ErrClaim},
		"null":                          {signText(kid, `{"iss":null,"exp":4000000000}`), token.ErrIssuer},
		"twice":                         {signText(kid, `{"iss":"https://shop.example","iss":"https://chat.example","exp":4000000000}`), token.ErrMalformed},
		"no object":                     {signText(kid, `null`), token.ErrMalformed},
		"unsigned":                      {encode(`{"alg":"none"}`) + "." + encode(claims("https://shop.example", "")) + ".", token.ErrUnsigned},
		"too large for all":             {strings.Repeat("x", 20_000), token.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) { wantRefused(t, v, c.compact, c.want) })
	}

	nameless := newVerifier(t, token.Secret(secret), token.Options{})
	for name, verifiers := range map[string][]*token.Verifier{
		"none": {}, "nil": {shop, nil}, "zero": {new(token.Verifier)}, "without issuers": {shop, nameless},
		"the same twice": {shop, shop}, "itself of several": {v},
	} {
		if _, err := token.ByIssuer(verifiers...); err == nil {
			t.Errorf("%s: no error", name)
		} else {
			wantError(t, err, token.ErrOptions)
		}
	}
}
