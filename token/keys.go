package token

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Keys returns the key for a token. Key, KeySet and KeyFunc implement it.
//
// Key is called before anything about the token is verified. It returns ErrKeyNotFound,
// wrapped or bare, if there is no key for the token. Errors of this package, for example
// from Unverified.Claim, are returned unchanged. Any other error counts as
// ErrKeysUnavailable, because a database that is down must not make good tokens bad. Key
// must be safe for concurrent use, and return soon after ctx is done.
//
// Keys that are fetched may have a second method,
//
//	NewerKey(ctx context.Context, u Unverified, failed Key) (Key, error)
//
// It is called if the key that Key returned has not signed the token, or is not for its
// algorithm, because that key may have been replaced under its ID. NewerKey returns failed
// if there is no newer key. The rules of Key apply to it. A KeyFunc that calls Key of such
// Keys has no NewerKey.
//
// Keys that can be unavailable for all tokens at once may have a method Available() bool:
// see Verifier.Available. Keys that are all public may have a method PublicKeys() bool: see
// NewVerifier.
type Keys interface {
	Key(ctx context.Context, u Unverified) (Key, error)
}

// KeyFunc chooses the key for a token by the unverified token and by ctx, which carries
// values such as the connection's handshake. It is called concurrently, and the rules of
// Keys apply. If it panics, the token is refused with ErrKey.
//
// Compare values of the unverified token with known ones to choose among known keys. Never
// use such a value as a file name, query or address: an attacker can choose it (RFC 8725,
// section 3.10).
type KeyFunc func(ctx context.Context, u Unverified) (Key, error)

// Key calls f. It implements Keys.
func (f KeyFunc) Key(ctx context.Context, u Unverified) (Key, error) { return f(ctx, u) }

// KeySet is a fixed set of keys. The token's key ID chooses the key, or the set contains
// shared secrets of which each replaces the previous one (Key.WithNotAfter). NewVerifier
// returns an error for the zero KeySet. A KeySet is immutable, prints no secret, and may be
// used concurrently.
type KeySet struct{ s *keySet }

type keySet struct {
	keys []Key
	byID map[string]Key
	err  error
}

// NewKeySet returns the set of keys. Each key must have a different ID (WithID, or the kid
// of a JWK). If the set cannot be used, Err and NewVerifier return the reason.
func NewKeySet(keys ...Key) KeySet {
	set := &keySet{keys: slices.Clone(keys), byID: make(map[string]Key, len(keys))}
	if len(keys) == 0 {
		set.err = fmt.Errorf("%w: the set has no keys", ErrKey)
	}
	for i, k := range keys {
		_, taken := set.byID[k.ID()]
		switch {
		case k.k == nil || k.k.err != nil:
			set.err = errors.Join(set.err, fmt.Errorf("key %d of the set: %w", i+1, k.Err()))
		case k.ID() == "":
			set.err = errors.Join(set.err, fmt.Errorf("%w: key %d of the set has no ID; set one by WithID", ErrKey, i+1))
		case taken:
			set.err = errors.Join(set.err, fmt.Errorf("%w: key %d of the set has the same ID as another key", ErrKey, i+1))
		}
		set.byID[k.ID()] = k
	}
	return KeySet{set}
}

// Err returns why the set cannot be used, or nil if it can. The error matches ErrKey.
func (s KeySet) Err() error { return s.usable(false) }

// mostTries bounds how many secrets of a set are tried for a token without a key ID.
const mostTries = 8

// Key returns the key whose ID the token names. For a token without a key ID it returns the
// only key for the token's algorithm. If 2 to 8 shared secrets are for that algorithm, it
// returns the first that has signed the token, or ErrSignature. Otherwise it returns
// ErrKeyNotFound. It implements Keys.
func (s KeySet) Key(_ context.Context, u Unverified) (Key, error) {
	if s.s == nil || s.s.err != nil {
		return Key{}, s.Err()
	}
	if id := u.Header.KeyID; id != "" {
		k, ok := s.s.byID[id]
		if !ok {
			return Key{}, fmt.Errorf("%w: no key with its key ID (kid) in the set", ErrKeyNotFound)
		}
		return k, nil
	}
	var fitting []Key
	for _, k := range s.s.keys {
		if k.isFor(u.Header.Algorithm) {
			fitting = append(fitting, k)
		}
	}
	switch n := len(fitting); {
	case n == 1:
		return fitting[0], nil
	case n == 0 || n > mostTries || fitting[0].public():
		// Public keys are expensive to try, and issuers with several keys give them IDs.
		return Key{}, fmt.Errorf("%w: it has no key ID (kid), and %d keys of the set are for its algorithm", ErrKeyNotFound, n)
	}
	for _, k := range fitting {
		if k.checkSignature(u) == nil {
			return k, nil
		}
	}
	return Key{}, ErrSignature
}

// all returns the keys of the set.
func (s KeySet) all() []Key {
	if s.s == nil {
		return nil
	}
	return s.s.keys
}

// staticKeys returns the keys of a Key or a KeySet.
func staticKeys(keys Keys) []Key {
	switch keys := keys.(type) {
	case Key:
		return []Key{keys}
	case KeySet:
		return keys.all()
	}
	return nil
}

// usable returns why the set cannot be used. shortAllowed is Options.InsecureShortSecret.
func (s KeySet) usable(shortAllowed bool) error {
	if s.s == nil {
		return fmt.Errorf("%w: the zero KeySet", ErrKey)
	}
	if s.s.err != nil {
		return s.s.err
	}
	for i, k := range s.s.keys {
		if err := k.usable(shortAllowed); err != nil {
			return fmt.Errorf("key %d of the set: %w", i+1, err)
		}
	}
	return nil
}
