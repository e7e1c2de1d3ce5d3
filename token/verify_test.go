package token_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/mint"
)

var allAlgorithms = []token.Algorithm{
	token.HS256, token.HS384, token.HS512, token.RS256, token.RS384, token.RS512, token.PS256, token.PS384, token.PS512,
	token.ES256, token.ES384, token.ES512, token.EdDSA, token.Ed25519,
}

// publicOptions are options that every key accepts.
var publicOptions = token.Options{Issuers: []string{"https://issuer.example"}, Audiences: []string{"chat"}}

// Every key verifies its own signatures, and none of a key for another algorithm, even if
// the header claims the key's algorithm.
func TestEveryAlgorithm(t *testing.T) {
	claims := map[string]any{"iss": "https://issuer.example", "aud": "chat", "sub": "ada", "exp": at(time.Hour)}
	keys := make(map[token.Algorithm]mint.SigningKey)
	for _, alg := range allAlgorithms {
		keys[alg] = generate(t, alg)
	}
	for _, alg := range allAlgorithms {
		t.Run(string(alg), func(t *testing.T) {
			v := newVerifier(t, keys[alg].Key(), publicOptions)
			tok, err := v.Verify(context.Background(), sign(t, keys[alg], claims))
			if err != nil {
				t.Fatal(err)
			}
			if tok.Subject != "ada" || tok.Algorithm != alg {
				t.Errorf("got subject %q, algorithm %q", tok.Subject, tok.Algorithm)
			}
			for _, other := range allAlgorithms {
				if other == alg {
					continue
				}
				if keys[alg].Key().IsFor(other) { // another name of the same
					wantRefused(t, v, sign(t, keys[other], claims), token.ErrSignature)
				} else {
					wantRefused(t, v, sign(t, keys[other], claims), token.ErrAlgorithm)
				}
				lie, err := mint.Sign(keys[other], claims, mint.Header{Extra: map[string]any{"alg": alg}})
				if err != nil {
					t.Fatal(err)
				}
				wantRefused(t, v, lie, token.ErrSignature)
			}
		})
	}
}

// A key for two algorithms accepts both, and the token says which one was used.
func TestKeyForTwoAlgorithms(t *testing.T) {
	key := generate(t, token.PS256)
	text, err := key.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{"iss": "https://issuer.example", "aud": "chat", "exp": at(time.Hour)}
	tok, err := newVerifier(t, token.PEM(text, token.RS256, token.PS256), publicOptions).Verify(context.Background(), sign(t, key, claims))
	if err != nil || tok.Algorithm != token.PS256 {
		t.Errorf("got %v, %v", tok, err)
	}
}

