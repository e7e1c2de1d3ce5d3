// Package privatekey makes private keys, for those who sign tokens: token/mint, and
// token/tokentest, which needs more of a key than a mint.SigningKey gives away.
package privatekey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"

	"socketiojwt/token"
)

// New returns a new random key for an algorithm of public keys; RSA keys have 2048
// bits. For any other it fails.
func New(alg token.Algorithm) (key crypto.Signer, err error) {
	switch alg {
	case token.RS256, token.RS384, token.RS512, token.PS256, token.PS384, token.PS512:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case token.ES256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case token.ES384:
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case token.ES512:
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case token.EdDSA, token.Ed25519:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		err = errors.New("an algorithm that is unknown, or not one of public keys")
	}
	return key, err
}
