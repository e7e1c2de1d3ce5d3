package token_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"socketiojwt/token"
)

// Each attack of RFC 8725, section 2, has one test, named after its subsection.

// The alg "none", and other header values that could change the algorithm.
func TestAttack_RFC8725_2_1_WeakSignatures(t *testing.T) {
	v := secretVerifier(t, token.Options{})
	claims := encode(fmt.Sprintf(`{"exp":%d}`, at(time.Hour)))
	good := signClaims(fmt.Sprintf(`{"exp":%d}`, at(time.Hour)))
	signature := good[strings.LastIndexByte(good, '.')+1:]
	for _, none := range []string{"none", "None", "NONE", "nOnE"} {
		header := encode(`{"alg":"` + none + `"}`)
		wantRefused(t, v, header+"."+claims+".", token.ErrUnsigned)
		wantRefused(t, v, header+"."+claims+"."+signature, token.ErrUnsigned)
		wantRefused(t, v, signText(`{"alg":"`+none+`"}`, `{}`), token.ErrUnsigned)
	}
	// The signature is cut off, left out, shortened or lengthened.
	wantRefused(t, v, good[:strings.LastIndexByte(good, '.')+1], token.ErrUnsigned)
	wantRefused(t, v, good[:strings.LastIndexByte(good, '.')], token.ErrMalformed)
	wantRefused(t, v, good[:len(good)-3], token.ErrSignature) // 40 characters, 30 bytes
	wantRefused(t, v, good+"AAAA", token.ErrSignature)
	// The header names an algorithm in another case, with white space, or an unknown one.
	for _, alg := range []string{"hs256", "HS256 ", " HS256", "HS-256", "HS384", "RS256", "ES256", "EdDSA", "ES256K", "dir", "HS256/none"} {
		wantRefused(t, v, signText(`{"alg":"`+alg+`"}`, `{"exp":4000000000}`), token.ErrAlgorithm)
	}
	for _, header := range []string{
		`{}`, `{"alg":""}`, `{"alg":null}`, `{"alg":1}`, `{"alg":["HS256"]}`, `{"alg":{"HS256":true}}`, `{"Alg":"HS256"}`, `{"ALG":"HS256"}`,
		`{"alg":"HS256\u0000"}`, `{"alg":"HS256` + strings.Repeat("x", 256) + `"}`,
	} {
		wantRefused(t, v, signText(header, `{"exp":4000000000}`), token.ErrHeader)
	}
	for _, header := range []string{
		`{"alg":"HS256","alg":"HS256"}`, `{"alg":"none","a\u006cg":"HS256"}`, `["HS256"]`, `"HS256"`, `null`, ``, `{"alg":"HS256"`, `{"alg":"HS256"}x`,
	} {
		wantRefused(t, v, signText(header, `{"exp":4000000000}`), token.ErrMalformed)
	}
}

// Key confusion: the public key, which anyone may know, is used as the secret of an HMAC.
func TestAttack_RFC8725_2_1_PublicKeyAsSecret(t *testing.T) {
	for _, alg := range []token.Algorithm{token.RS256, token.ES256, token.EdDSA} {
		key := generate(t, alg)
		text, err := key.PublicPEM()
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		claims := fmt.Sprintf(`{"iss":"https://issuer.example","aud":"chat","exp":%d}`, at(time.Hour))
		for _, secret := range [][]byte{text, []byte(strings.TrimSpace(string(text))), block.Bytes} {
			forged := signTextWith(string(secret), hs256, claims)
			wantRefused(t, newVerifier(t, token.PEM(text), publicOptions), forged, token.ErrAlgorithm)
			// A configuration that mistakes one for the other is an error.
			wantError(t, token.SecretBytes(secret).Err(), token.ErrKey)
			wantError(t, token.PEM(text, token.HS256).Err(), token.ErrKey)
			v := newVerifier(t, token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) {
				return token.SecretBytes(secret), nil
			}), publicOptions)
			wantRefused(t, v, forged, token.ErrKey)
		}
	}
}

