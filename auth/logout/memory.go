package logout

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
)

// A digest stands for the iss and jti of a logout token.
type digest [sha256.Size]byte

// keyOf returns the digest of a logout token. The length of the issuer keeps pairs apart.
func keyOf(issuer, id string) digest {
	text := binary.BigEndian.AppendUint64(nil, uint64(len(issuer)))
	text = append(append(text, issuer...), id...)
	return sha256.Sum256(text)
}

// memory remembers which logout tokens were used. It does not look at a clock: the verifier
// refuses tokens that have expired, and only tokens of the issuer come this far.
type memory struct {
	half int // the size of one generation

	mu         sync.Mutex
	young, old map[digest]struct{}
}

func newMemory(size int) *memory {
	return &memory{half: size - size/2, young: make(map[digest]struct{})}
}

// add adds a logout token. It reports false if the token is remembered already.
func (m *memory) add(key digest) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.young[key]; known {
		return false
	}
	if _, known := m.old[key]; known {
		return false
	}
	if len(m.young) >= m.half {
		m.old, m.young = m.young, make(map[digest]struct{})
	}
	m.young[key] = struct{}{}
	return true
}

// remove forgets a logout token, so that it can be used again.
func (m *memory) remove(key digest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.young, key)
	delete(m.old, key)
}
