package token

import (
	"context"
	"crypto/sha256"
	"sync"
)

// digest is a SHA-256.
type digest = [sha256.Size]byte

// checkSignature returns an error unless key has signed u. signed is the digest of the
// signed parts of u. The check of a public key's signature is skipped if it was found
// valid before, and otherwise asks the Limiter of ctx. An HMAC is cheaper than both.
func (v *Verifier) checkSignature(ctx context.Context, u Unverified, key Key, signed digest) error {
	if err := key.checkAlgorithm(u); err != nil {
		return err
	}
	if !key.public() {
		return key.checkSignature(u)
	}
	id := signatureID(key, signed, u.parsed.Get().signature)
	if v.seen.has(id) {
		return nil
	}
	limiter, err := acquire(ctx)
	if err != nil {
		return err
	}
	defer limiter.Release()
	if err := key.checkSignature(u); err != nil {
		return err
	}
	v.seen.add(id)
	return nil
}

// signatureID returns the ID under which a valid signature is remembered: the SHA-256 of
// the key and the token. The key is part of it, so that a signature by a key that was
// replaced is not found.
func signatureID(key Key, signed digest, signature []byte) digest {
	text := make([]byte, 0, 1024)
	text = append(text, key.k.fingerprint[:]...)
	text = append(text, signed[:]...)
	return sha256.Sum256(append(text, signature...))
}

// signatures are the signatures that were recently found valid. No other result of a
// verification is remembered: key, times and names are checked each time.
type signatures struct {
	half int // the maximum number of entries of each map

	mu            sync.Mutex
	latest, older map[digest]struct{}
}

func (s *signatures) has(id digest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, latest := s.latest[id]
	_, older := s.older[id]
	return latest || older
}

// add remembers id, and forgets the older half when the latest half is full. Entries are
// not deleted one by one, because a map with many insertions and deletions grows although
// its length does not.
func (s *signatures) add(id digest) {
	if s.half == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.latest == nil || len(s.latest) >= s.half {
		s.latest, s.older = make(map[digest]struct{}), s.latest
	}
	s.latest[id] = struct{}{}
}
