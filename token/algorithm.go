package token

import (
	"crypto/elliptic"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// Algorithm is the name of a signature algorithm, as in RFC 7518, section 3.1, RFC 8037,
// section 3.1, and RFC 9864, section 2.2. Only the constants of this package are
// supported. "none" is not one of them and is always refused.
type Algorithm string

// The supported algorithms.
const (
	HS256 Algorithm = "HS256" // HMAC with SHA-256; a shared secret of at least 32 bytes
	HS384 Algorithm = "HS384" // HMAC with SHA-384; at least 48 bytes
	HS512 Algorithm = "HS512" // HMAC with SHA-512; at least 64 bytes
	RS256 Algorithm = "RS256" // RSASSA-PKCS1-v1_5 with SHA-256; at least 2048 bits
	RS384 Algorithm = "RS384"
	RS512 Algorithm = "RS512"
	PS256 Algorithm = "PS256" // RSASSA-PSS with SHA-256 and a salt as long as the hash
	PS384 Algorithm = "PS384"
	PS512 Algorithm = "PS512"
	ES256 Algorithm = "ES256" // ECDSA on P-256 with SHA-256
	ES384 Algorithm = "ES384" // ECDSA on P-384 with SHA-384
	ES512 Algorithm = "ES512" // ECDSA on P-521 with SHA-512
	EdDSA Algorithm = "EdDSA" // Ed25519

	// Ed25519 is the newer name of EdDSA with an Ed25519 key. A key for one of the two
	// names verifies tokens with either. Ed448 is not supported under any name.
	Ed25519 Algorithm = "Ed25519"
)

// sameAlgorithm returns a function that reports whether an algorithm is alg. EdDSA and
// Ed25519 are the same.
func sameAlgorithm(alg Algorithm) func(Algorithm) bool {
	return func(other Algorithm) bool { return other == alg || other.isEdDSA() && alg.isEdDSA() }
}

func (a Algorithm) isEdDSA() bool { return a == EdDSA || a == Ed25519 }

// family is the kind of key that an algorithm works with.
type family string

const (
	familySecret  family = "shared secret"
	familyRSA     family = "RSA key"
	familyEC      family = "EC key"
	familyEd25519 family = "Ed25519 key"
)

// algorithm has the parameters that verification needs for one Algorithm.
type algorithm struct {
	method    jwt.SigningMethod
	family    family
	minSecret int            // bytes; RFC 7518, section 3.2
	curve     elliptic.Curve // RFC 7518, section 3.4: one curve for each ES algorithm
}

var algorithms = map[Algorithm]algorithm{
	HS256: {method: jwt.SigningMethodHS256, family: familySecret, minSecret: 32},
	HS384: {method: jwt.SigningMethodHS384, family: familySecret, minSecret: 48},
	HS512: {method: jwt.SigningMethodHS512, family: familySecret, minSecret: 64},
	RS256: {method: jwt.SigningMethodRS256, family: familyRSA},
	RS384: {method: jwt.SigningMethodRS384, family: familyRSA},
	RS512: {method: jwt.SigningMethodRS512, family: familyRSA},
	PS256: {method: exactSalt(jwt.SigningMethodPS256), family: familyRSA},
	PS384: {method: exactSalt(jwt.SigningMethodPS384), family: familyRSA},
	PS512: {method: exactSalt(jwt.SigningMethodPS512), family: familyRSA},
	ES256: {method: jwt.SigningMethodES256, family: familyEC, curve: elliptic.P256()},
	ES384: {method: jwt.SigningMethodES384, family: familyEC, curve: elliptic.P384()},
	ES512: {method: jwt.SigningMethodES512, family: familyEC, curve: elliptic.P521()},
	EdDSA: {method: jwt.SigningMethodEdDSA, family: familyEd25519},

	Ed25519: {method: jwt.SigningMethodEdDSA, family: familyEd25519},
}

// exactSalt returns m with the salt length that RFC 7518, section 3.5, requires: the length
// of the hash. The library's own method accepts any length, for old signers.
func exactSalt(m *jwt.SigningMethodRSAPSS) jwt.SigningMethod {
	return &jwt.SigningMethodRSAPSS{SigningMethodRSA: m.SigningMethodRSA, Options: m.Options}
}

// knownAlgorithm returns the Algorithm named alg, and whether it is supported.
func knownAlgorithm(alg string) (Algorithm, bool) {
	_, ok := algorithms[Algorithm(alg)]
	return Algorithm(alg), ok
}

// listAlgorithms returns the names of algs, sorted, for an error or a description.
func listAlgorithms(algs []Algorithm) string {
	names := make([]string, len(algs))
	for i, alg := range algs {
		names[i] = string(alg)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
