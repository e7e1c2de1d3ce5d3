package token

import (
	"context"
	"crypto/sha256"
	"fmt"
	"runtime"
	"sync"
)

// digest is a SHA-256.
type digest = [sha256.Size]byte

// checkSignature returns an error unless key has signed u, of whose signed parts signed
// is the digest. What a public key costs is saved for a token that was verified before,
// and otherwise waits for its turn; an HMAC costs less than either.
func (v *Verifier) checkSignature(ctx context.Context, u Unverified, key Key, signed digest) error {
	if err := key.checkAlgorithm(u); err != nil {
		return err
	}
	if !key.public() {
		return key.checkSignature(u)
	}
	id := signatureID(key, signed, u.parsed().signature)
	if v.seen.has(id) {
		return nil
	}
	if err := verifying.take(ctx); err != nil {
		return err
	}
	defer verifying.give()
	if err := key.checkSignature(u); err != nil {
		return err
	}
	v.seen.add(id)
	return nil
}

// signatureID returns what a signature is remembered under: the SHA-256 of the token
// and of the key, so that nothing is known any more of a key that was replaced.
func signatureID(key Key, signed digest, signature []byte) digest {
	text := make([]byte, 0, 1024)
	text = append(text, key.k.fingerprint[:]...)
	text = append(text, signed[:]...)
	return sha256.Sum256(append(text, signature...))
}

// signatures are those found valid of late. Of a token no more than that is remembered:
// its key, its times and its names are looked at whenever it comes.
type signatures struct {
	half int // the most in each of the two

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

// add remembers id, and forgets the older half when the latest are as many. None is
// deleted by itself: a map in which they come and go for long grows, though their number
// does not.
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

// turns are for work that keeps a processor busy: each who works has one.
type turns chan struct{}

// verifying is for whoever checks the signature of a public key, in the whole process:
// half of the processors, since the others are for those who are let in already. A
// flood of bad tokens waits here, in the order in which it came.
var verifying = make(turns, max(1, runtime.GOMAXPROCS(0)/2))

// take waits for a turn, until ctx is done. Whoever gets it lets the threads go first that
// could go on now: theirs is short, and what follows is long.
func (t turns) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		if ctx.Err() == nil { // of two that are ready, chance chooses
			yieldThread()
			return nil
		}
		t.give()
	case <-ctx.Done():
	}
	return fmt.Errorf("%w: no turn to verify with them: %w", ErrKeysUnavailable, context.Cause(ctx))
}

func (t turns) give() { <-t }
