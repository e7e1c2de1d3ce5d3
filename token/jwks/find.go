package jwks

import (
	"context"
	"fmt"
	"time"

	"socketiojwt/token"
)

// maxMissing bounds the key IDs that are remembered as missing, since strangers choose
// them; missingFor, how long each is, since a new key may have an ID that was guessed.
const (
	maxMissing = 1000
	missingFor = 10 * time.Second
)

// Key returns the key for a token. It waits, for as long as ctx allows, for keys that
// have to be fetched first, and returns token.ErrKeysUnavailable if that fails. For a
// key ID that is unknown it waits for a fetch that begins after it was asked, so that a
// new key works at once, and returns token.ErrKeyNotFound if that does not bring it.
func (s *Set) Key(ctx context.Context, u token.Unverified) (token.Key, error) {
	return s.find(ctx, u, token.Key{})
}

// NewerKey returns the key for a token that failed has not signed, in case the issuer has
// replaced it under its ID. It waits for a fetch as Key does for a key ID that is unknown,
// and both share Options.MissInterval. It returns failed if that is still published.
func (s *Set) NewerKey(ctx context.Context, u token.Unverified, failed token.Key) (token.Key, error) {
	return s.find(ctx, u, failed)
}

// find returns a key for a token which is not failed, if it can be had, else failed. The
// zero Key stands for none that has failed.
func (s *Set) find(ctx context.Context, u token.Unverified, failed token.Key) (token.Key, error) {
	if !allows(s.opts.Algorithms, u.Header.Algorithm) {
		return token.Key{}, fmt.Errorf("%w: the header names none of those the issuer's keys may be for", token.ErrAlgorithm)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(s.now())
	older := s.current // what it brings may be older than the token
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

// wanted returns the fetch that may bring a key that is not there, which none says, or a
// newer one if none is nil. It returns an error when that need not be waited for, since
// the key was fetched in vain lately. s.mu is held.
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
		return nil, none
	case s.failure != nil && now.Before(earliest):
		return nil, s.unavailable() // and not wait for what may fail again
	case s.current != nil:
		return s.current, nil
	case s.began.IsZero() || earliest.Before(now):
		earliest = now
	}
	if s.due.IsZero() || earliest.Before(s.due) {
		s.due = earliest
	}
	s.schedule(s.due) // also when it was: the clock may have gone past it while the timer sleeps
	return s.next, nil
}

// remember notes that the issuer has no key of that ID; of the empty one, that it has
// none, or several, for tokens that name no key. s.mu is held.
func (s *Set) remember(id string) {
	if len(s.missing) >= maxMissing {
		for one := range s.missing { // any
			delete(s.missing, one)
			break
		}
	}
	s.missing[id] = s.now()
}
