package token_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
)

// Claims that issuers write against the specification are accepted if no rule needs them.
// Otherwise the error names the problem.
func TestClaimsOfRealIssuers(t *testing.T) {
	hour := fmt.Sprint(at(time.Hour))
	exp, milliseconds := `"exp":`+hour, fmt.Sprint(at(-time.Minute))+"000"
	for _, test := range []struct {
		name, claims string
		opts         token.Options
		want         error
		text         string // a part of the error
	}{
		{"iat in milliseconds", exp + `,"iat":` + milliseconds, token.Options{}, nil, ""},
		{"iat in milliseconds, with a MaxAge", exp + `,"iat":` + milliseconds, token.Options{MaxAge: time.Hour}, token.ErrClaim, "iat looks like milliseconds"},
		{"iat in milliseconds, required", exp + `,"iat":` + milliseconds, token.Options{Required: []string{"iat"}}, nil, ""},
		{"iat a string", exp + `,"iat":"2026-06-01"`, token.Options{}, nil, ""},
		{"iat a string, with a MaxAge", exp + `,"iat":"2026-06-01"`, token.Options{MaxAge: time.Hour}, token.ErrClaim, "iat is not a NumericDate"},
		{"exp in milliseconds", `"exp":` + milliseconds, token.Options{}, token.ErrClaim, "exp looks like milliseconds"},
		{"exp in milliseconds, ignored", `"exp":` + milliseconds, token.Options{InsecureIgnoreExpiry: true}, token.ErrClaim, "exp looks like milliseconds"},
		{"exp in microseconds", `"exp":` + milliseconds + "000", token.Options{}, token.ErrClaim, "exp is not a NumericDate"},
		{"nbf in milliseconds", exp + `,"nbf":` + milliseconds, token.Options{}, token.ErrClaim, "nbf looks like milliseconds"},

		{"exp null", `"exp":null`, token.Options{}, token.ErrClaimMissing, "exp"},
		{"exp null, not needed", `"exp":null`, token.Options{InsecureNoExpiry: true}, nil, ""},
		{"nbf null", exp + `,"nbf":null`, token.Options{}, nil, ""},
		{"iat null", exp + `,"iat":null`, token.Options{}, nil, ""},
		{"iat null, with a MaxAge", exp + `,"iat":null`, token.Options{MaxAge: time.Hour}, token.ErrClaimMissing, "iat"},
		{"iss null", exp + `,"iss":null`, token.Options{}, nil, ""},
		{"iss null, with Issuers", exp + `,"iss":null`, token.Options{Issuers: []string{"i"}}, token.ErrIssuer, ""},
		{"aud null", exp + `,"aud":null`, token.Options{}, nil, ""},
		{"aud null, with Audiences", exp + `,"aud":null`, token.Options{Audiences: []string{"a"}}, token.ErrAudience, ""},
		{"sub null", exp + `,"sub":null`, token.Options{}, nil, ""},
		{"sub null, asked for", exp + `,"sub":null`, token.Options{Subject: "ada"}, token.ErrSubject, ""},
		{"sub null, required", exp + `,"sub":null`, token.Options{Required: []string{"sub"}}, token.ErrClaimMissing, "sub"},
		{"jti null", exp + `,"jti":null`, token.Options{}, nil, ""},
		{"jti null, asked for", exp + `,"jti":null`, token.Options{ID: "7"}, token.ErrID, ""},
		{"any claim null", exp + `,"email":null`, token.Options{}, nil, ""},
		{"null where it must be absent", exp + `,"cnf":null`, token.Options{Absent: []string{"cnf"}}, token.ErrClaim, "cnf"},
		{"null twice", exp + `,"sub":null,"sub":"ada"`, token.Options{}, token.ErrMalformed, "twice"},

		{"sub a number", exp + `,"sub":7`, token.Options{}, token.ErrClaim, "Options.NumericSubject"},
		{"sub a number, by the option", exp + `,"sub":7`, token.Options{NumericSubject: true}, nil, ""},
		{"sub a number, asked for", exp + `,"sub":7`, token.Options{NumericSubject: true, Subject: "7", Required: []string{"sub"}}, nil, ""},
		{"another number", exp + `,"sub":8`, token.Options{NumericSubject: true, Subject: "7"}, token.ErrSubject, ""},
		{"sub a string, by the option", exp + `,"sub":"7"`, token.Options{NumericSubject: true, Subject: "7"}, nil, ""},
		{"sub negative, by the option", exp + `,"sub":-7`, token.Options{NumericSubject: true, Subject: "-7"}, nil, ""},
		{"sub a fraction, by the option", exp + `,"sub":7.0`, token.Options{NumericSubject: true}, token.ErrClaim, "sub"},
		{"sub with an exponent, by the option", exp + `,"sub":7e0`, token.Options{NumericSubject: true}, token.ErrClaim, "sub"},
		{"sub minus zero, by the option", exp + `,"sub":-0`, token.Options{NumericSubject: true}, token.ErrClaim, "sub"},
		{"sub of 65 bits, by the option", exp + `,"sub":9223372036854775808`, token.Options{NumericSubject: true}, token.ErrClaim, "sub"},
		{"sub true, by the option", exp + `,"sub":true`, token.Options{NumericSubject: true}, token.ErrClaim, "sub"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tok, err := secretVerifier(t, test.opts).Verify(t.Context(), signClaims(`{`+test.claims+`}`))
			wantError(t, err, test.want)
			if err != nil && !strings.Contains(err.Error(), test.text) {
				t.Errorf("%q does not say %q", err, test.text)
			}
			if err == nil && strings.Contains(test.name, "milliseconds") && !tok.IssuedAt().IsZero() {
				t.Errorf("issued at %s", tok.IssuedAt())
			}
			if err == nil && test.opts.Subject != "" && tok.Subject != test.opts.Subject {
				t.Errorf("subject %q", tok.Subject)
			}
		})
	}
}

