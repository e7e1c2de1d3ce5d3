package token

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"socketiojwt/token/internal/keytext"
)

// maxKeyID is the longest key ID, in bytes, that a key or a token may have.
const maxKeyID = 256

// Key is what signatures are verified with: a shared secret or a public key,
// together with the algorithms it is for. A token's header never adds to those
// (RFC 8725, section 3.1).
//
// Constructors return no error; what is wrong with a key is told by Err and by
// NewVerifier, and is an ordinary refusal when a KeyFunc returns it. The zero Key
// is such an unusable key. A Key is immutable, prints no secret, and may be used
// concurrently. It implements Keys: the one key for every token.
type Key struct{ k *key }

type key struct {
	family family
	algs   []Algorithm
	// material returns a []byte, *rsa.PublicKey, *ecdsa.PublicKey or
	// ed25519.PublicKey. Of a func fmt prints the address, whatever the verb, even in
	// unexported fields of a caller's struct, where it does not call our methods.
	material func() any
	id       string
	notAfter time.Time // zero: for ever
	// fingerprint is the SHA-256 of a public key, whatever its ID and algorithms; zero for a secret.
	fingerprint digest
	err         error // not usable at all
	short       error // usable with Options.InsecureShortSecret only
}

// Secret returns the key of a shared secret, whose bytes are those of the string.
// Without algs it is only for HS256.
//
// A secret shorter than the hash of its algorithm is an error (32, 48, 64 bytes:
// RFC 7518, section 3.2). So is a public key given as a secret, since anyone could sign
// with it (RFC 8725, section 2.1), in each form that keys are handed around in: PEM, DER,
// JWK, SSH, XML, a keystore, or the base64 or hexadecimal digits of one of them. The 32
// bytes of an Ed25519 key, or a modulus without anything around it, look like any secret.
func Secret(secret string, algs ...Algorithm) Key { return SecretBytes([]byte(secret), algs...) }

// SecretBytes returns the key of a shared secret, as Secret does. It copies secret.
func SecretBytes(secret []byte, algs ...Algorithm) Key {
	if len(algs) == 0 {
		algs = []Algorithm{HS256}
	}
	k, err := newKey(familySecret, bytes.Clone(secret), algs)
	switch {
	case err != nil:
		return unusable("%w", err)
	case len(secret) == 0:
		return unusable("the secret is empty")
	}
	if kind := keytext.Kind(secret); kind != "" {
		return unusable("the secret is %s; give the public key to PEM, DER or JWK instead", kind)
	}
	for _, alg := range k.algs {
		if least := algorithms[alg].minSecret; len(secret) < least {
			k.short = fmt.Errorf("%w: a secret for %s needs %d bytes or more, this one has %d", ErrKey, alg, least, len(secret))
		}
	}
	return Key{k}
}

// SecretBase64 returns the key of a shared secret given in base64, in the standard
// or the URL alphabet, padded or not. White space around it is ignored.
func SecretBase64(secret string, algs ...Algorithm) Key {
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if decoded, err := encoding.Strict().DecodeString(strings.TrimSpace(secret)); err == nil {
			return SecretBytes(decoded, algs...)
		}
	}
	return unusable("the secret is not base64")
}

// WithID returns the key under a key ID (RFC 7515, section 4.1.4). A key with an ID
// verifies no token that names another one; without an ID it ignores the token's.
func (k Key) WithID(id string) Key {
	if k.k == nil {
		return k
	}
	named := *k.k
	named.id = id
	if id == "" || !printable(id) {
		return unusable("a key ID has 1 to %d bytes and printable characters only", maxKeyID)
	}
	return Key{&named}
}

// WithNotAfter returns the key with an end: from t on it verifies no token, whatever
// exp that has, and what it verified before is good until then at most. So a secret
// that is being replaced leaves by itself. The zero time is an error.
func (k Key) WithNotAfter(t time.Time) Key {
	if k.k == nil {
		return k
	}
	if t.IsZero() {
		return unusable("the zero time as the end of a key")
	}
	ending := *k.k
	ending.notAfter = t.Round(0) // the wall clock, which goes on while the machine is suspended
	return Key{&ending}
}

// over reports whether the key's end has come.
func (k Key) over(now time.Time) bool { return !k.k.notAfter.IsZero() && !now.Before(k.k.notAfter) }

