package token_test

import (
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
)

// The default algorithms of each form of a key.
func TestPublicKeyForms(t *testing.T) {
	for _, test := range []struct {
		name string
		key  token.Key
		want []token.Algorithm
	}{
		{"SPKI, RSA", token.PEM(block("PUBLIC KEY", rsaSPKI)), []token.Algorithm{token.RS256}},
		{"SPKI, P-384", token.PEM(block("PUBLIC KEY", ecSPKI)), []token.Algorithm{token.ES384}},
		{"SPKI, Ed25519", token.PEM(block("PUBLIC KEY", edPublic)), []token.Algorithm{token.EdDSA}},
		{"PKCS #1", token.PEM(block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey))), []token.Algorithm{token.RS256}},
		{"certificate", token.PEM(block("CERTIFICATE", certificate(ecKey))), []token.Algorithm{token.ES384}},
		{"chain", token.PEM(slices.Concat(block("CERTIFICATE", certificate(ecKey)), block("CERTIFICATE", certificate(rsaKey)))), []token.Algorithm{token.ES384}},
		{"text around it", token.PEM(slices.Concat([]byte("key of ada\n"), block("PUBLIC KEY", rsaSPKI), []byte("\n\n"))), []token.Algorithm{token.RS256}},
		{"DER SPKI", token.DER(rsaSPKI), []token.Algorithm{token.RS256}},
		{"DER PKCS #1", token.DER(x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey)), []token.Algorithm{token.RS256}},
		{"DER certificate", token.DER(certificate(rsaKey)), []token.Algorithm{token.RS256}},
		{"other algorithms", token.DER(rsaSPKI, token.PS512, token.RS384), []token.Algorithm{token.PS512, token.RS384}},
		{"secret", token.Secret(strings.Repeat("x", 64)), []token.Algorithm{token.HS256}},
		{"secret for two", token.Secret(strings.Repeat("x", 64), token.HS512, token.HS384), []token.Algorithm{token.HS512, token.HS384}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := test.key.Err(); err != nil {
				t.Fatal(err)
			}
			if got := test.key.Algorithms(); !slices.Equal(got, test.want) {
				t.Errorf("for %v, want %v", got, test.want)
			}
		})
	}
}

