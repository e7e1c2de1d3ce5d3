package token_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
)

func TestClaims(t *testing.T) {
	hour, past := fmt.Sprint(at(time.Hour)), fmt.Sprint(at(-time.Hour))
	exp := `"exp":` + hour
	for _, test := range []struct {
		name, claims string
		opts         token.Options
		want         error
	}{
		{"exp alone", `{` + exp + `}`, token.Options{}, nil},
		{"white space", " {\r\n\t" + exp + " } ", token.Options{}, nil},
		{"no claims", `{}`, token.Options{}, token.ErrClaimMissing},

		// Two tokens that a case-insensitive decoder misreads.
		{"exp and EXP", `{"exp":1,"EXP":9999999999}`, token.Options{}, token.ErrExpired},
		{"sub and ſub", `{` + exp + `,"sub":"bob","ſub":"admin"}`, token.Options{Subject: "bob"}, nil},
		{"ſub is not sub", `{` + exp + `,"sub":"bob","ſub":"admin"}`, token.Options{Subject: "admin"}, token.ErrSubject},
		{"Exp is not exp", `{"Exp":` + hour + `}`, token.Options{}, token.ErrClaimMissing},
		{"escaped name", `{"\u0065x\u0070":` + past + `}`, token.Options{}, token.ErrExpired},

		{"twice", `{` + exp + `,` + exp + `}`, token.Options{}, token.ErrMalformed},
		{"twice, escaped", `{` + exp + `,"e\u0078p":9999999999}`, token.Options{}, token.ErrMalformed},
		{"an unknown claim twice", `{` + exp + `,"x":1,"x":1}`, token.Options{}, token.ErrMalformed},
		{"twice, nested", `{` + exp + `,"x":[{"y":1,"y":2}]}`, token.Options{}, token.ErrMalformed},
		{"trailing data", `{` + exp + `}{}`, token.Options{}, token.ErrMalformed},
		{"trailing comma", `{` + exp + `,}`, token.Options{}, token.ErrMalformed},
		{"a list", `[{` + exp + `}]`, token.Options{}, token.ErrMalformed},
		{"null", `null`, token.Options{}, token.ErrMalformed},
		{"a string", `"x"`, token.Options{}, token.ErrMalformed},
		{"nothing", ``, token.Options{}, token.ErrMalformed},
		{"byte order mark", "\uFEFF{" + exp + `}`, token.Options{}, token.ErrMalformed},
		{"comment", `{` + exp + `/**/}`, token.Options{}, token.ErrMalformed},
		{"invalid UTF-8", `{` + exp + `,"sub":"` + "\xff" + `"}`, token.Options{}, token.ErrMalformed},
		{"invalid UTF-8 in a name", `{` + exp + `,"` + "\xc0\xaf" + `":1}`, token.Options{}, token.ErrMalformed},
		{"half a surrogate pair in a name", `{` + exp + `,"a\ud800":1}`, token.Options{}, token.ErrMalformed},
		{"half a surrogate pair in sub", `{` + exp + `,"sub":"ada\ud800"}`, token.Options{}, token.ErrClaim},
		{"half a surrogate pair in aud", `{` + exp + `,"aud":["us","a\ud800"]}`, token.Options{Audiences: []string{"us"}}, token.ErrClaim},
		{"half a surrogate pair in a claim with a rule", `{` + exp + `,"role":"a\ud800"}`, token.Options{Claims: map[string]string{"role": "a\ufffd"}}, token.ErrClaim},
		{"half a surrogate pair in a claim without a rule", `{` + exp + `,"name":"Ada \ud83d","x":{"y":["\ude00"]}}`, token.Options{}, nil},
		{"deep", `{` + exp + `,"x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`, token.Options{}, nil},
		{"too deep", `{` + exp + `,"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, token.Options{}, token.ErrMalformed},
		{"too deep, unclosed", strings.Repeat(`{"x":`, 1000), token.Options{}, token.ErrMalformed},
		{"brackets in strings are not deep", `{` + exp + `,"x":"\"` + strings.Repeat("[{", 100) + `"}`, token.Options{}, nil},

		{"exp a string", `{"exp":"` + hour + `"}`, token.Options{}, token.ErrClaim},
		{"exp null", `{"exp":null}`, token.Options{}, token.ErrClaimMissing},
		{"exp true", `{"exp":true}`, token.Options{}, token.ErrClaim},
		{"exp a list", `{"exp":[` + hour + `]}`, token.Options{}, token.ErrClaim},
		{"exp an object", `{"exp":{}}`, token.Options{}, token.ErrClaim},
		{"exp 1e400", `{"exp":1e400}`, token.Options{}, token.ErrClaim},
		{"exp -1e400", `{"exp":-1e400}`, token.Options{}, token.ErrClaim},
		{"exp negative", `{"exp":-1}`, token.Options{}, token.ErrClaim},
		{"exp a little negative", `{"exp":-0.5}`, token.Options{}, token.ErrClaim},
		{"exp overflows", `{"exp":18446744073709551615}`, token.Options{}, token.ErrClaim},
		{"exp in milliseconds", `{"exp":` + hour + `000}`, token.Options{}, token.ErrClaim},
		{"exp the end of 9999", `{"exp":253402300799}`, token.Options{}, nil},
		{"exp in 10000", `{"exp":253402300800}`, token.Options{}, token.ErrClaim},
		{"exp in 10000, as a float", `{"exp":2534023008e2}`, token.Options{}, token.ErrClaim},
		{"exp with a fraction", `{"exp":` + hour + `.5}`, token.Options{}, nil},
		{"exp with an exponent", `{"exp":4e9}`, token.Options{}, nil},
		{"exp 0", `{"exp":0}`, token.Options{}, token.ErrExpired},
		{"exp hexadecimal", `{"exp":0xFFFFFFFF}`, token.Options{}, token.ErrMalformed},
		{"exp wrong even if ignored", `{"exp":"x"}`, token.Options{InsecureIgnoreExpiry: true}, token.ErrClaim},
		{"nbf a string", `{` + exp + `,"nbf":"0"}`, token.Options{}, token.ErrClaim},
		{"iss a number", `{` + exp + `,"iss":1}`, token.Options{}, token.ErrClaim},
		{"sub a list", `{` + exp + `,"sub":["ada"]}`, token.Options{}, token.ErrClaim},
		{"jti a number", `{` + exp + `,"jti":7}`, token.Options{}, token.ErrClaim},
		{"aud a number", `{` + exp + `,"aud":1}`, token.Options{}, token.ErrClaim},
		{"aud with null", `{` + exp + `,"aud":["chat",null]}`, token.Options{}, token.ErrClaim},
		{"aud with a list", `{` + exp + `,"aud":["chat",["x"]]}`, token.Options{}, token.ErrClaim},
		{"aud an object", `{` + exp + `,"aud":{"chat":true}}`, token.Options{}, token.ErrClaim},

		{"issuer", `{` + exp + `,"iss":"b"}`, token.Options{Issuers: []string{"a", "b"}}, nil},
		{"other issuer", `{` + exp + `,"iss":"c"}`, token.Options{Issuers: []string{"a", "b"}}, token.ErrIssuer},
		{"issuer in other case", `{` + exp + `,"iss":"A"}`, token.Options{Issuers: []string{"a"}}, token.ErrIssuer},
		{"issuer and a slash", `{` + exp + `,"iss":"a/"}`, token.Options{Issuers: []string{"a"}}, token.ErrIssuer},
		{"no issuer", `{` + exp + `}`, token.Options{Issuers: []string{"a"}}, token.ErrIssuer},
		{"empty issuer", `{` + exp + `,"iss":""}`, token.Options{Issuers: []string{"a"}}, token.ErrIssuer},
		{"audience", `{` + exp + `,"aud":"a"}`, token.Options{Audiences: []string{"a"}}, nil},
		{"one audience of many", `{` + exp + `,"aud":["x","\u0061"]}`, token.Options{Audiences: []string{"z", "a"}}, nil},
		{"other audience", `{` + exp + `,"aud":["x","aa"]}`, token.Options{Audiences: []string{"a"}}, token.ErrAudience},
		{"empty list of audiences", `{` + exp + `,"aud":[]}`, token.Options{Audiences: []string{"a"}}, token.ErrAudience},
		{"no audience", `{` + exp + `}`, token.Options{Audiences: []string{"a"}}, token.ErrAudience},
		{"subject", `{` + exp + `,"sub":"a"}`, token.Options{Subject: "a"}, nil},
		{"no subject", `{` + exp + `}`, token.Options{Subject: "a"}, token.ErrSubject},
		{"ID", `{` + exp + `,"jti":"a"}`, token.Options{ID: "a"}, nil},
		{"other ID", `{` + exp + `,"jti":"b"}`, token.Options{ID: "a"}, token.ErrID},
		{"nonce", `{` + exp + `,"nonce":"a"}`, token.Options{Nonce: "a"}, nil},
		{"other nonce", `{` + exp + `,"nonce":"b"}`, token.Options{Nonce: "a"}, token.ErrNonce},
		{"no nonce", `{` + exp + `}`, token.Options{Nonce: "a"}, token.ErrNonce},
		{"nonce a list", `{` + exp + `,"nonce":["a"]}`, token.Options{Nonce: "a"}, token.ErrNonce},
		{"required", `{` + exp + `,"role":0}`, token.Options{Required: []string{"role", "exp"}}, nil},
		{"required missing", `{` + exp + `,"Role":1}`, token.Options{Required: []string{"role"}}, token.ErrClaimMissing},
		{"required null", `{` + exp + `,"role":null}`, token.Options{Required: []string{"role"}}, token.ErrClaimMissing},
		{"required empty", `{` + exp + `,"role": "" }`, token.Options{Required: []string{"role"}}, token.ErrClaimMissing},
		{"required sub empty", `{` + exp + `,"sub":""}`, token.Options{Required: []string{"sub"}}, token.ErrClaimMissing},
		{"required, a list and an object", `{` + exp + `,"a":[],"b":{}}`, token.Options{Required: []string{"a", "b"}}, nil},
		{"required and nested", `{` + exp + `,"x":{"role":1}}`, token.Options{Required: []string{"role"}}, token.ErrClaimMissing},
		{"required, the second missing", `{` + exp + `,"a":1}`, token.Options{Required: []string{"a", "b"}}, token.ErrClaimMissing},

		{"claims", `{` + exp + `,"use":"access","typ":"Bearer"}`, token.Options{Claims: map[string]string{"use": "access", "typ": "Bearer"}}, nil},
		{"claims, escaped", `{` + exp + `,"\u0075se":"acc\u0065ss"}`, token.Options{Claims: map[string]string{"use": "access"}}, nil},
		{"claims, one of two", `{` + exp + `,"use":"access","typ":"ID"}`, token.Options{Claims: map[string]string{"use": "access", "typ": "Bearer"}}, token.ErrClaim},
		{"claims, the other of two", `{` + exp + `,"use":"id","typ":"Bearer"}`, token.Options{Claims: map[string]string{"use": "access", "typ": "Bearer"}}, token.ErrClaim},
		{"claims, another value", `{` + exp + `,"use":"id"}`, token.Options{Claims: map[string]string{"use": "access"}}, token.ErrClaim},
		{"claims, case", `{` + exp + `,"use":"Access"}`, token.Options{Claims: map[string]string{"use": "access"}}, token.ErrClaim},
		{"claims, case of the name", `{` + exp + `,"Use":"access"}`, token.Options{Claims: map[string]string{"use": "access"}}, token.ErrClaimMissing},
		{"claims, more behind", `{` + exp + `,"use":"access\n"}`, token.Options{Claims: map[string]string{"use": "access"}}, token.ErrClaim},
		{"claims, a list", `{` + exp + `,"use":["access"]}`, token.Options{Claims: map[string]string{"use": "access"}}, token.ErrClaim},
		{"claims, null", `{` + exp + `,"use":null}`, token.Options{Claims: map[string]string{"use": "access"}}, token.ErrClaim},
		{"claims, a number", `{` + exp + `,"ver":2}`, token.Options{Claims: map[string]string{"ver": "2"}}, token.ErrClaim},
		{"claims, missing", `{` + exp + `}`, token.Options{Claims: map[string]string{"use": "access"}}, token.ErrClaimMissing},
		{"claims, nested", `{` + exp + `,"x":{"use":"access"}}`, token.Options{Claims: map[string]string{"use": "access"}}, token.ErrClaimMissing},
		{"claims, twice", `{` + exp + `,"use":"access","\u0075se":"id"}`, token.Options{Claims: map[string]string{"use": "access"}}, token.ErrMalformed},
		{"absent", `{` + exp + `,"x":{"events":1},"Events":1}`, token.Options{Absent: []string{"events", "cnf"}}, nil},
		{"absent, there", `{` + exp + `,"events":{}}`, token.Options{Absent: []string{"cnf", "events"}}, token.ErrClaim},
		{"absent, null", `{` + exp + `,"events":null}`, token.Options{Absent: []string{"events"}}, token.ErrClaim},
		{"absent, empty", `{` + exp + `,"events":""}`, token.Options{Absent: []string{"events"}}, token.ErrClaim},
		{"absent, escaped", `{` + exp + `,"ev\u0065nts":1}`, token.Options{Absent: []string{"events"}}, token.ErrClaim},
		{"claims in the header do not count", `{` + exp + `}`, token.Options{Claims: map[string]string{"typ": "JWT"}}, token.ErrClaimMissing},
		{"max age without iat", `{` + exp + `}`, token.Options{MaxAge: time.Hour}, token.ErrClaimMissing},

		{"no exp, waived", `{}`, token.Options{InsecureNoExpiry: true}, nil},
		{"exp past, its absence waived", `{"exp":` + past + `}`, token.Options{InsecureNoExpiry: true}, token.ErrExpired},
		{"exp past, ignored", `{"exp":` + past + `}`, token.Options{InsecureIgnoreExpiry: true}, nil},
		{"no exp, ignored", `{}`, token.Options{InsecureIgnoreExpiry: true}, nil},
		{"nbf ahead, ignored", `{` + exp + `,"nbf":` + hour + `}`, token.Options{InsecureIgnoreNotBefore: true}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantRefused(t, secretVerifier(t, test.opts), signClaims(test.claims), test.want)
		})
	}
}

// The instant at which each bound begins or ends, to the nanosecond. ValidUntil must be the
// instant at which Verify begins to refuse.
func TestTimes(t *testing.T) {
	const second, none = time.Second, -1
	for _, test := range []struct {
		name, claims string
		opts         token.Options
		first, last  time.Duration // the instants accepted, from now; zero: no such bound
		early, late  error
		neverEnds    bool
	}{
		{name: "exp", claims: `"exp":60`, opts: token.Options{Leeway: none}, last: 60*second - 1, late: token.ErrExpired},
		{name: "exp and 10 s", claims: `"exp":60`, last: 70*second - 1, late: token.ErrExpired},
		{name: "exp and 5 min", claims: `"exp":60`, opts: token.Options{Leeway: 5 * time.Minute}, last: 360*second - 1, late: token.ErrExpired},
		{name: "exp with a fraction", claims: `"exp":60.5`, opts: token.Options{Leeway: none}, last: 60*second + second/2 - 1, late: token.ErrExpired},
		{name: "nbf", claims: `"exp":3600,"nbf":60`, opts: token.Options{Leeway: none}, first: 60 * second, early: token.ErrNotYetValid},
		{name: "nbf and 10 s", claims: `"exp":3600,"nbf":60`, first: 50 * second, early: token.ErrNotYetValid},
		{name: "max age", claims: `"exp":3600,"iat":60`, opts: token.Options{MaxAge: 60 * second, Leeway: none},
			first: 60 * second, early: token.ErrNotYetValid, last: 120*second - 1, late: token.ErrMaxAge},
		{name: "max age and 10 s", claims: `"exp":3600,"iat":60`, opts: token.Options{MaxAge: 60 * second},
			first: 50 * second, early: token.ErrNotYetValid, last: 130*second - 1, late: token.ErrMaxAge},
		{name: "any age", claims: `"exp":60,"iat":0`, opts: token.Options{MaxAge: math.MaxInt64}, last: 70*second - 1, late: token.ErrExpired},
		{name: "max age after exp", claims: `"exp":60,"iat":0`, opts: token.Options{MaxAge: time.Hour, Leeway: none}, last: 60*second - 1, late: token.ErrExpired},
		{name: "max age, exp ignored", claims: `"exp":10,"iat":0`, opts: token.Options{MaxAge: time.Minute, Leeway: none, InsecureIgnoreExpiry: true},
			last: 60*second - 1, late: token.ErrMaxAge},
		{name: "iat ahead without max age", claims: `"exp":60,"iat":3600`, last: 70*second - 1, late: token.ErrExpired},
		{name: "no exp", opts: token.Options{InsecureNoExpiry: true}, neverEnds: true},
		{name: "exp ignored", claims: `"exp":60`, opts: token.Options{InsecureIgnoreExpiry: true}, neverEnds: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			claims := offset(test.claims)
			verifyAt := func(d time.Duration) (*token.Token, error) {
				opts := test.opts
				opts.Now = func() time.Time { return now.Add(d) }
				return secretVerifier(t, opts).Verify(context.Background(), signClaims(`{`+claims+`}`))
			}
			if test.early != nil {
				_, err := verifyAt(test.first - 1)
				wantError(t, err, test.early)
			}
			tok, err := verifyAt(test.first)
			if err != nil {
				t.Fatal(err)
			}
			if test.neverEnds {
				if !tok.ValidUntil().IsZero() {
					t.Errorf("ValidUntil = %v, want zero", tok.ValidUntil())
				}
				return
			}
			if test.late == nil {
				return
			}
			_, err = verifyAt(test.last)
			wantError(t, err, nil)
			_, err = verifyAt(test.last + 1)
			wantError(t, err, test.late)
			if got, want := tok.ValidUntil(), now.Add(test.last+1); !got.Equal(want) {
				t.Errorf("ValidUntil = %v, want %v", got, want)
			}
		})
	}
}

// offset makes the numbers of claims relative to now.
func offset(claims string) string {
	if claims == "" {
		return ""
	}
	parts := strings.Split(claims, ",")
	for i, part := range parts {
		name, number, _ := strings.Cut(part, ":")
		whole, fraction, _ := strings.Cut(number, ".")
		var seconds int64
		fmt.Sscan(whole, &seconds)
		parts[i] = fmt.Sprintf("%s:%d", name, now.Unix()+seconds)
		if fraction != "" {
			parts[i] += "." + fraction
		}
	}
	return strings.Join(parts, ",")
}
