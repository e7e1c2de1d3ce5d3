package token

import (
	"slices"

	"github.com/go-jose/go-jose/v4"

	"socketiojwt/internal/wirejson"
)

// jwk is what a JSON Web Key says of itself (RFC 7517, section 4). Its key is read by
// the library, its certificates (x5c, x5t) too, which have to be of that key; x5u is
// never fetched.
type jwk struct {
	Type      string   `json:"kty"`
	Use       string   `json:"use"`
	Uses      []string `json:"key_ops"`
	Algorithm string   `json:"alg"`
	ID        string   `json:"kid"`

	// Of a private key (RFC 7518, sections 6.2.2 and 6.3.2; RFC 8037, section 2). Of RSA
	// each of them gives away all.
	D  string `json:"d"`
	P  string `json:"p"`
	Q  string `json:"q"`
	DP string `json:"dp"`
	DQ string `json:"dq"`
	QI string `json:"qi"`
}

// JWK returns the key in a JSON Web Key: RSA, EC, OKP (Ed25519) or oct. Its kid
// becomes the key ID, its alg the only algorithm; algs, if given, have to hold that
// one. A private key is an error, as for PEM, and so is a key for another use than
// signatures. A JWK Set is not a JWK.
func JWK(text []byte, algs ...Algorithm) Key {
	var parsed jwk
	if err := wirejson.Unmarshal(text, &parsed); err != nil {
		return unusable("not a JWK: no JSON object, a parameter of the wrong type, or one given twice")
	}
	if parsed.Algorithm != "" {
		alg, known := knownAlgorithm(parsed.Algorithm)
		switch {
		case !known:
			return unusable("the alg of this JWK is none of those supported")
		case len(algs) > 0 && !slices.ContainsFunc(algs, sameAlgorithm(alg)):
			return unusable("this JWK is for %s alone", alg)
		}
		algs = []Algorithm{alg}
	}
	switch {
	case parsed.Type == "":
		return unusable("not a JWK: it has no kty")
	case parsed.Use != "" && parsed.Use != "sig":
		return unusable("the use of this JWK is not sig")
	case parsed.Uses != nil && !slices.Contains(parsed.Uses, "verify"):
		return unusable("the key_ops of this JWK lack verify")
	case parsed.D+parsed.P+parsed.Q+parsed.DP+parsed.DQ+parsed.QI != "":
		return unusable("%w", errPrivate)
	}
	k := readJWK(text, algs)
	if parsed.ID != "" && k.k.err == nil {
		return k.WithID(parsed.ID)
	}
	return k
}

// readJWK returns the Key of a JWK's parameters.
func readJWK(text []byte, algs []Algorithm) Key {
	var read jose.JSONWebKey
	if err := read.UnmarshalJSON(text); err != nil {
		// Its texts may repeat what stands in the JWK.
		return unusable("the parameters of this JWK are not those of a key of its kty (oct, RSA, EC on P-256, P-384 or P-521, OKP on Ed25519), or its certificate is of another key")
	}
	if secret, ok := read.Key.([]byte); ok {
		return SecretBytes(secret, algs...)
	}
	return publicKey(read.Key, algs)
}