// ID returns the key ID, empty if there is none.
func (k Key) ID() string {
	if k.k == nil {
		return ""
	}
	return k.k.id
}

// Algorithms returns the algorithms that the key is for, none if it is unusable.
func (k Key) Algorithms() []Algorithm {
	if k.k == nil {
		return nil
	}
	return slices.Clone(k.k.algs)
}

// SamePublicKey reports whether both are the same public key, whatever their IDs, ends and
// algorithms: whether their thumbprints (RFC 7638) are equal. It is false for shared
// secrets and for unusable keys.
func (k Key) SamePublicKey(other Key) bool {
	return k.k != nil && other.k != nil && k.k.fingerprint != digest{} && k.k.fingerprint == other.k.fingerprint
}

// Err returns what is wrong with the key, nil if it can be used. It matches ErrKey.
func (k Key) Err() error { return k.usable(false) }

// Key returns k, unless the token names another key ID. It implements Keys.
func (k Key) Key(_ context.Context, u Unverified) (Key, error) {
	if id := k.ID(); id != "" && u.Header.KeyID != "" && u.Header.KeyID != id {
		return Key{}, fmt.Errorf("%w: it names another key ID", ErrKeyNotFound)
	}
	return k, nil
}

// usable returns why the key cannot be used, where shortAllowed stands for
// Options.InsecureShortSecret.
func (k Key) usable(shortAllowed bool) error {
	switch {
	case k.k == nil:
		return fmt.Errorf("%w: the zero Key", ErrKey)
	case k.k.err != nil:
		return k.k.err
	case k.k.short != nil && !shortAllowed:
		return k.k.short
	}
	return nil
}

// public reports whether the key is a public one, which strangers may know.
func (k Key) public() bool { return k.k.family != familySecret }

// IsFor reports whether the key verifies tokens of the algorithm; false if it is
// unusable. Unlike a search in Algorithms it knows that EdDSA and Ed25519 are the same.
func (k Key) IsFor(alg Algorithm) bool { return k.k != nil && k.isFor(alg) }

func (k Key) isFor(alg Algorithm) bool { return slices.ContainsFunc(k.k.algs, sameAlgorithm(alg)) }

// checkAlgorithm compares the header's algorithm with the key's. It chooses nothing (RFC
// 8725, section 3.1).
func (k Key) checkAlgorithm(u Unverified) error {
	if k.isFor(u.Header.Algorithm) {
		return nil
	}
	named := "one that is not supported"
	if alg, known := knownAlgorithm(string(u.Header.Algorithm)); known {
		named = string(alg)
	}
	return fmt.Errorf("%w: the header names %s, the key is for %s", ErrAlgorithm, named, listAlgorithms(k.k.algs))
}

// checkSignature returns ErrSignature unless the key has signed a token whose algorithm
// has been checked. It takes the same time for every signature that an RSA key has not
// made: one that is not below the modulus would be refused without arithmetic,
// and so tell a key from none.
func (k Key) checkSignature(u Unverified) error {
	method, p, material := algorithms[u.Header.Algorithm].method, u.parsed(), k.k.material()
	signature, inRange := p.signature, true
	if public, ok := material.(*rsa.PublicKey); ok {
		inRange = len(signature) == public.Size() && new(big.Int).SetBytes(signature).Cmp(public.N) < 0
		if !inRange {
			signature = make([]byte, public.Size())
		}
	}
	if err := method.Verify(p.signingInput, signature, material); err != nil || !inRange {
		return ErrSignature // the cause tells nothing but where the arithmetic failed
	}
	return nil
}

// newKey returns a key for algs, which must all be of its family.
func newKey(family family, material any, algs []Algorithm) (*key, error) {
	for i, alg := range algs {
		known, ok := algorithms[alg]
		switch {
		case !ok:
			return nil, fmt.Errorf("algorithm %d of the key is none of those supported", i+1)
		case known.family != family:
			return nil, fmt.Errorf("%s is not for a %s", alg, family)
		case slices.Contains(algs[:i], alg):
			return nil, fmt.Errorf("%s is listed twice", alg)
		}
	}
	return &key{family: family, algs: slices.Clone(algs), material: func() any { return material }}, nil
}

// unusable returns a key that says why it cannot be used.
func unusable(format string, args ...any) Key {
	return Key{&key{err: fmt.Errorf("%w: %w", ErrKey, fmt.Errorf(format, args...))}}
}