// "Psychic" signatures: ECDSA with values of r and s that no signer makes.
func TestAttack_RFC8725_2_1_PsychicSignature(t *testing.T) {
	key := generate(t, token.ES256)
	v := newVerifier(t, key.Key(), publicOptions)
	input := encode(`{"alg":"ES256"}`) + "." + encode(`{"iss":"https://issuer.example","aud":"chat","exp":4000000000}`)
	order := elliptic.P256().Params().N.Bytes()
	zero, one := make([]byte, 32), append(make([]byte, 31), 1)
	for _, r := range [][]byte{zero, one, order} {
		for _, s := range [][]byte{zero, one, order} {
			wantRefused(t, v, input+"."+encode(string(r)+string(s)), token.ErrSignature)
		}
	}
	for _, size := range []int{1, 32, 63, 65, 72, 96, 132} {
		wantRefused(t, v, input+"."+encode(string(make([]byte, size))), token.ErrSignature)
	}
	// JWS does not use ASN.1, the encoding of other protocols.
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	asn1, err := ecdsa.SignASN1(rand.Reader, private, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	wantRefused(t, newVerifier(t, token.DER(der), publicOptions), input+"."+encode(string(asn1)), token.ErrSignature)
}

func TestAttack_RFC8725_2_2_WeakSecrets(t *testing.T) {
	for _, test := range []struct {
		alg   token.Algorithm
		least int
	}{{token.HS256, 32}, {token.HS384, 48}, {token.HS512, 64}} {
		for _, size := range []int{0, 1, test.least - 1} {
			key := token.SecretBytes(make([]byte, size), test.alg)
			wantError(t, key.Err(), token.ErrKey)
			_, err := token.NewVerifier(key, token.Options{})
			wantError(t, err, token.ErrKey)
		}
		wantError(t, token.SecretBytes(make([]byte, test.least), test.alg).Err(), nil)
	}
	// If there are several algorithms, the longest hash decides.
	wantError(t, token.SecretBytes(make([]byte, 63), token.HS256, token.HS512).Err(), token.ErrKey)
	wantError(t, token.SecretBytes(make([]byte, 63), token.HS512, token.HS256).Err(), token.ErrKey)

	// If a KeyFunc returns such a key, the token is refused.
	forged := signTextWith("short", hs256, `{"exp":4000000000}`)
	keys := token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) { return token.Secret("short"), nil })
	wantRefused(t, newVerifier(t, keys, token.Options{}), forged, token.ErrKey)
	wantRefused(t, newVerifier(t, keys, token.Options{InsecureShortSecret: true}), forged, nil)
	wantRefused(t, newVerifier(t, token.Secret("short"), token.Options{InsecureShortSecret: true}), forged, nil)
	_, err := token.NewVerifier(token.Secret(""), token.Options{InsecureShortSecret: true})
	wantError(t, err, token.ErrKey)
}

// Encryption is not supported: five parts, and three parts that contain another token.
func TestAttack_RFC8725_2_3_EncryptionAndSignature(t *testing.T) {
	v := secretVerifier(t, token.Options{})
	wantRefused(t, v, "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA", token.ErrMalformed)
	_, err := v.Verify(context.Background(), "a.b.c.d.e")
	if err == nil || !strings.Contains(err.Error(), "three parts") {
		t.Errorf("of five parts it says %v", err)
	}
	inner := signClaims(`{"exp":4000000000}`)
	wantRefused(t, v, signText(`{"alg":"HS256","cty":"JWT"}`, inner), token.ErrMalformed)
	wantRefused(t, v, signText(`{"alg":"dir","enc":"A128GCM"}`, `{"exp":4000000000}`), token.ErrAlgorithm)
}

// Compression before encryption, which also allows a decompression bomb of gigabytes.
// Nothing is ever decompressed.
func TestAttack_RFC8725_2_4_Compression(t *testing.T) {
	v := secretVerifier(t, token.Options{})
	wantRefused(t, v, encode(`{"alg":"dir","enc":"A128GCM","zip":"DEF"}`)+"..AAAA.AAAA.AAAA", token.ErrMalformed)
	wantRefused(t, v, signText(`{"alg":"HS256","zip":"DEF"}`, "\xab\x56\x4a\xad\x28\x50\xb2\x32\xb1\x30\x00\x02\x1d\xa5\xd4\x92\x5a\x00"), token.ErrMalformed)
}

