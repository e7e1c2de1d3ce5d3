package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math"
	"strings"

	"socketiojwt/token/internal/keytext"
)

// PEM returns the public key in a PEM text: "PUBLIC KEY" (SubjectPublicKeyInfo),
// "RSA PUBLIC KEY" (PKCS #1) or "CERTIFICATE", of which only the key is used:
// neither its dates nor its issuer are checked. Of a chain the first is taken. The text
// may have \n in place of its line breaks, be on one line, in quotes or in UTF-16, as
// after an environment variable, and may be base64 without the BEGIN and END lines.
//
// Without algs an RSA key is for RS256, an EC key for the algorithm of its curve, an
// Ed25519 key for EdDSA. An RSA key with the OID of RSASSA-PSS is for the PS algorithm
// of its parameters, or without parameters for PS256, and never for an RS algorithm. A
// private key is an error, although its public half could be taken: where tokens are
// verified nothing should be able to sign them.
func PEM(text []byte, algs ...Algorithm) Key {
	text = keytext.PEM(text)
	var first *pem.Block
	for rest := text; ; {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		switch {
		case strings.Contains(block.Type, "PRIVATE"):
			return unusable("%w", errPrivate)
		case first == nil:
			first = block
		case first.Type != "CERTIFICATE" || block.Type != "CERTIFICATE":
			return unusable("the PEM text holds more than one key")
		}
	}
	if first == nil {
		if der := keytext.BareDER(text); der != nil {
			return DER(der, algs...)
		}
		return unusable("no PEM block found: neither BEGIN and END lines nor base64 of a key")
	}
	var public any
	var err error
	switch first.Type {
	case "PUBLIC KEY":
		public, err = parseSPKI(first.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(first.Bytes)
	case "CERTIFICATE":
		public, err = certificateKey(first.Bytes)
	default:
		return unusable("a PEM block that is neither PUBLIC KEY, RSA PUBLIC KEY nor CERTIFICATE")
	}
	switch {
	case errors.Is(err, errPSS):
		return unusable("%w", err)
	case err != nil:
		return unusable("the PEM block does not hold what it says")
	}
	return publicKey(public, algs)
}

// DER returns the public key in der, in one of the forms that PEM takes.
func DER(der []byte, algs ...Algorithm) Key {
	public, err := parseDER(der)
	switch {
	case errors.Is(err, errPSS):
		return unusable("%w", err)
	case err != nil:
		if privateDER(der) {
			return unusable("%w", errPrivate)
		}
		return unusable("neither a SubjectPublicKeyInfo, a PKCS #1 key nor a certificate")
	}
	return publicKey(public, algs)
}

// errPrivate is worded for the operator who configured the key.
var errPrivate = errors.New("a private key; give the public one (openssl pkey -pubout makes it)")

// publicKey returns the key for a parsed public key, refusing weak and unknown ones.
func publicKey(public any, algs []Algorithm) Key {
	var kind family
	var standard Algorithm
	if pss, ok := public.(*pssKey); ok {
		var err error
		if algs, err = pss.algorithms(algs); err != nil {
			return unusable("%w", err)
		}
		public = pss.PublicKey
	}
	switch public := public.(type) {
	case *rsa.PublicKey:
		if err := checkRSA(public); err != nil {
			return unusable("%w", err)
		}
		kind, standard = familyRSA, RS256
	case *ecdsa.PublicKey:
		kind = familyEC
		for alg, known := range algorithms {
			if known.curve == public.Curve {
				standard = alg
			}
		}
		if standard == "" {
			return unusable("no algorithm for the curve of this EC key")
		}
		for _, alg := range algs {
			if known := algorithms[alg]; known.family == familyEC && known.curve != public.Curve {
				return unusable("%s is not for the curve of this EC key, %s is", alg, standard)
			}
		}
	case ed25519.PublicKey:
		kind, standard = familyEd25519, EdDSA
	default:
		return unusable("it is neither an RSA, an EC nor an Ed25519 key")
	}
	if len(algs) == 0 {
		algs = []Algorithm{standard}
	}
	k, err := newKey(kind, public, algs)
	if err != nil {
		return unusable("%w", err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return unusable("the key cannot be written")
	}
	k.fingerprint = sha256.Sum256(der)
	return Key{k}
}

// checkRSA refuses keys that are weak (RFC 7518, section 3.3) or degenerate.
func checkRSA(public *rsa.PublicKey) error {
	const least, most = 2048, 16384 // more than that costs the verifier too much
	switch bits := public.N.BitLen(); {
	case bits < least || bits > most:
		return fmt.Errorf("an RSA key has %d to %d bits, this one has %d", least, most, bits)
	// crypto/rsa takes no exponent of more than 31 bits.
	case public.E < 3 || public.E > math.MaxInt32 || public.E%2 == 0 || public.N.Bit(0) == 0:
		return fmt.Errorf("the RSA key's modulus or exponent is no RSA key's")
	}
	return nil
}

// parseDER returns the public key in der: a SubjectPublicKeyInfo, a PKCS #1
// RSAPublicKey or an X.509 certificate.
func parseDER(der []byte) (any, error) {
	if public, err := parseSPKI(der); err == nil || errors.Is(err, errPSS) {
		return public, err
	}
	if public, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return public, nil
	}
	return certificateKey(der)
}

func certificateKey(der []byte) (any, error) {
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if certificate.PublicKey == nil {
		return parseSPKI(certificate.RawSubjectPublicKeyInfo)
	}
	return certificate.PublicKey, nil
}

// privateDER reports whether der is a private key of any usual form.
func privateDER(der []byte) bool {
	_, pkcs8 := x509.ParsePKCS8PrivateKey(der)
	_, pkcs1 := x509.ParsePKCS1PrivateKey(der)
	_, sec1 := x509.ParseECPrivateKey(der)
	return pkcs8 == nil || pkcs1 == nil || sec1 == nil || strings.HasPrefix(keytext.Kind(der), "a private key")
}
