package token

import (
	"crypto/sha256"
	"time"
)

// Token is a token that was good when it was verified. It is immutable by
// agreement: it is shared, so nobody writes to its fields. It keeps the claims but
// not the compact form, and prints neither. Methods may be called concurrently.
//
// The strings are parts of the claims, so one that is kept for long after the
// Token keeps them all; strings.Clone avoids that.
type Token struct {
	Issuer   string   // iss; empty if there is none, as with the others
	Subject  string   // sub
	Audience []string // aud
	ID       string   // jti

	IssuedAt  time.Time // iat; zero if there is none, as with the others, or if it is not a NumericDate and no MaxAge needs it
	NotBefore time.Time // nbf
	ExpiresAt time.Time // exp

	Algorithm Algorithm // of the signature
	KeyID     string    // kid of the header; empty if there is none
	Type      string    // typ of the header; empty if there is none

	// Hash is the SHA-256 of the signed parts (header, dot, payload; not the
	// signature). It names the token in logs and lists: all spellings of a
	// signature give the same, while anyone can turn an ECDSA signature into a
	// second valid one.
	Hash [sha256.Size]byte

	validUntil time.Time
	claims     string // JSON
}

// ValidUntil returns when the token stops being good: exp, or where it comes
// first iat plus MaxAge, plus the leeway; or the end of its key, if that comes first.
// It is zero for a token that never does, which only an Insecure option allows.
func (t *Token) ValidUntil() time.Time { return t.validUntil }

// Claims decodes the claims into what into points to: a struct, a map, anything
// that encoding/json could decode into, and by its rules, except that names match
// exactly: a field without a json tag wants a claim spelled as the field is. A
// claim of the wrong type is an error that matches ErrClaim.
func (t *Token) Claims(into any) error { return decodeAll([]byte(t.claims), into) }

// Claim decodes the claim of that exact name into what into points to. Without
// such a claim it fails with ErrClaimMissing.
func (t *Token) Claim(name string, into any) error {
	return decodeMember([]byte(t.claims), name, into)
}

// RawClaims returns a copy of the JSON of the claims as it was signed.
func (t *Token) RawClaims() []byte { return []byte(t.claims) }
