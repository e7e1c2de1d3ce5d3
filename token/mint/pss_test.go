package mint_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"testing"

	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// A private key with the OID of RSASSA-PSS, as openssl genpkey -algorithm RSA-PSS makes
// it, signs by PS algorithms and by no others.
func TestPSSPrivateKey(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := asn1.Marshal(struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
	}{0, pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}}, x509.MarshalPKCS1PrivateKey(key)})
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	for _, alg := range []token.Algorithm{token.PS256, token.PS384, token.PS512} {
		signing, err := mint.PEM(text, alg)
		if err != nil {
			t.Fatal(err)
		}
		compact, err := mint.Sign(signing, inAnHour(), mint.Header{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verify(t, signing.Key(), compact); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
	}
	if standard, err := mint.PEM(text, ""); err != nil || standard.Key().Algorithms()[0] != token.PS256 {
		t.Errorf("without an algorithm it is for %v, %v; want PS256", standard.Key().Algorithms(), err)
	}
	for _, alg := range []token.Algorithm{token.RS256, token.ES256, token.HS256, "none"} {
		if _, err := mint.PEM(text, alg); err == nil {
			t.Errorf("%q is taken", alg)
		}
	}
	if err := token.PEM(text).Err(); err == nil {
		t.Error("a private key is taken for a public one")
	}
}
