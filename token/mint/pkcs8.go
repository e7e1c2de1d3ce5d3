package mint

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
)

var oidPSS = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}

// parsePKCS8 returns the private key in a PKCS #8 text and its SubjectPublicKeyInfo. It also
// accepts keys with the OID of RSASSA-PSS (RFC 4055, section 3.1), which crypto/x509 does
// not parse. Their SubjectPublicKeyInfo keeps the parameters, which package token enforces.
func parsePKCS8(der []byte) (private crypto.Signer, spki []byte, err error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err == nil {
		signer, ok := parsed.(crypto.Signer)
		if !ok {
			return nil, nil, errors.New("not for signatures")
		}
		spki, err = x509.MarshalPKIXPublicKey(signer.Public())
		return signer, spki, err
	}
	var info struct {
		Version    int
		Algorithm  pkix.AlgorithmIdentifier
		Key        []byte
		Attributes asn1.RawValue `asn1:"optional"`
	}
	if rest, failed := asn1.Unmarshal(der, &info); failed != nil || len(rest) > 0 || !info.Algorithm.Algorithm.Equal(oidPSS) {
		return nil, nil, err
	}
	key, err := x509.ParsePKCS1PrivateKey(info.Key)
	if err != nil {
		return nil, nil, err
	}
	public := x509.MarshalPKCS1PublicKey(&key.PublicKey)
	spki, err = asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}{info.Algorithm, asn1.BitString{Bytes: public, BitLength: 8 * len(public)}})
	return key, spki, err
}