func TestUnusableKeys(t *testing.T) {
	pkcs8 := must(x509.MarshalPKCS8PrivateKey(ecKey))
	sec1 := must(x509.MarshalECPrivateKey(ecKey))
	pkcs1 := x509.MarshalPKCS1PrivateKey(rsaKey)
	short := new(big.Int).Lsh(big.NewInt(1), 2046) // a modulus of 2047 bits
	short.SetBit(short, 0, 1)
	even := new(big.Int).Lsh(big.NewInt(1), 2047)
	long := new(big.Int).SetBit(new(big.Int).Lsh(big.NewInt(1), 16384), 0, 1)
	n := rsaKey.N
	spki := func(n *big.Int, e int) []byte {
		return must(x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: n, E: e}))
	}
	x25519 := must(x509.MarshalPKIXPublicKey(must(ecdh.X25519().GenerateKey(rand.Reader)).PublicKey()))
	p224 := must(x509.MarshalPKIXPublicKey(&must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader)).PublicKey))
	for _, test := range []struct {
		name string
		key  token.Key
		text string // part of the error
	}{
		{"zero", token.Key{}, "zero Key"},
		{"zero with an ID", token.Key{}.WithID("a"), "zero Key"},
		{"zero with an end", token.Key{}.WithNotAfter(now), "zero Key"},
		{"an end that is none", token.Secret(secret).WithNotAfter(time.Time{}), "zero time"},
		{"empty secret", token.Secret(""), "empty"},
		{"nil secret", token.SecretBytes(nil), "empty"},
		{"secret too short", token.Secret("changeme"), "32 bytes"},
		{"secret for RS256", token.Secret(secret, token.RS256), "RS256"},
		{"secret for none", token.Secret(secret, "none"), "supported"},
		{"secret for nothing", token.Secret(secret, ""), "supported"},
		{"algorithm twice", token.Secret(secret, token.HS256, token.HS256), "twice"},
		{"JWK as a secret", token.Secret(vectors[1].jwk), "JWK"},
		{"SSH key as a secret", token.Secret("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI ada@example"), "JWK"},
		{"DER as a base64 secret", token.SecretBase64(base64.StdEncoding.EncodeToString(rsaSPKI)), "DER"},
		{"PEM as a base64 secret", token.SecretBase64(base64.StdEncoding.EncodeToString(block("PUBLIC KEY", rsaSPKI))), "PEM"},
		{"private PEM as a secret", token.SecretBytes(block("PRIVATE KEY", pkcs8)), "PEM"},
		{"not base64", token.SecretBase64("not base64!"), "base64"},
		{"both alphabets at once", token.SecretBase64(strings.Repeat("a", 40) + "+_=="), "base64"},
		{"base64 with bits that mean nothing", token.SecretBase64(strings.Repeat("a", 42) + "b"), "base64"},
		{"no base64", token.SecretBase64(""), "empty"},

		{"no PEM", token.PEM(nil), "no PEM"},
		{"DER as PEM", token.PEM(rsaSPKI), "no PEM"},
		{"PEM as DER", token.DER(block("PUBLIC KEY", rsaSPKI)), "not a SubjectPublicKeyInfo"},
		{"no DER", token.DER(nil), "not a SubjectPublicKeyInfo"},
		{"DER and more", token.DER(append(slices.Clone(rsaSPKI), 0)), "not a SubjectPublicKeyInfo"},
		{"PKCS #8", token.PEM(block("PRIVATE KEY", pkcs8)), "private"},
		{"SEC 1", token.PEM(block("EC PRIVATE KEY", sec1)), "private"},
		{"PKCS #1 private", token.PEM(block("RSA PRIVATE KEY", pkcs1)), "private"},
		{"public and private", token.PEM(append(block("PUBLIC KEY", ecSPKI), block("PRIVATE KEY", pkcs8)...)), "private"},
		{"PKCS #8 in DER", token.DER(pkcs8), "private"},
		{"SEC 1 in DER", token.DER(sec1), "private"},
		{"PKCS #1 private in DER", token.DER(pkcs1), "private"},
		{"two public keys", token.PEM(append(block("PUBLIC KEY", ecSPKI), block("PUBLIC KEY", rsaSPKI)...)), "more than one"},
		{"key and certificate", token.PEM(append(block("PUBLIC KEY", ecSPKI), block("CERTIFICATE", certificate(ecKey))...)), "more than one"},
		{"another block", token.PEM(block("CERTIFICATE REQUEST", rsaSPKI)), "type of the PEM block"},
		{"mislabelled", token.PEM(block("PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey))), "does not match its type"},

		{"RSA of 2047 bits", token.DER(spki(short, 65537)), "2047"},
		{"RSA of 16385 bits", token.DER(spki(long, 65537)), "16385"},
		{"RSA with exponent 1", token.DER(spki(n, 1)), "RSA"},
		{"RSA with exponent 4", token.DER(spki(n, 4)), "RSA"},
		{"RSA with an even modulus", token.DER(spki(even, 65537)), "RSA"},
		{"RSA for ES256", token.DER(rsaSPKI, token.ES256), "ES256"},
		{"RSA for HS256", token.DER(rsaSPKI, token.HS256), "HS256"},
		{"P-384 for ES256", token.DER(ecSPKI, token.ES256), "curve"},
		{"P-384 for RS256", token.DER(ecSPKI, token.RS256), "RS256"},
		{"P-224", token.DER(p224), "curve"},
		{"X25519", token.DER(x25519), "not an RSA, EC or Ed25519 key"},
		{"Ed25519 for ES256", token.DER(edPublic, token.ES256), "ES256"},

		{"key ID with a line break", token.Secret(secret).WithID("a\nb"), "key ID"},
		{"key ID too long", token.Secret(secret).WithID(strings.Repeat("x", 257)), "key ID"},
		{"empty key ID", token.Secret(secret).WithID(""), "key ID"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.key.Err()
			wantError(t, err, token.ErrKey)
			if err != nil && !strings.Contains(err.Error(), test.text) {
				t.Errorf("%q says nothing of %q", err, test.text)
			}
			_, err = token.NewVerifier(test.key, token.Options{InsecureNoIssuer: true, InsecureNoAudience: true})
			wantError(t, err, token.ErrKey)
			v := newVerifier(t, token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) { return test.key, nil }), token.Options{})
			wantRefused(t, v, signClaims(`{"exp":4000000000}`), token.ErrKey)
		})
	}
}

