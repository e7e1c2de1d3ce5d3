package token_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"socketiojwt/token"
)

// pssSPKI returns a key with the OID of RSASSA-PSS.
func pssSPKI(t *testing.T, parameters []byte) []byte {
	t.Helper()
	var spki struct {
		Algorithm struct {
			OID        asn1.ObjectIdentifier
			Parameters asn1.RawValue `asn1:"optional"`
		}
		Key asn1.BitString
	}
	der := x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey)
	spki.Algorithm.OID = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	if parameters != nil {
		spki.Algorithm.Parameters = asn1.RawValue{FullBytes: parameters}
	}
	spki.Key = asn1.BitString{Bytes: der, BitLength: 8 * len(der)}
	return must(asn1.Marshal(spki))
}

// pssParameters encodes RSASSA-PSS-params. A hash of 0 is left out.
func pssParameters(hash, mask, salt int) []byte {
	oid := func(hash int) []byte {
		return must(asn1.Marshal(struct{ OID asn1.ObjectIdentifier }{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, hash}}))
	}
	explicit := func(tag int, der []byte) asn1.RawValue {
		return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: true, Bytes: der}
	}
	var all []asn1.RawValue
	if hash != 0 {
		all = append(all, explicit(0, oid(hash)))
	}
	if mask != 0 {
		all = append(all, explicit(1, must(asn1.Marshal(struct {
			OID  asn1.ObjectIdentifier
			Hash asn1.RawValue
		}{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}, asn1.RawValue{FullBytes: oid(mask)}}))))
	}
	if salt != 20 {
		all = append(all, explicit(2, must(asn1.Marshal(salt))))
	}
	return must(asn1.Marshal(all))
}

// RFC 4055: a key with the OID of RSASSA-PSS is for the PS algorithm of its parameters.
func TestPSSKeys(t *testing.T) {
	const sha2, sha384, sha512, sha224 = 1, 2, 3, 4
	for _, test := range []struct {
		name       string
		parameters []byte
		algs       []token.Algorithm
		want       string // algorithms, or a part of the error
	}{
		{"no parameters", nil, nil, "[PS256]"},
		{"no parameters, PS512", nil, []token.Algorithm{token.PS512, token.PS256}, "[PS512 PS256]"},
		{"no parameters, RS256", nil, []token.Algorithm{token.RS256}, "not for RS256"},
		{"SHA-256", pssParameters(sha2, sha2, 32), nil, "[PS256]"},
		{"SHA-384", pssParameters(sha384, sha384, 48), nil, "[PS384]"},
		{"SHA-512", pssParameters(sha512, sha512, 64), nil, "[PS512]"},
		{"SHA-256 for PS256", pssParameters(sha2, sha2, 32), []token.Algorithm{token.PS256}, "[PS256]"},
		{"SHA-256 for PS384", pssParameters(sha2, sha2, 32), []token.Algorithm{token.PS384}, "not for PS384"},
		{"SHA-256 for ES256", pssParameters(sha2, sha2, 32), []token.Algorithm{token.ES256}, "not for ES256"},
		{"a shorter salt", pssParameters(sha2, sha2, 20), nil, "[PS256]"},
		{"a longer salt", pssParameters(sha2, sha2, 33), nil, "salt is longer"},
		{"another hash for the mask", pssParameters(sha2, sha512, 32), nil, "mask has another hash"},
		{"SHA-224", pssParameters(sha224, sha224, 28), nil, "a hash other than"},
		{"SHA-1 for the mask", pssParameters(sha2, 0, 32), nil, "SHA-1"},
		{"SHA-1", []byte{0x30, 0}, nil, "SHA-1"},
		{"NULL", []byte{5, 0}, nil, "malformed"},
	} {
		for form, key := range map[string]token.Key{
			"DER":  token.DER(pssSPKI(t, test.parameters), test.algs...),
			"PEM":  token.PEM(block("PUBLIC KEY", pssSPKI(t, test.parameters)), test.algs...),
			"bare": token.PEM([]byte(base64.StdEncoding.EncodeToString(pssSPKI(t, test.parameters))), test.algs...),
		} {
			got := fmt.Sprint(key.Algorithms())
			if err := key.Err(); err != nil {
				wantError(t, err, token.ErrKey)
				got = err.Error()
			}
			if !strings.Contains(got, test.want) {
				t.Errorf("%s in %s: %q, want %q", test.name, form, got, test.want)
			}
		}
	}
	// It verifies signatures of the private key by PSS, and none by PKCS #1 v1.5.
	v := newVerifier(t, token.DER(pssSPKI(t, nil)), publicOptions)
	claims := "." + encode(`{"iss":"https://issuer.example","aud":"chat","exp":4000000000}`)
	input := encode(`{"alg":"PS256"}`) + claims
	digest := sha256.Sum256([]byte(input))
	signature := must(rsa.SignPSS(rand.Reader, rsaKey, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: 32}))
	wantRefused(t, v, input+"."+encode(string(signature)), nil)
	input = encode(`{"alg":"RS256"}`) + claims
	digest = sha256.Sum256([]byte(input))
	signature = must(rsa.SignPKCS1v15(rand.Reader, rsaKey, crypto.SHA256, digest[:]))
	wantRefused(t, v, input+"."+encode(string(signature)), token.ErrAlgorithm)
}