// RFC 9864: Ed25519 is EdDSA with an Ed25519 key, whichever of the two names a key, a JWK
// and a token have. Ed448 is not supported.
func TestEd25519IsEdDSA(t *testing.T) {
	const x = `"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
	for _, algs := range [][]token.Algorithm{nil, {token.EdDSA}, {token.Ed25519}, {token.EdDSA, token.Ed25519}} {
		for _, alg := range []string{``, `,"alg":"EdDSA"`, `,"alg":"Ed25519"`} {
			if err := token.JWK([]byte(`{`+x+alg+`}`), algs...).Err(); err != nil {
				t.Errorf("JWK with %q for %v: %v", alg, algs, err)
			}
		}
		if err := token.JWK([]byte(`{`+x+`,"alg":"Ed448"}`), algs...).Err(); err == nil {
			t.Error("a JWK for Ed448 is usable")
		}
	}
	claims := map[string]any{"iss": "https://issuer.example", "aud": "chat", "exp": at(time.Hour)}
	for _, signing := range []token.Algorithm{token.EdDSA, token.Ed25519} {
		key := generate(t, signing)
		text, err := key.PublicPEM()
		if err != nil {
			t.Fatal(err)
		}
		compact := sign(t, key, claims)
		for _, algs := range [][]token.Algorithm{nil, {token.EdDSA}, {token.Ed25519}} {
			v := newVerifier(t, token.PEM(text, algs...), publicOptions)
			tok, err := v.Verify(t.Context(), compact)
			if err != nil || tok.Algorithm != signing {
				t.Errorf("signed by %s for a key of %v: %v, %v", signing, algs, tok, err)
			}
			for _, named := range []string{"Ed448", "ed25519", "ED25519", "Ed25519ph", "EDDSA"} {
				other, err := mint.Sign(key, claims, mint.Header{Extra: map[string]any{"alg": named}})
				if err != nil {
					t.Fatal(err)
				}
				wantRefused(t, v, other, token.ErrAlgorithm)
			}
		}
	}
	if (token.Key{}).IsFor(token.EdDSA) || token.Secret(secret).IsFor("none") {
		t.Error("a key is for what it is not for")
	}
}

// RFC 7518, section 3.5: the salt of a PSS signature is as long as the hash.
func TestPSSSalt(t *testing.T) {
	v := newVerifier(t, token.DER(rsaSPKI, token.PS256), publicOptions)
	input := encode(`{"alg":"PS256"}`) + "." + encode(`{"iss":"https://issuer.example","aud":"chat","exp":4000000000}`)
	digest := sha256.Sum256([]byte(input))
	for salt, want := range map[int]error{32: nil, 20: token.ErrSignature, 64: token.ErrSignature} {
		signature, err := rsa.SignPSS(rand.Reader, rsaKey, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: salt})
		if err != nil {
			t.Fatal(err)
		}
		wantRefused(t, v, input+"."+encode(string(signature)), want)
	}
}

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
		{"twice, nobody's claim", `{` + exp + `,"x":1,"x":1}`, token.Options{}, token.ErrMalformed},
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

func TestTokenFields(t *testing.T) {
	compact := signText(`{"alg":"HS256","kid":"k\u0031","typ":"at+jwt"}`,
		`{"iss":"i","sub":"s\u00e9","jti":"j","aud":["a","b"],"iat":1780000000,"nbf":1780000000.25,"exp":1790000000,"x":{"y":[1]}}`)
	tok, err := secretVerifier(t, token.Options{}).Verify(context.Background(), compact)
	if err != nil {
		t.Fatal(err)
	}
	if tok.Issuer != "i" || tok.Subject != "sé" || tok.ID != "j" || !slices.Equal(tok.Audience, []string{"a", "b"}) {
		t.Errorf("names: %q %q %q %q", tok.Issuer, tok.Subject, tok.ID, tok.Audience)
	}
	if tok.Algorithm != token.HS256 || tok.KeyID != "k1" || tok.Type != "at+jwt" {
		t.Errorf("header: %q %q %q", tok.Algorithm, tok.KeyID, tok.Type)
	}
	if !tok.IssuedAt.Equal(time.Unix(1780000000, 0)) || !tok.NotBefore.Equal(time.Unix(1780000000, 250e6)) || !tok.ExpiresAt.Equal(time.Unix(1790000000, 0)) {
		t.Errorf("times: %v %v %v", tok.IssuedAt, tok.NotBefore, tok.ExpiresAt)
	}
	if !json.Valid(tok.RawClaims()) || !strings.HasSuffix(string(tok.RawClaims()), `"x":{"y":[1]}}`) {
		t.Error("RawClaims are not the claims as signed")
	}
	tok.RawClaims()[0] = 'X'
	if tok.RawClaims()[0] != '{' {
		t.Error("RawClaims is no copy")
	}
}

// Anyone who has an ES256 token can encode its signature in a second valid way. Both must
// have the same Hash, because a list of refused hashes could be bypassed otherwise.
func TestHashIgnoresSignature(t *testing.T) {
	key := generate(t, token.ES256)
	claims := map[string]any{"iss": "https://issuer.example", "aud": "chat", "exp": at(time.Hour)}
	v := newVerifier(t, key.Key(), publicOptions)
	one, err := v.Verify(context.Background(), sign(t, key, claims))
	if err != nil {
		t.Fatal(err)
	}
	two, err := v.Verify(context.Background(), sign(t, key, claims)) // another random signature
	if err != nil {
		t.Fatal(err)
	}
	claims["sub"] = "ada"
	three, err := v.Verify(context.Background(), sign(t, key, claims))
	if err != nil {
		t.Fatal(err)
	}
	if one.Hash != two.Hash || one.Hash == three.Hash {
		t.Error("Hash has to depend on the signed parts, and on nothing else")
	}
}

func TestMaxSize(t *testing.T) {
	// A good token of exactly size bytes. No base64url text has 4n+1 bytes, so the header
	// must make up for it.
	ofSize := func(size int) string {
		for _, space := range []string{"", " ", "  "} {
			for pad := size*3/4 - 120; pad < size*3/4; pad++ {
				compact := signText(space+hs256, `{"exp":4000000000,"x":"`+strings.Repeat("x", pad)+`"}`)
				if len(compact) == size {
					return compact
				}
			}
		}
		t.Fatalf("no token of %d bytes", size)
		return ""
	}
	v := secretVerifier(t, token.Options{})
	wantRefused(t, v, ofSize(16384), nil)
	wantRefused(t, v, ofSize(16384)+"x", token.ErrTooLarge)
	wantRefused(t, secretVerifier(t, token.Options{MaxSize: 100}), signClaims(`{"exp":4000000000}`), token.ErrTooLarge)
	wantRefused(t, secretVerifier(t, token.Options{MaxSize: 1 << 15}), ofSize(1<<15), nil)
	// The size is checked first, whatever the other content.
	wantRefused(t, v, strings.Repeat(".", 1<<20), token.ErrTooLarge)
	allocated := testing.AllocsPerRun(10, func() { wantRefused(t, v, strings.Repeat("A", 1<<20), token.ErrTooLarge) })
	if allocated > 20 {
		t.Errorf("%v allocations to refuse a huge token", allocated)
	}
}

func TestConcurrentVerify(t *testing.T) {
	set := token.NewKeySet(token.Secret(secret).WithID("a"), generate(t, token.ES256).WithID("b").Key())
	v := newVerifier(t, set, publicOptions)
	good := signText(`{"alg":"HS256","kid":"a"}`, fmt.Sprintf(`{"iss":"https://issuer.example","aud":["x","chat"],"sub":"ada","exp":%d}`, at(time.Hour)))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				tok, err := v.Verify(context.Background(), good)
				if err != nil || tok.Subject != "ada" || tok.Audience[1] != "chat" {
					t.Errorf("got %v, %v", tok, err)
					return
				}
				if _, err := v.Verify(context.Background(), good+"A"); err == nil {
					t.Error("accepted a longer signature")
				}
			}
		})
	}
	wg.Wait()
}
