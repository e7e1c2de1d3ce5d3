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

// PEM returns the public key in a PEM text: "PUBLIC KEY" (SubjectPublicKeyInfo), "RSA
// PUBLIC KEY" (PKCS #1) or "CERTIFICATE". Only the key of a certificate is used; its dates
// and issuer are not checked. The first certificate of a chain is used. The text may have
// \n in place of line breaks, be on one line, in quotes or in UTF-16, which is common in
// environment variables. It may also be base64 without the BEGIN and END lines.
//
// Without algs an RSA key is for RS256, an EC key for the algorithm of its curve, and an
// Ed25519 key for EdDSA. An RSA key with the OID of RSASSA-PSS is for the PS algorithm of
// its parameters, or for PS256 if it has none, and never for an RS algorithm. A private key
// is an error, because a service that only verifies tokens must not be able to sign them.
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
			return unusable("the PEM text contains more than one key")
		}
	}
	if first == nil {
		if der := keytext.BareDER(text); der != nil {
			return DER(der, algs...)
		}
		return unusable("no PEM block found: the text has no BEGIN and END lines and is not the base64 of a key")
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
		return unusable("the type of the PEM block must be PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE")
	}
	switch {
	case errors.Is(err, errPSS):
		return unusable("%w", err)
	case err != nil:
		return unusable("the content of the PEM block does not match its type")
	}
	return publicKey(public, algs)
}

// DER returns the public key in der, which has the form of one of the blocks that PEM
// accepts. The rules of PEM for algs and private keys apply.
func DER(der []byte, algs ...Algorithm) Key {
	public, err := parseDER(der)
	switch {
	case errors.Is(err, errPSS):
		return unusable("%w", err)
	case err != nil:
		if privateDER(der) {
			return unusable("%w", errPrivate)
		}
		return unusable("not a SubjectPublicKeyInfo, a PKCS #1 key or a certificate")
	}
	return publicKey(public, algs)
}

// errPrivate is for the operator who configured the key.
var errPrivate = errors.New("a private key; use the public key (openssl pkey -pubout extracts it)")

// publicKey returns the key for a parsed public key. Weak and unknown keys cannot be used.
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
			return unusable("the curve of this EC key is not supported; use P-256, P-384 or P-521")
		}
		for _, alg := range algs {
			if known := algorithms[alg]; known.family == familyEC && known.curve != public.Curve {
				return unusable("the curve of this EC key is for %s, not for %s", standard, alg)
			}
		}
	case ed25519.PublicKey:
		kind, standard = familyEd25519, EdDSA
	default:
		return unusable("not an RSA, EC or Ed25519 key")
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
		return unusable("the key cannot be encoded as a SubjectPublicKeyInfo")
	}
	k.fingerprint = sha256.Sum256(der)
	return Key{k}
}

// checkRSA refuses keys that are weak (RFC 7518, section 3.3) or degenerate.
func checkRSA(public *rsa.PublicKey) error {
	const least, most = 2048, 16384 // larger keys are too expensive to verify with
	switch bits := public.N.BitLen(); {
	case bits < least || bits > most:
		return fmt.Errorf("an RSA key must have %d to %d bits, this one has %d", least, most, bits)
	// crypto/rsa accepts no exponent of more than 31 bits.
	case public.E < 3 || public.E > math.MaxInt32 || public.E%2 == 0 || public.N.Bit(0) == 0:
		return errors.New("invalid RSA public key: the modulus and the exponent must be odd, the exponent at least 3 and at most 31 bits long")
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

// privateDER reports whether der is a private key in one of the usual forms.
func privateDER(der []byte) bool {
	_, pkcs8 := x509.ParsePKCS8PrivateKey(der)
	_, pkcs1 := x509.ParsePKCS1PrivateKey(der)
	_, sec1 := x509.ParseECPrivateKey(der)
	return pkcs8 == nil || pkcs1 == nil || sec1 == nil || strings.HasPrefix(keytext.Kind(der), "a private key")
}
