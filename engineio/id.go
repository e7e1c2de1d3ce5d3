package engineio

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"sync"

	"socketiojwt/internal/mac"
)

// sessionID is the sid of the protocol: 88 random bits, and 40 bits of their code under
// a secret key. Without the key, all 128 bits are equally hard to guess.
type sessionID [16]byte

const (
	idRandom = 11 // bytes
	idCode   = len(sessionID{}) - idRandom
)

// idKey returns the key of the codes in this process.
var idKey = sync.OnceValue(func() *mac.Key {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails: crypto/rand ends the program instead
	return mac.New(secret)
})

func newSessionID() (id sessionID) {
	rand.Read(id[:idRandom])
	code := id.code()
	copy(id[idRandom:], code[:])
	return id
}

func (id sessionID) code() [idCode]byte {
	sum := idKey().Sum(id[:idRandom], "")
	return [idCode]byte(sum[:])
}

// IssuedID reports whether text is the ID of a session of this process, open or closed.
// It may be called concurrently. The layer above needs it because peers of revision 3
// show the ID as their own, and no other peer may take it. Another text passes for an ID
// with a probability of 2^-40.
func IssuedID(text string) bool {
	id, ok := parseSessionID(text)
	code := id.code()
	return ok && subtle.ConstantTimeCompare(id[idRandom:], code[:]) == 1
}

// String returns the sid in its form for URLs, 22 characters.
func (id sessionID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// parseSessionID parses a sid. It reports false for a text that String does not return.
func parseSessionID(text string) (id sessionID, ok bool) {
	if len(text) != base64.RawURLEncoding.EncodedLen(len(id)) {
		return id, false
	}
	_, err := base64.RawURLEncoding.Strict().Decode(id[:], []byte(text))
	return id, err == nil
}
