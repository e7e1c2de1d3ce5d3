package jwks

import (
	"context"
	"fmt"
	"time"

	"socketiojwt/token"
)

// maxMissing bounds the number of key IDs that are remembered as missing, because any peer
// can invent them. missingFor bounds the time, because a new key may get an ID that a peer
// has guessed.
const (
	maxMissing = 1000
	missingFor = 10 * time.Second
)

// Key returns the key for a token. If keys must be fetched first, it waits until ctx
// ends, and returns token.ErrKeysUnavailable if the fetch fails. For an
// unknown key ID it waits for a fetch that begins after the call, so that a
// new key works at once, and returns token.ErrKeyNotFound if that does not bring the key.
func (s *Set) Key(ctx context.Context, u token.Unverified) (token.Key, error) {
	return s.find(ctx, u, token.Key{})
}

// NewerKey returns the key for a token that was not signed by the key failed, in case the
// issuer has replaced that key under its ID. It waits for a fetch as Key does for an unknown
// key ID, and both share Options.MissInterval. It returns failed if that is still published.
func (s *Set) NewerKey(ctx context.Context, u token.Unverified, failed token.Key) (token.Key, error) {
	return s.find(ctx, u, failed)
}

// find returns a key other than failed for a token if the issuer publishes one, else
// failed. A zero failed means that no key was tried.
func (s *Set) find(ctx context.Context, u token.Unverified, failed token.Key) (token.Key, error) {
	if !allows(s.opts.Algorithms, u.Header.Algorithm) {
		return token.Key{}, fmt.Errorf("%w: the header names none of those the issuer's keys may be for", token.ErrAlgorithm)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(s.now())
	older := s.current // its response may be older than the token
	for waited, missed := false, false; ; {
		k, none := s.keys.key(u.Header)
		switch {
		case none == nil && (k != failed || s.closed):
			return k, nil
		case s.closed, waited && s.failure != nil:
			return token.Key{}, s.unavailable()
		case missed && none == nil:
			return failed, nil
		case missed && s.keys != nil:
			s.remember(u.Header.KeyID)
			s.missed++
			return token.Key{}, none
		}
		awaited, err := s.wanted(u.Header, none)
		if err != nil {
			return token.Key{}, err
		}
		waited, missed = true, awaited != older
		s.mu.Unlock()
		select {
		case <-awaited.done:
		case <-ctx.Done():
			err = fmt.Errorf("%w: %w", token.ErrKeysUnavailable, context.Cause(ctx))
		}
		s.mu.Lock()
		if err != nil {
			return token.Key{}, err
		}
	}
}

// wanted returns the fetch that may bring a missing key (none is the error for it), or a
// newer key if none is nil. It returns an error if waiting is pointless because a recent
// fetch did not bring the key. s.mu is held.
func (s *Set) wanted(h token.Header, none error) (*flight, error) {
	now := s.now()
	missing, known := s.missing[h.KeyID]
	earliest := s.began.Add(s.opts.MissInterval)
	if s.failure != nil {
		earliest = s.began.Add(s.backoff())
	}
	switch {
	case s.keys == nil && s.current != nil:
		return s.current, nil
	case s.keys != nil && none != nil && known && now.Before(missing.Add(missingFor)):
		s.missed++
		return nil, none
	case s.failure != nil && now.Before(earliest):
		return nil, s.unavailable() // do not wait for a fetch that may fail again
	case s.current != nil:
		return s.current, nil
	case s.began.IsZero() || earliest.Before(now):
		earliest = now
	}
	if s.due.IsZero() || earliest.Before(s.due) {
		s.due = earliest
	}
	s.schedule(s.due) // even if due is unchanged: the clock may have passed it while the timer sleeps
	return s.next, nil
}

// remember notes that the issuer has no key with that ID. For an empty ID it notes that
// no single key fits tokens without a key ID. s.mu is held.
func (s *Set) remember(id string) {
	if len(s.missing) >= maxMissing {
		for one := range s.missing { // an arbitrary one
			delete(s.missing, one)
			break
		}
	}
	s.missing[id] = s.now()
}