// Keys whose point is not on any curve, or not on the curve of the algorithm.
func TestAttack_RFC8725_2_5_InvalidCurve(t *testing.T) {
	point := strings.Repeat("A", 42) + "E"
	for _, jwk := range []string{
		`{"kty":"EC","crv":"P-256","x":"` + point + `","y":"` + point + `"}`,
		`{"kty":"EC","crv":"P-256","x":"` + strings.Repeat("A", 43) + `","y":"` + strings.Repeat("A", 43) + `"}`,
		strings.Replace(vectors[2].jwk, "P-256", "P-384", 1),
		strings.Replace(vectors[2].jwk, "P-256", "secp256k1", 1),
		strings.Replace(vectors[2].jwk, "P-256", "p-256", 1),
		strings.Replace(vectors[2].jwk, `"x":"f8`, `"x":"AAf8`, 1),
	} {
		wantError(t, token.JWK([]byte(jwk)).Err(), token.ErrKey)
	}
	wantError(t, token.JWK([]byte(vectors[2].jwk), token.ES384).Err(), token.ErrKey)
	wantError(t, token.JWK([]byte(vectors[2].jwk), token.ES256).Err(), nil)
}

// JSON that another parser could read differently.
func TestAttack_RFC8725_2_6_Encodings(t *testing.T) {
	v := secretVerifier(t, token.Options{})
	claims := `{"exp":4000000000}`
	var big, little strings.Builder
	for _, unit := range utf16.Encode([]rune(claims)) {
		big.Write([]byte{byte(unit >> 8), byte(unit)})
		little.Write([]byte{byte(unit), byte(unit >> 8)})
	}
	for _, encoded := range []string{big.String(), little.String(), "\xfe\xff" + big.String(), "\xff\xfe" + little.String(), "\xef\xbb\xbf" + claims} {
		wantRefused(t, v, signClaims(encoded), token.ErrMalformed)
		wantRefused(t, v, signText(encoded, claims), token.ErrMalformed)
	}
	// A token has only one encoding: without padding, not in the other alphabet, without
	// line breaks, and without unused bits that are set.
	good := signText(`{"alg":"HS256","x":"??>>"}`, claims)
	wantRefused(t, v, good, nil)
	header, rest, _ := strings.Cut(good, ".")
	for name, other := range map[string]string{
		"padded":               good + "=",
		"padded twice":         good + "==",
		"padded header":        header + "=." + rest,
		"line feed":            good[:10] + "\n" + good[10:],
		"line break at end":    good + "\r\n",
		"line break in header": "\r" + good,
		"space":                good + " ",
		"space before":         " " + good,
		"standard alphabet":    strings.NewReplacer("-", "+", "_", "/").Replace(header) + "." + rest,
		"four parts":           good + ".",
		"two parts":            header + "." + strings.ReplaceAll(rest, ".", ""),
		"no part":              "",
		"dots":                 "..",
		"JSON serialization":   `{"payload":"` + encode(claims) + `"}`,
		"with its scheme":      "Bearer " + good,
		"not ASCII":            good + "é",
		"a NUL":                good + "\x00",
	} {
		t.Run(name, func(t *testing.T) {
			if other == good {
				t.Fatal("the token is as it was")
			}
			wantRefused(t, v, other, token.ErrMalformed)
		})
	}
	// The last character of a 32-byte signature has two unused bits.
	alphabet := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := strings.IndexByte(alphabet, good[len(good)-1])
	for bits := 1; bits < 4; bits++ {
		wantRefused(t, v, good[:len(good)-1]+string(alphabet[i|bits]), token.ErrMalformed)
	}
}

// RFC 7515, section 4.1.11, and RFC 7797, section 7: critical extensions are not supported,
// and a JWT must not have an unencoded payload.
func TestCriticalExtensions(t *testing.T) {
	v := secretVerifier(t, token.Options{})
	for header, want := range map[string]error{
		`"crit":["exp"],"exp":1`:         token.ErrHeader,
		`"crit":["b64"],"b64":true`:      token.ErrHeader,
		`"crit":[]`:                      token.ErrHeader,
		`"crit":null`:                    token.ErrHeader,
		`"crit":"alg"`:                   token.ErrHeader,
		`"cr\u0069t":["x"]`:              token.ErrHeader,
		`"b64":false`:                    token.ErrHeader,
		`"b64":null`:                     token.ErrHeader,
		`"b64":"true"`:                   token.ErrHeader,
		`"b64":true`:                     nil,
		`"CRIT":["exp"]`:                 nil,
		`"exp":1,"x":{"crit":["alg"]}`:   nil,
		`"x":` + strings.Repeat("[", 64): token.ErrMalformed,
	} {
		wantRefused(t, v, signText(`{"alg":"HS256",`+header+`}`, `{"exp":4000000000}`), want)
	}
}
