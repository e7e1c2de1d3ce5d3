package token

import (
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
)

// pssKey is an RSA key whose SubjectPublicKeyInfo has the OID of RSASSA-PSS (RFC 4055,
// section 3.1). It is for PS algorithms only.
type pssKey struct {
	*rsa.PublicKey
	only Algorithm // by the parameters; empty if there are none
}

// errPSS is the error of a key with that OID whose parameters fit no supported algorithm.
var errPSS = errors.New("the parameters of this RSASSA-PSS key")

var (
	oidPSS  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidMGF1 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
)

// pssHashes are the algorithms, with the OID of their hash and its length in bytes.
var pssHashes = []struct {
	oid  asn1.ObjectIdentifier
	alg  Algorithm
	size int
}{
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, PS256, 32},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}, PS384, 48},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}, PS512, 64},
}

// parseSPKI returns the key in a SubjectPublicKeyInfo. A key of RSASSA-PSS, which
// crypto/x509 does not parse, becomes a *pssKey.
func parseSPKI(der []byte) (any, error) {
	public, err := x509.ParsePKIXPublicKey(der)
	if err == nil {
		return public, nil
	}
	var spki struct {
		Algorithm pkix.AlgorithmIdentifier
		PublicKey asn1.BitString
	}
	if rest, failed := asn1.Unmarshal(der, &spki); failed != nil || len(rest) > 0 || !spki.Algorithm.Algorithm.Equal(oidPSS) {
		return nil, err
	}
	inner, err := x509.ParsePKCS1PublicKey(spki.PublicKey.RightAlign())
	if err != nil {
		return nil, err
	}
	only, err := pssAlgorithm(spki.Algorithm.Parameters)
	if err != nil {
		return nil, err
	}
	return &pssKey{inner, only}, nil
}

// pssAlgorithm returns the algorithm that parameters of RSASSA-PSS allow, or "" if there
// are no parameters. RFC 7518, section 3.5, requires one hash for the message and the mask,
// and a salt of its length. In RFC 4055, section 3.1, the salt length of a key is a minimum.
func pssAlgorithm(parameters asn1.RawValue) (Algorithm, error) {
	if len(parameters.FullBytes) == 0 {
		return "", nil
	}
	var read struct {
		Hash    pkix.AlgorithmIdentifier `asn1:"explicit,optional,tag:0"`
		MGF     pkix.AlgorithmIdentifier `asn1:"explicit,optional,tag:1"`
		Salt    int                      `asn1:"explicit,optional,tag:2,default:20"`
		Trailer int                      `asn1:"explicit,optional,tag:3,default:1"`
	}
	rest, err := asn1.Unmarshal(parameters.FullBytes, &read)
	if err != nil || len(rest) > 0 {
		return "", fmt.Errorf("%w are malformed", errPSS)
	}
	var mask pkix.AlgorithmIdentifier
	if _, err := asn1.Unmarshal(read.MGF.Parameters.FullBytes, &mask); err != nil || !read.MGF.Algorithm.Equal(oidMGF1) {
		return "", fmt.Errorf("%w name no hash, which means SHA-1, or a mask other than MGF1", errPSS)
	}
	for _, known := range pssHashes {
		switch {
		case !read.Hash.Algorithm.Equal(known.oid):
		case !mask.Algorithm.Equal(known.oid) || read.Salt < 0 || read.Salt > known.size || read.Trailer != 1:
			return "", fmt.Errorf("%w do not fit %s: the mask has another hash, or the salt is longer than the hash", errPSS, known.alg)
		default:
			return known.alg, nil
		}
	}
	return "", fmt.Errorf("%w name a hash other than SHA-256, SHA-384 and SHA-512", errPSS)
}

// algorithms returns algs, or the usual algorithm of the key if algs is empty. It fails if
// the key is not for one of algs.
func (k *pssKey) algorithms(algs []Algorithm) ([]Algorithm, error) {
	allowed := []Algorithm{PS256, PS384, PS512}
	if k.only != "" {
		allowed = []Algorithm{k.only}
	}
	if len(algs) == 0 {
		return allowed[:1], nil
	}
	for _, alg := range algs {
		if !slices.Contains(allowed, alg) {
			return nil, fmt.Errorf("this RSASSA-PSS key is for %s, not for %.32s", listAlgorithms(allowed), alg)
		}
	}
	return algs, nil
}
