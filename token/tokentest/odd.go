package tokentest

import (
	"crypto/rand"
	"encoding/base64"
	"errors"

	"socketiojwt/token"
	"socketiojwt/token/mint"
	"socketiojwt/token/tokentest/internal/testkey"
)

// An OddKey is a kind of key in a JWK Set that a verifier must treat with care. SignBy
// signs with it.
type OddKey string

// The odd keys. Unless the comment says otherwise, each is a key for the Issuer's algorithm
// with its own ID, different from the Issuer's keys.
const (
	SharedSecret       OddKey = "secret"      // an oct key for HS256: anyone who can read the set can sign
	PrivateKey         OddKey = "private"     // with its private part
	EncryptionKey      OddKey = "encryption"  // its use is enc
	UnknownType        OddKey = "type"        // an unknown kty
	NoAlgorithm        OddKey = "algorithm"   // without alg, which is optional
	NoID               OddKey = "id"          // without kid, which is optional
	SameID             OddKey = "same"        // with the kid of the key that signs
	ForeignCertificate OddKey = "certificate" // with a certificate (x5c) for another key
)

// SignBy is like Sign, but with an odd key of the Issuer, published or not. A verifier that
// must not trust such a key must refuse the token.
func (i *Issuer) SignBy(kind OddKey, claims map[string]any) string {
	i.t.Helper()
	i.mu.Lock()
	key, err := i.oddKey(kind)
	var signing mint.SigningKey
	if err == nil {
		signing = key.signing
		if kind == SameID {
			signing = signing.WithID(i.signingKey().signing.Key().ID())
		}
	}
	i.mu.Unlock()
	if err != nil {
		i.t.Errorf("tokentest: odd key %.32q: %v", kind, err)
		return ""
	}
	return i.sign(signing, mint.Header{}, claims)
}

// oddKey returns the odd key of a kind. It makes the key on first use.
func (i *Issuer) oddKey(kind OddKey) (*issuerKey, error) {
	if made := i.odd[kind]; made != nil {
		return made, nil
	}
	kid := "odd-" + string(kind)
	made, err := newIssuerKey(i.opts.Algorithm, kid)
	if err != nil {
		return nil, err
	}
	switch kind {
	case SharedSecret:
		secret := rand.Text() + rand.Text()
		made.signing, err = mint.Secret(secret, token.HS256)
		made.signing = made.signing.WithID(kid)
		made.parameters = map[string]any{"kty": "oct", "kid": kid, "alg": token.HS256, "use": "sig", "k": encode([]byte(secret))}
	case PrivateKey:
		var both map[string]any
		both, err = testkey.JWK(made.pair.Signer)
		made.parameters["d"] = both["d"]
	case EncryptionKey:
		made.parameters["use"] = "enc"
	case UnknownType:
		made.parameters["kty"] = "unheard-of"
	case NoAlgorithm:
		delete(made.parameters, "alg")
	case NoID:
		delete(made.parameters, "kid")
		made.signing = made.pair.Signing
	case SameID:
		// keySet sets the ID, because the signing key may change.
	case ForeignCertificate:
		var other testkey.Pair
		var certificate []byte
		if other, err = testkey.New(i.opts.Algorithm); err == nil {
			certificate, err = other.Certificate()
		}
		made.parameters["x5c"] = []string{base64.StdEncoding.EncodeToString(certificate)}
	default:
		err = errors.New("unknown kind")
	}
	if err != nil {
		return nil, err
	}
	i.odd[kind] = made
	return made, nil
}
