package token

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Keys gives the key for a token. Key, KeySet and KeyFunc implement it.
//
// Key is called before anything about the token is verified. It returns
// ErrKeyNotFound, wrapped or bare, if there is none for it. The errors of this
// package pass as they are, those of Unverified.Claim for example; any other counts
// as ErrKeysUnavailable, since a database that is down must not make good tokens
// bad. Key must be safe for concurrent use, and return soon after ctx is done.
//
// Keys that are fetched may have a second method,
//
//	NewerKey(ctx context.Context, u Unverified, failed Key) (Key, error)
//
// which is called when the key that Key returned has not signed the token, or is not for
// its algorithm: it may have been replaced under its ID. NewerKey returns failed if there
// is no newer one. It is bound by the rules of Key. A KeyFunc that calls the Key of such
// Keys does not pass it on.
//
// Keys that may be away for all tokens at once can say so by a method Available() bool:
// see Verifier.Available.
type Keys interface {
	Key(ctx context.Context, u Unverified) (Key, error)
}

// KeyFunc chooses the key by what a token says of itself and by what ctx carries,
// such as the connection's handshake. A panic in it refuses the token with ErrKey.
//
// Choose among keys of your own, by comparing: a value of an unverified token that
// becomes a file name, a query or an address hands these to strangers (RFC 8725,
// section 3.10).
type KeyFunc func(ctx context.Context, u Unverified) (Key, error)

// Key calls f. It implements Keys.
func (f KeyFunc) Key(ctx context.Context, u Unverified) (Key, error) { return f(ctx, u) }

// KeySet is a fixed set of keys, chosen by key ID; or a ring of shared secrets, of
// which the next replaces the last (Key.WithNotAfter). The zero KeySet is an error in
// NewVerifier. It is immutable, prints no secret, and may be used concurrently.
type KeySet struct{ s *keySet }

type keySet struct {
	keys []Key
	byID map[string]Key
	err  error
}

// NewKeySet returns the set of keys. Each needs an ID of its own (WithID, or the
// kid of a JWK); what is wrong is told by Err and NewVerifier.
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
			set.err = errors.Join(set.err, fmt.Errorf("%w: key %d of the set has no ID", ErrKey, i+1))
		case taken:
			set.err = errors.Join(set.err, fmt.Errorf("%w: key %d of the set has the ID of another", ErrKey, i+1))
		}
		set.byID[k.ID()] = k
	}
	return KeySet{set}
}

// Err returns what is wrong with the set, nil if it can be used. It matches ErrKey.
func (s KeySet) Err() error { return s.usable(false) }

// mostTries bounds how many secrets of a set are tried for a token that names none.
const mostTries = 8

// Key returns the key whose ID the token names. For a token that names none, it
// returns the one key that is for the token's algorithm; or if several shared
// secrets are, up to 8, the first that has signed it. Otherwise there is no key for
// it. It implements Keys.
func (s KeySet) Key(_ context.Context, u Unverified) (Key, error) {
	if s.s == nil || s.s.err != nil {
		return Key{}, s.Err()
	}
	if id := u.Header.KeyID; id != "" {
		k, ok := s.s.byID[id]
		if !ok {
			return Key{}, fmt.Errorf("%w: it names a key ID that the set has not", ErrKeyNotFound)
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
		// Public keys are dear to try, and who publishes several gives them IDs.
		return Key{}, fmt.Errorf("%w: it names no key ID, and %d keys of the set are for its algorithm", ErrKeyNotFound, n)
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

// usable returns why the set cannot be used, where shortAllowed stands for
// Options.InsecureShortSecret.
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
