package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"socketiojwt/token"
)

// TestMintAndVerifyByKeyPair checks that a token signed with a private key verifies with its
// public key, by an algorithm for that key, and not with another key.
func TestMintAndVerifyByKeyPair(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	elliptical := func(curve elliptic.Curve) *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	p256, p384, p521 := elliptical(elliptic.P256()), elliptical(elliptic.P384()), elliptical(elliptic.P521())
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(p384)
	other := publicKeyFile(t)
	for _, test := range []struct {
		name            string
		private, public string
		alg             token.Algorithm
	}{
		{"RSA", privateKeyFile(t, rsaKey), publicFileOf(t, rsaKey.Public()), token.RS256},
		{"RSA, PKCS #1", writePEM(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), nil), publicFileOf(t, rsaKey.Public()), token.RS256},
		{"P-256", privateKeyFile(t, p256), publicFileOf(t, p256.Public()), token.ES256},
		{"P-384, SEC 1", writePEM(t, "EC PRIVATE KEY", sec1, err), publicFileOf(t, p384.Public()), token.ES384},
		{"P-521", privateKeyFile(t, p521), publicFileOf(t, p521.Public()), token.ES512},
		{"Ed25519", privateKeyFile(t, ed), publicFileOf(t, ed.Public()), token.EdDSA},
	} {
		t.Run(test.name, func(t *testing.T) {
			minted := runWith(t, "", "token", "mint", "--key", test.private, "--iss", "i", "--aud", "a", "--sub", "ada")
			minted.want(t, exitGood, ".", "")
			verify := func(args ...string) outcome {
				return runWith(t, minted.out, append([]string{"token", "verify", "-", "--issuer", "i"}, args...)...)
			}
			verify("--public-key", test.public, "--audience", "a").want(t, exitGood, string(test.alg), "")
			verify("--public-key", test.public, "--audience", "b").want(t, exitRefused, "another audience (aud", "")
			verify("--public-key", test.public, "--insecure-no-audience").want(t, exitGood, "GOOD", "")
			verify("--public-key", test.public).want(t, exitFailed, "", "--audience")
			if test.public != other {
				verify("--public-key", other, "--audience", "a").want(t, exitRefused, "REFUSED", "")
			}
		})
	}

	// Without --alg, the key decides the algorithm, in each format of the key.
	oid := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	pssDER, err := asn1.Marshal(struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
	}{0, pkix.AlgorithmIdentifier{Algorithm: oid}, x509.MarshalPKCS1PrivateKey(rsaKey)})
	elliptic521, err521 := x509.MarshalPKCS8PrivateKey(p521)
	escaped := strings.ReplaceAll(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: elliptic521})), "\n", `\n`)
	for file, alg := range map[string]token.Algorithm{
		writePEM(t, "PRIVATE KEY", pssDER, err):                                        token.PS256,
		writeFile(t, "escaped.pem", escaped):                                           token.ES512,
		writeFile(t, "base64.pem", base64.StdEncoding.EncodeToString([]byte(escaped))): token.ES512,
		writePEM(t, "PRIVATE KEY", elliptic521, err521):                                token.ES512,
	} {
		minted := runWith(t, "", "token", "mint", "--key", file, "--sub", "ada")
		minted.want(t, exitGood, ".", "")
		runWith(t, minted.out, "token", "inspect", "-").want(t, exitGood, string(alg), "")
	}

	pss := runWith(t, "", "token", "mint", "--key", privateKeyFile(t, rsaKey), "--alg", "PS256", "--iss", "i", "--aud", "a")
	public := publicFileOf(t, rsaKey.Public())
	runWith(t, pss.out, "token", "verify", "-", "--public-key", public, "--issuer", "i", "--audience", "a").want(t, exitRefused, "--alg", "")
	runWith(t, pss.out, "token", "verify", "-", "--public-key", public, "--issuer", "i", "--audience", "a", "--alg", "PS256").want(t, exitGood, "PS256", "")
	runWith(t, "", "token", "mint", "--key", public).want(t, exitFailed, "", "private key")
	runWith(t, "", "token", "mint", "--key", "main.go").want(t, exitFailed, "", "PEM")
}