// A kid that is an integer becomes the string of its digits, in tokens and in JWKs.
func TestNumericKeyID(t *testing.T) {
	v := newVerifier(t, token.NewKeySet(token.Secret(secret).WithID("7"), token.Secret("another secret of 32 bytes, as is").WithID("8")), token.Options{})
	for kid, want := range map[string]error{
		`7`: nil, `"7"`: nil, `8`: token.ErrSignature, `9`: token.ErrKeyNotFound, `-7`: token.ErrKeyNotFound,
		`7.0`: token.ErrHeader, `7e0`: token.ErrHeader, `9223372036854775808`: token.ErrHeader, `true`: token.ErrHeader,
	} {
		wantRefused(t, v, signText(`{"alg":"HS256","kid":`+kid+`}`, `{"exp":4000000000}`), want)
	}
	wantRefused(t, secretVerifier(t, token.Options{}), signText(`{"alg":"HS256","kid":null,"typ":null}`, `{"exp":4000000000}`), nil)
}

// Optional members of a JWK in the forms that issuers use.
func TestJWKSpelledOddly(t *testing.T) {
	const key = `"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
	for member, want := range map[string]string{ // the key ID, or a part of the error
		`"use":"","kid":"a"`:                             "a",
		`"use":null,"kid":"a"`:                           "a",
		`"alg":"","kid":"a"`:                             "a",
		`"alg":null,"kid":"a"`:                           "a",
		`"kid":7`:                                        "7",
		`"kid":null`:                                     "",
		`"kid":""`:                                       "",
		`"key_ops":null`:                                 "",
		`"key_ops":["verify","encrypt"]`:                 "",
		`"key_ops":["sign","verify"]`:                    "",
		`"key_ops":"verify"`:                             "",
		`"x5c":[],"x5t":"not base64url!"`:                "",
		`"x5c":null,"x5t":null,"x5t#S256":""`:            "",
		`"x5u":7,"ext":"true","iat":"x","revoked":false`: "",
		`"d":null`:                                       "",
		`"kid":1.5`:                                      "neither a string nor an integer",
		`"kid":["a"]`:                                    "neither a string nor an integer",
		`"use":["sig"]`:                                  "use",
		`"use":"SIG"`:                                    "use",
		`"key_ops":[]`:                                   "key_ops",
		`"key_ops":"sign"`:                               "key_ops",
		`"key_ops":7`:                                    "key_ops",
		`"alg":7`:                                        "alg",
		`"d":7`:                                          "private",
		`"priv":"AA"`:                                    "private",
		`"kid":"a","kid":"a"`:                            "twice",
	} {
		k := token.JWK([]byte(`{` + key + `,` + member + `}`))
		got := k.ID()
		if err := k.Err(); err != nil {
			got = err.Error()
		}
		if got != want && (k.Err() == nil || want == "" || !strings.Contains(got, want)) {
			t.Errorf("%s: %q, want %q", member, got, want)
		}
	}
}