func TestJWK(t *testing.T) {
	rsaN1024 := base64.RawURLEncoding.EncodeToString(rsaKey.N.Bytes()[:128])
	rsaN := base64.RawURLEncoding.EncodeToString(rsaKey.N.Bytes())
	for _, test := range []struct {
		name, jwk string
		algs      []token.Algorithm
		want      string // the algorithms, or part of the error
		id        string
	}{
		{name: "oct", jwk: vectors[0].jwk, want: "HS256"},
		{name: "RSA", jwk: vectors[1].jwk, want: "RS256"},
		{name: "EC", jwk: vectors[2].jwk, want: "ES256"},
		{name: "OKP", jwk: vectors[4].jwk, want: "EdDSA"},
		{name: "all that may be there", want: "PS256", id: "2026",
			jwk: `{"kty":"RSA","n":"` + rsaN + `","e":"AQAB","alg":"PS256","use":"sig","key_ops":["verify"],"kid":"2026","x5c":["` + base64.StdEncoding.EncodeToString(certificate(rsaKey)) + `"],"x5u":"http://127.0.0.1:1/","ext":true}`},
		{name: "x5c of another key", jwk: `{"kty":"RSA","n":"` + rsaN + `","e":"AQAB","x5c":["` + base64.StdEncoding.EncodeToString(certificate(ecKey)) + `"]}`, want: "certificate"},
		{name: "x5c that is none", jwk: `{"kty":"RSA","n":"` + rsaN + `","e":"AQAB","x5c":["AAAA"]}`, want: "certificate"},
		{name: "alg and the same", jwk: `{"kty":"RSA","n":"` + rsaN + `","e":"AQAB","alg":"RS512"}`, algs: []token.Algorithm{token.RS512, token.RS256}, want: "RS512"},
		{name: "alg and another", jwk: `{"kty":"RSA","n":"` + rsaN + `","e":"AQAB","alg":"RS512"}`, algs: []token.Algorithm{token.RS256}, want: "only for RS512"},
		{name: "no alg", jwk: `{"kty":"RSA","n":"` + rsaN + `","e":"AQAB"}`, algs: []token.Algorithm{token.PS384}, want: "PS384"},
		{name: "alg of another kty", jwk: `{"kty":"RSA","n":"` + rsaN + `","e":"AQAB","alg":"HS256"}`, want: "not for a RSA key"},
		{name: "alg none", jwk: `{"kty":"RSA","n":"` + rsaN + `","e":"AQAB","alg":"none"}`, want: "supported"},
		{name: "alg for encryption", jwk: `{"kty":"RSA","n":"` + rsaN + `","e":"AQAB","alg":"RSA-OAEP"}`, want: "supported"},
		{name: "use enc", jwk: `{"kty":"RSA","n":"` + rsaN + `","e":"AQAB","use":"enc"}`, want: "use"},
		{name: "key_ops sign", jwk: `{"kty":"RSA","n":"` + rsaN + `","e":"AQAB","key_ops":["sign"]}`, want: "key_ops"},
		{name: "key_ops empty", jwk: `{"kty":"RSA","n":"` + rsaN + `","e":"AQAB","key_ops":[]}`, want: "key_ops"},
		{name: "private RSA", jwk: `{"kty":"RSA","n":"` + rsaN + `","e":"AQAB","d":"AQAB"}`, want: "private"},
		{name: "first factor of RSA", jwk: `{"kty":"RSA","n":"` + rsaN + `","e":"AQAB","p":"AQAB"}`, want: "private"},
		{name: "second factor", jwk: `{"kty":"RSA","n":"` + rsaN + `","e":"AQAB","q":"AQAB"}`, want: "private"},
		{name: "first exponent", jwk: `{"kty":"RSA","n":"` + rsaN + `","e":"AQAB","dp":"AQAB"}`, want: "private"},
		{name: "second exponent", jwk: `{"kty":"RSA","n":"` + rsaN + `","e":"AQAB","dq":"AQAB"}`, want: "private"},
		{name: "coefficient", jwk: `{"kty":"RSA","n":"` + rsaN + `","e":"AQAB","qi":"AQAB"}`, want: "private"},
		{name: "private EC", jwk: strings.Replace(vectors[2].jwk, "{", `{"d":"AA",`, 1), want: "private"},
		{name: "RSA exponent 1", jwk: `{"kty":"RSA","n":"` + rsaN + `","e":"AQ"}`, want: "parameters"},
		{name: "RSA exponent of 5 bytes", jwk: `{"kty":"RSA","n":"` + rsaN + `","e":"AQAAAAE"}`, want: "exponent"},
		{name: "RSA without exponent", jwk: `{"kty":"RSA","n":"` + rsaN + `"}`, want: "parameters"},
		{name: "RSA of 1024 bits", jwk: `{"kty":"RSA","n":"` + rsaN1024 + `","e":"AQAB"}`, want: "bits"},
		{name: "RSA n padded", jwk: `{"kty":"RSA","n":"` + rsaN + `==","e":"AQAB"}`, want: "parameters"},
		{name: "oct short", jwk: `{"kty":"oct","k":"AAAA"}`, want: "32 bytes"},
		{name: "oct without k", jwk: `{"kty":"oct"}`, want: "parameters"},
		{name: "OKP X25519", jwk: `{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, want: "Ed25519"},
		{name: "OKP short", jwk: `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcH"}`, want: "parameters"},
		{name: "kty of nobody", jwk: `{"kty":"AKP"}`, want: "kty"},
		{name: "no kty", jwk: `{}`, want: "kty"},
		{name: "a set", jwk: `{"keys":[` + vectors[0].jwk + `]}`, want: "kty"},
		{name: "kty twice", jwk: strings.Replace(vectors[0].jwk, "{", `{"kty":"oct",`, 1), want: "twice"},
		{name: "KTY", jwk: strings.Replace(vectors[0].jwk, "kty", "KTY", 1), want: "kty"},
		{name: "kty a number", jwk: `{"kty":1}`, want: "not a JWK"},
		{name: "not JSON", jwk: `kty`, want: "not a JWK"},
		{name: "kid with a line break", jwk: strings.Replace(vectors[0].jwk, "{", `{"kid":"a\nb",`, 1), want: "key ID"},
	} {
		t.Run(test.name, func(t *testing.T) {
			key := token.JWK([]byte(test.jwk), test.algs...)
			var got string
			if err := key.Err(); err != nil {
				wantError(t, err, token.ErrKey)
				got = err.Error()
			} else if algs := key.Algorithms(); len(algs) == 1 {
				got = string(algs[0])
			}
			if !strings.Contains(got, test.want) || key.ID() != test.id && key.Err() == nil {
				t.Errorf("got %q, ID %q; want %q, ID %q", got, key.ID(), test.want, test.id)
			}
		})
	}
}

// All forms of one secret make the same key.
func TestSecretForms(t *testing.T) {
	raw := make([]byte, 33)
	for i := range raw {
		raw[i] = byte(255 - 3*i) // its base64 has all four of - _ + /
	}
	text := string(raw)
	encodings := []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding}
	keys := []token.Key{token.Secret(text), token.SecretBytes(raw), token.JWK([]byte(`{"kty":"oct","k":"` + base64.RawURLEncoding.EncodeToString(raw) + `"}`))}
	for _, encoding := range encodings {
		for _, part := range [][]byte{raw, raw[:32]} { // with and without padding
			if len(part) == 33 {
				keys = append(keys, token.SecretBase64(encoding.EncodeToString(part)+"\n"))
			} else {
				wantRefused(t, newVerifier(t, token.SecretBase64(encoding.EncodeToString(part)), token.Options{}),
					signTextWith(string(part), hs256, `{"exp":4000000000}`), nil)
			}
		}
	}
	signed := signTextWith(text, hs256, `{"exp":4000000000}`)
	clear(raw) // keys hold copies
	for _, key := range keys {
		wantRefused(t, newVerifier(t, key, token.Options{}), signed, nil)
	}
}

// A Key is immutable.
func TestKeyIsImmutable(t *testing.T) {
	algs := []token.Algorithm{token.HS256}
	key := token.Secret(strings.Repeat("x", 64), algs...)
	algs[0] = token.HS512
	key.Algorithms()[0] = token.HS512
	key.WithID("b")
	if got := key.Algorithms(); got[0] != token.HS256 || key.ID() != "" {
		t.Errorf("the key is now for %v, ID %q", got, key.ID())
	}
}