func TestMintClaims(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		says []string // in what inspect prints
		fail string
	}{
		{"nothing", nil, []string{"expires", "in 15 minutes", `"iat"`}, ""},
		{"the usual", []string{"--sub", "ada", "--iss", "i", "--aud", "a", "--kid", "k1"}, []string{`"sub": "ada"`, `"iss": "i"`, `"aud": "a"`, `"kid": "k1"`}, ""},
		{"two audiences", []string{"--aud", "a", "--aud", "b"}, []string{"\"aud\": [\n    \"a\",\n    \"b\"\n  ]"}, ""},
		{"JSON", []string{"--claim", "admin=true", "--claim", `team="blue"`, "--claim", `deep={"a":[1,null]}`}, []string{`"admin": true`, `"team": "blue"`, "null"}, ""},
		{"a value with =", []string{"--claim", `q="a=b,c"`}, []string{`"a=b,c"`}, ""},
		{"expired", []string{"--life=-90m"}, []string{"EXPIRED", "90 minutes ago"}, ""},
		{"own sub", []string{"--sub", "ada", "--claim", "n=1"}, []string{`"sub": "ada"`}, ""},
		{"a day and a half", []string{"--life", "1d12h"}, []string{"in 36 hours"}, ""},
		{"days past", []string{"--life=-3d"}, []string{"EXPIRED", "3 days ago"}, ""},
		{"no duration", []string{"--life", "soon"}, nil, `"soon": it must be a duration such as 90s, 15m, 12h or 7d`},
		{"algorithm", []string{"--alg", "HS257"}, nil, `--alg "HS257" is not a supported algorithm: use one of HS256, HS384, HS512, RS256`},
		{"for days", []string{"--life", "3d"}, []string{"in 3 days"}, ""},
		{"own exp", []string{"--claim", "exp=4102444800"}, []string{`"exp": 4102444800`, "years"}, ""},
		{"own iat", []string{"--claim", "iat=1"}, []string{"\"iat\": 1\n"}, ""},
		{"no exp", []string{"--no-exp"}, []string{"iat"}, ""},
		{"no JSON", []string{"--claim", "team=blue"}, nil, "not JSON"},
		{"no name", []string{"--claim", "=1"}, nil, "NAME=JSON"},
		{"no value", []string{"--claim", "admin"}, nil, "NAME=JSON"},
		{"twice", []string{"--claim", "a=1", "--claim", "a=2"}, nil, "twice"},
		{"iat twice", []string{"--claim", "iat=1", "--claim", "iat=2"}, nil, "twice"},
		{"sub twice", []string{"--sub", "ada", "--claim", `sub="bob"`}, nil, "twice"},
		{"exp twice", []string{"--life", "1m", "--claim", "exp=1"}, nil, "twice"},
		{"with and without exp", []string{"--life", "1m", "--no-exp"}, nil, "--no-exp"},
	} {
		t.Run(test.name, func(t *testing.T) {
			minted := runWith(t, "", append([]string{"token", "mint", "--secret", goodSecret}, test.args...)...)
			if test.fail != "" {
				minted.want(t, exitFailed, "", test.fail)
				return
			}
			warning := "no subject"
			if slices.Contains(test.args, "--sub") {
				warning = ""
			}
			minted.want(t, exitGood, "eyJ", warning)
			if strings.Count(minted.out, "\n") != 1 || strings.Count(minted.out, ".") != 2 {
				t.Errorf("standard output is %q, want a token and a line break", minted.out)
			}
			inspected := runWith(t, minted.out, "token", "inspect", "-")
			inspected.want(t, exitGood, "NOT VERIFIED", "")
			for _, text := range test.says {
				inspected.want(t, exitGood, text, "")
			}
		})
	}
	runWith(t, "", "token", "mint").want(t, exitFailed, "", "nothing to sign with")
	runWith(t, "", "token", "mint", "--secret", "short").want(t, exitFailed, "", "32 bytes")
	runWith(t, "", "token", "mint", "--secret", goodSecret, "--alg", "none").want(t, exitFailed, "", "none")
	runWith(t, "", "token", "mint", "--secret", goodSecret, "--key", "f").want(t, exitFailed, "", "exclude")
}

