// Package mac computes HMAC-SHA256 codes under one key without allocating for each.
package mac

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// A Key computes codes under a secret key. Make one with New. Its methods may be called
// concurrently.
type Key struct{ states sync.Pool }

// state is what one computation needs. It is reused, because the state of an HMAC and its
// arguments are seven allocations.
type state struct {
	mac hash.Hash
	in  []byte
	out [sha256.Size]byte
}

// maxKept bounds the text whose memory is kept for the next computation.
const maxKept = 1 << 10

// New returns a Key with a copy of secret.
func New(secret []byte) *Key {
	secret = append([]byte(nil), secret...)
	return &Key{states: sync.Pool{New: func() any { return &state{mac: hmac.New(sha256.New, secret)} }}}
}

// Sum returns the code of first followed by second.
func (k *Key) Sum(first []byte, second string) [sha256.Size]byte {
	s := k.states.Get().(*state)
	s.in = append(append(s.in[:0], first...), second...)
	s.mac.Reset()
	s.mac.Write(s.in)
	s.mac.Sum(s.out[:0])
	sum := s.out
	if cap(s.in) > maxKept {
		s.in = nil
	}
	k.states.Put(s)
	return sum
}
