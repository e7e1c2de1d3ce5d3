// Package testkey makes key pairs for tests, with more access to them than a
// mint.SigningKey gives.
package testkey

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	"github.com/go-jose/go-jose/v4"

	"socketiojwt/token"
	"socketiojwt/token/internal/privatekey"
	"socketiojwt/token/mint"
)

// A Pair is a private key and its public key.
type Pair struct {
	Signing mint.SigningKey // without a key ID
	Signer  crypto.Signer
}

// New returns a new random pair for a public-key algorithm.
func New(alg token.Algorithm) (Pair, error) {
	private, err := privatekey.New(alg)
	if err != nil {
		return Pair{}, fmt.Errorf("testkey: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return Pair{}, err
	}
	signing, err := mint.PEM(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), alg)
	return Pair{signing, private}, err
}

// Certificate returns a self-signed certificate for the pair, in DER.
func (p Pair) Certificate() ([]byte, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer.example"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(253402300799, 0),
	}
	return x509.CreateCertificate(rand.Reader, template, template, p.Signer.Public(), p.Signer)
}

// JWK returns the JWK parameters that describe a key (RFC 7518, section 6; RFC 8037,
// section 2). For a private key they include the private ones.
func JWK(key any) (map[string]any, error) {
	text, err := (&jose.JSONWebKey{Key: key}).MarshalJSON()
	if err != nil {
		return nil, err
	}
	var parameters map[string]any
	err = json.Unmarshal(text, &parameters)
	return parameters, err
}