func TestVerifySaysWhichRule(t *testing.T) {
	secretFile := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secretFile, []byte(goodSecret+"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	mint := func(args ...string) string {
		minted := runWith(t, "", append([]string{"token", "mint", "--secret", goodSecret}, args...)...)
		if minted.code != exitGood {
			t.Fatal(minted.err)
		}
		return strings.TrimSpace(minted.out)
	}
	good := mint("--sub", "ada")
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + strings.Split(good, ".")[1] + "."
	for _, test := range []struct {
		name  string
		token string
		args  []string
		code  int
		says  string
	}{
		{"good", good, nil, exitGood, "GOOD"},
		{"good for one more issuer", mint("--iss", "i"), []string{"--issuer", "h", "--issuer", "i"}, exitGood, "GOOD"},
		{"expired", mint("--life=-1m"), nil, exitRefused, "expired (exp)"},
		{"inside the leeway", mint("--life=-1m"), []string{"--leeway", "2m"}, exitGood, "GOOD"},
		{"no leeway", mint("--life=-1s"), []string{"--leeway", "0s"}, exitRefused, "expired (exp)"},
		{"early", mint("--claim", "nbf=4102444800"), nil, exitRefused, "not valid yet"},
		{"no exp", mint("--no-exp"), nil, exitRefused, "missing"},
		{"wrong type", mint("--claim", `nbf="now"`), nil, exitRefused, "wrong type"},
		{"wrong issuer", mint("--iss", "i"), []string{"--issuer", "j"}, exitRefused, "--issuer"},
		{"wrong audience", mint("--aud", "a"), []string{"--audience", "b"}, exitRefused, "--audience"},
		{"wrong algorithm", strings.TrimSpace(runWith(t, "", "token", "mint", "--secret", goodSecret+goodSecret, "--alg", "HS512").out), nil, exitRefused, "--alg"},
		{"changed", good[:len(good)-10] + "AAAAAAAAAA", nil, exitRefused, "signature"},
		{"unsigned", unsigned, nil, exitRefused, "not signed"},
		{"no token", "open sesame", nil, exitRefused, "not a token"},
		{"too long", strings.Repeat("a", 17<<10), nil, exitRefused, "too long"},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := append([]string{"token", "verify", "-", "--secret-file", secretFile}, test.args...)
			verified := runWith(t, test.token+"\n", args...)
			verified.want(t, test.code, test.says, "")
			if strings.Contains(verified.out, test.token) || strings.Contains(verified.out, goodSecret) {
				t.Error("the token or the secret is in the output")
			}
		})
	}
	runWith(t, good, "token", "verify", "-").want(t, exitFailed, "", "nothing to verify with")
	runWith(t, "", "token", "verify", "-", "--secret", goodSecret).want(t, exitFailed, "", "there is no token")
	runWith(t, "", "token", "verify", good, "--secret", goodSecret).want(t, exitGood, "GOOD", "")
}

// TestEveryRuleHasASentence checks that every error of rules is found, and not reported as
// "could not be verified".
func TestEveryRuleHasASentence(t *testing.T) {
	for _, r := range rules {
		if got := ruleBroken(r.err); got != r.rule {
			t.Errorf("%v is reported as %q, want %q", r.err, got, r.rule)
		}
	}
}

func TestInspect(t *testing.T) {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for _, test := range []struct {
		name, token string
		code        int
		out, err    string
	}{
		{"unsigned", part(`{"alg":"none"}`) + "." + part(`{"sub":"eve"}`) + ".", exitGood, `"sub": "eve"`, ""},
		{"no times", part(`{"alg":"HS256"}`) + "." + part(`{}`) + ".AAAA", exitGood, "does not say when it begins or ends", ""},
		{"absurd time", part(`{"alg":"HS256"}`) + "." + part(`{"exp":1e300}`) + ".AAAA", exitGood, "not a time", ""},
		{"claims that are not JSON", part(`{"alg":"HS256"}`) + "." + part(`not json`) + ".AAAA", exitGood, "not JSON", ""},
		{"terminal escapes", part(`{"alg":"HS256"}`) + "." + part("{\"sub\":\"\u009b31m\u202eadmin\"}") + ".AAAA", exitGood, `\u009b31m\u202eadmin`, ""},
		{"Bearer", "bearer " + part(`{"alg":"HS256"}`) + "." + part(`{"sub":"eve"}`) + ".AAAA", exitGood, "eve", ""},
		{"the response of login", `{"token": "` + part(`{"alg":"HS256"}`) + "." + part(`{"sub":"eve"}`) + `.AAAA"}`, exitGood, "eve", ""},
		{"an error of login", `{"error": "no"}`, exitFailed, "", "an error instead of a token: no"},
		{"no token", "open sesame", exitFailed, "", "malformed"},
		{"nothing", " \n", exitFailed, "", "no token"},
		{"too much", strings.Repeat(" ", maxTokenInput+1), exitFailed, "", "too long"},
	} {
		t.Run(test.name, func(t *testing.T) {
			runWith(t, test.token, "token", "inspect", "-").want(t, test.code, test.out, test.err)
		})
	}
}

// TestVerifyNumericSubject checks that only --numeric-subject accepts a sub that is a number.
func TestVerifyNumericSubject(t *testing.T) {
	minted := runWith(t, "", "token", "mint", "--secret", goodSecret, "--claim", "sub=7")
	minted.want(t, exitGood, ".", "")
	verify := func(args ...string) outcome {
		return runWith(t, minted.out, append([]string{"token", "verify", "-", "--secret", goodSecret}, args...)...)
	}
	verify().want(t, exitRefused, "sub", "")
	verify("--numeric-subject").want(t, exitGood, "GOOD", "")
	t.Setenv("SOCKETIO_JWT_NUMERIC_SUBJECT", "true")
	verify().want(t, exitGood, "GOOD", "")
}
