package tokentest

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
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

// pair is a private key, of which more is needed than a mint.SigningKey gives away.
type pair struct {
	bare   mint.SigningKey // without a key ID
	signer crypto.Signer
}

// newPair returns a new pair for an algorithm of public keys.
func newPair(alg token.Algorithm) (pair, error) {
	private, err := privatekey.New(alg)
	if err != nil {
		return pair{}, fmt.Errorf("tokentest: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return pair{}, err
	}
	bare, err := mint.PEM(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), alg)
	return pair{bare, private}, err
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
