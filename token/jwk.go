package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"math/big"
	"slices"

	"github.com/go-json-experiment/json"
)

// jwk is a JSON Web Key (RFC 7517, section 4; RFC 7518, section 6; RFC 8037,
// section 2), as far as verification needs it. Parameters that it does not have,
// x5u and x5c among them, are ignored.
type jwk struct {
	Type      string   `json:"kty"`
	Use       string   `json:"use"`
	Uses      []string `json:"key_ops"`
	Algorithm string   `json:"alg"`
	ID        string   `json:"kid"`
	Curve     string   `json:"crv"`
	X         string   `json:"x"`
	Y         string   `json:"y"`
	Modulus   string   `json:"n"`
	Exponent  string   `json:"e"`
	Secret    string   `json:"k"`
	Private   string   `json:"d"`
}

// JWK returns the key in a JSON Web Key: RSA, EC, OKP (Ed25519) or oct. Its kid
// becomes the key ID, its alg the only algorithm; algs, if given, have to hold that
// one. A private key is an error, as for PEM, and so is a key for another use than
// signatures. A JWK Set is not a JWK.
func JWK(text []byte, algs ...Algorithm) Key {
	var parsed jwk
	if err := json.Unmarshal(text, &parsed); err != nil {
		return unusable("not a JWK: no JSON object, a parameter of the wrong type, or one given twice")
	}
	if parsed.Algorithm != "" {
		alg, known := knownAlgorithm(parsed.Algorithm)
		switch {
		case !known:
			return unusable("the alg of this JWK is none of those supported")
		case len(algs) > 0 && !slices.Contains(algs, alg):
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
	case parsed.Private != "":
		return unusable("%w", errPrivate)
	}
	k := parsed.key(algs)
	if parsed.ID != "" && k.k.err == nil {
		return k.WithID(parsed.ID)
	}
	return k
}

// key returns the Key of the parameters that belong to the kty.
func (j jwk) key(algs []Algorithm) Key {
	var public any
	var err error
	switch j.Type {
	case "oct":
		secret, err := decodeJWK(j.Secret)
		if err != nil {
			return unusable("the k of this JWK is not base64url")
		}
		return SecretBytes(secret, algs...)
	case "RSA":
		public, err = j.rsa()
	case "EC":
		public, err = j.ec()
	case "OKP":
		public, err = j.okp()
	default:
		return unusable("the kty of this JWK is none of oct, RSA, EC and OKP")
	}
	if err != nil {
		return unusable("%w", err)
	}
	return publicKey(public, algs)
}

func (j jwk) rsa() (any, error) {
	modulus, err := decodeJWK(j.Modulus)
	if err != nil {
		return nil, errors.New("the n of this JWK is not base64url")
	}
	exponent, err := decodeJWK(j.Exponent)
	e := new(big.Int).SetBytes(exponent)
	if err != nil || e.BitLen() > 31 { // more fits no rsa.PublicKey of a 32-bit machine
		return nil, errors.New("the e of this JWK is no usable exponent")
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(e.Int64())}, nil
}

func (j jwk) ec() (any, error) {
	curve, ok := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[j.Curve]
	if !ok {
		return nil, errors.New("the crv of this JWK is none of P-256, P-384 and P-521")
	}
	x, errX := decodeJWK(j.X)
	y, errY := decodeJWK(j.Y)
	// RFC 7518, section 6.2.1.2: both have the full size of the curve.
	size := (curve.Params().BitSize + 7) / 8
	if errX != nil || errY != nil || len(x) != size || len(y) != size {
		return nil, errors.New("the x or y of this JWK is not base64url of the curve's size")
	}
	public, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil, errors.New("the point of this JWK is not on its curve")
	}
	return public, nil
}

func (j jwk) okp() (any, error) {
	if j.Curve != "Ed25519" {
		return nil, errors.New("the crv of this JWK is not Ed25519")
	}
	x, err := decodeJWK(j.X)
	if err != nil || len(x) != ed25519.PublicKeySize {
		return nil, errors.New("the x of this JWK is not base64url of 32 bytes")
	}
	return ed25519.PublicKey(x), nil
}

// decodeJWK decodes a parameter, which must not be absent.
func decodeJWK(parameter string) ([]byte, error) {
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(parameter)
	if err == nil && len(decoded) == 0 {
		err = errors.New("empty")
	}
	return decoded, err
}
