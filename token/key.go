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

	"socketiojwt/internal/hidden"
	"socketiojwt/token/internal/keytext"
)

// maxKeyID is the longest key ID, in bytes, that a key or a token may have.
const maxKeyID = 256

// Key is a shared secret or a public key that verifies signatures, with the algorithms that
// it is for. A token's header never adds an algorithm (RFC 8725, section 3.1).
//
// Constructors return no error. If a key cannot be used, Err and NewVerifier return the
// reason, and a token for which a KeyFunc returns such a key is refused with ErrKey. The
// zero Key cannot be used. A Key is immutable, prints no secret, and may be used
// concurrently. It implements Keys as the only key, for every token.
type Key struct{ k *key }

type key struct {
	family family
	algs   []Algorithm
	// material holds a []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey.
	material hidden.Value[any]
	id       string
	notAfter time.Time // zero if the key has no end
	// fingerprint is the SHA-256 of a public key, without its ID and algorithms; zero for a secret.
	fingerprint digest
	err         error // not usable
	short       error // usable only with Options.InsecureShortSecret
}

// Secret returns the key of a shared secret: the bytes of the string. Without algs it is
// only for HS256.
//
// A secret shorter than the hash of its algorithm is an error (32, 48, 64 bytes:
// RFC 7518, section 3.2). A public key passed as a secret is an error too, because anyone
// could sign with it (RFC 8725, section 2.1). It is recognized in each usual form: PEM,
// DER, JWK, SSH, XML, a keystore, or the base64 or hexadecimal digits of one of them. The
// 32 bytes of an Ed25519 key, and a bare RSA modulus, cannot be told from a secret.
func Secret(secret string, algs ...Algorithm) Key { return SecretBytes([]byte(secret), algs...) }

// SecretBytes is like Secret for a secret of bytes, which it copies.
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
			k.short = fmt.Errorf("%w: a secret for %s needs at least %d bytes, this one has %d", ErrKey, alg, least, len(secret))
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

// WithID returns the key with a key ID (RFC 7515, section 4.1.4). A key with an ID does not
// verify tokens that name another ID. A key without an ID ignores the token's. An ID that
// is empty, longer than 256 bytes or not printable is an error.
func (k Key) WithID(id string) Key {
	if k.k == nil {
		return k
	}
	named := *k.k
	named.id = id
	if id == "" || !printable(id) {
		return unusable("a key ID must have 1 to %d bytes and only printable characters", maxKeyID)
	}
	return Key{&named}
}

// WithNotAfter returns the key with an end. From t on the key verifies no token, whatever
// the token's exp, and tokens that it verified before are good until t at most. So a
// secret that is being replaced expires without a further change. The zero time is an
// error.
func (k Key) WithNotAfter(t time.Time) Key {
	if k.k == nil {
		return k
	}
	if t.IsZero() {
		return unusable("the end of a key must not be the zero time; leave out WithNotAfter for a key without an end")
	}
	ending := *k.k
	ending.notAfter = t.Round(0) // the wall clock, which runs while the machine is suspended
	return Key{&ending}
}

// over reports whether the end of the key has passed.
func (k Key) over(now time.Time) bool { return !k.k.notAfter.IsZero() && !now.Before(k.k.notAfter) }

// ID returns the key ID. It is empty if there is none.
func (k Key) ID() string {
	if k.k == nil {
		return ""
	}
	return k.k.id
}

// Algorithms returns the algorithms that the key is for. There are none if it is unusable.
func (k Key) Algorithms() []Algorithm {
	if k.k == nil {
		return nil
	}
	return slices.Clone(k.k.algs)
}

// SamePublicKey reports whether both are the same public key. It compares what their
// thumbprints (RFC 7638) compare, not their IDs, ends and algorithms. It is false for
// shared secrets and for unusable keys.
func (k Key) SamePublicKey(other Key) bool {
	return k.k != nil && other.k != nil && k.k.fingerprint != digest{} && k.k.fingerprint == other.k.fingerprint
}

// Err returns why the key cannot be used, or nil if it can. The error matches ErrKey.
func (k Key) Err() error { return k.usable(false) }

// Key returns k, unless the token names another key ID. It implements Keys.
func (k Key) Key(_ context.Context, u Unverified) (Key, error) {
	if id := k.ID(); id != "" && u.Header.KeyID != "" && u.Header.KeyID != id {
		return Key{}, fmt.Errorf("%w: the token names another key ID (kid)", ErrKeyNotFound)
	}
	return k, nil
}

// usable returns why the key cannot be used. shortAllowed is Options.InsecureShortSecret.
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

// public reports whether the key is a public key.
func (k Key) public() bool { return k.k.family != familySecret }

// IsFor reports whether the key verifies tokens of the algorithm. It is false if the key is
// unusable. EdDSA and Ed25519 are the same to it, unlike in a search of Algorithms.
func (k Key) IsFor(alg Algorithm) bool { return k.k != nil && k.isFor(alg) }

func (k Key) isFor(alg Algorithm) bool { return slices.ContainsFunc(k.k.algs, sameAlgorithm(alg)) }

// checkAlgorithm returns ErrAlgorithm unless the key is for the header's algorithm. The
// header does not choose the algorithm (RFC 8725, section 3.1).
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

// checkSignature returns ErrSignature unless the key has signed u. The algorithm of u must
// have been checked. All invalid signatures of an RSA key take the same time: without
// that, a signature that is not below the modulus would be refused without arithmetic, and
// the time would reveal whether a key exists.
func (k Key) checkSignature(u Unverified) error {
	method, p, material := algorithms[u.Header.Algorithm].method, u.parsed.Get(), k.k.material.Get()
	signature, inRange := p.signature, true
	if public, ok := material.(*rsa.PublicKey); ok {
		inRange = len(signature) == public.Size() && new(big.Int).SetBytes(signature).Cmp(public.N) < 0
		if !inRange {
			signature = make([]byte, public.Size())
		}
	}
	if err := method.Verify(p.signingInput, signature, material); err != nil || !inRange {
		return ErrSignature // the cause says only where the arithmetic failed
	}
	return nil
}

// newKey returns a key for algs, which must all be of its family.
func newKey(family family, material any, algs []Algorithm) (*key, error) {
	for i, alg := range algs {
		known, ok := algorithms[alg]
		switch {
		case !ok:
			return nil, fmt.Errorf("algorithm %d of the key is not supported", i+1)
		case known.family != family:
			return nil, fmt.Errorf("%s is not for a %s", alg, family)
		case slices.Contains(algs[:i], alg):
			return nil, fmt.Errorf("%s is listed twice", alg)
		}
	}
	return &key{family: family, algs: slices.Clone(algs), material: hidden.Of[any](material)}, nil
}

// unusable returns a key that cannot be used, with the reason.
func unusable(format string, args ...any) Key {
	return Key{&key{err: fmt.Errorf("%w: %w", ErrKey, fmt.Errorf(format, args...))}}
}
