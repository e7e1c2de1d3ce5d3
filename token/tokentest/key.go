package tokentest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"time"

	"github.com/go-jose/go-jose/v4"

	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// pair is a private key, of which more is needed than a mint.SigningKey gives away.
type pair struct {
	bare   mint.SigningKey // without a key ID
	signer crypto.Signer
}

// newPair returns a new pair for an algorithm of public keys.
func newPair(alg token.Algorithm) (pair, error) {
	var signer crypto.Signer
	var err error
	switch alg {
	case token.RS256, token.RS384, token.RS512, token.PS256, token.PS384, token.PS512:
		signer, err = rsa.GenerateKey(rand.Reader, 2048)
	case token.ES256:
		signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case token.ES384:
		signer, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case token.ES512:
		signer, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case token.EdDSA:
		_, signer, err = ed25519.GenerateKey(rand.Reader)
	default:
		err = errors.New("tokentest: not an algorithm of public keys")
	}
	if err != nil {
		return pair{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		return pair{}, err
	}
	bare, err := mint.PEM(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), alg)
	return pair{bare, signer}, err
}

// certificate returns a certificate, in DER, by which the pair vouches for itself.
func (p pair) certificate() ([]byte, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer.example"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(253402300799, 0),
	}
	return x509.CreateCertificate(rand.Reader, template, template, p.signer.Public(), p.signer)
}

// jwk returns the parameters of a key that say what key it is (RFC 7518, section 6;
// RFC 8037, section 2): of a private key, those of both halves.
func jwk(key any) (map[string]any, error) {
	text, err := (&jose.JSONWebKey{Key: key}).MarshalJSON()
	if err != nil {
		return nil, err
	}
	var parameters map[string]any
	err = json.Unmarshal(text, &parameters)
	return parameters, err
}

func encode(decoded []byte) string { return base64.RawURLEncoding.EncodeToString(decoded) }
