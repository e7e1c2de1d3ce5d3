package token

import (
	"crypto/sha256"
	"fmt"
	"time"
)

// Token is a token that was good when it was verified. It is immutable by
// agreement: it is shared, so nobody writes to its fields. It keeps the claims but
// not the compact form, and prints neither. Methods may be called concurrently. A
// Verifier and New make tokens; a literal Token is not good at any time.
//
// The strings are parts of the claims, so one that is kept for long after the
// Token keeps them all; strings.Clone avoids that.
type Token struct {
	Issuer   string   // iss; empty if there is none, as with the others
	Subject  string   // sub
	Audience []string // aud
	ID       string   // jti

	// SessionID is sid: the session at the issuer that a logout ends (OpenID Connect
	// Back-Channel Logout 1.0, section 2.1). It is empty if there is none, or if it is not
	// a string.
	SessionID string

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

	validUntil time.Time // zero unless endless is set: the token is a literal, and was not verified
	endless    bool
	claims     string // JSON
}

// New returns the Token for a credential that other code than a Verifier has verified:
// an opaque token that was introspected (RFC 7662), or the ID of a session. It verifies
// nothing. The claims are those that the issuer or the program vouches for, a JSON object
// that is parsed as strictly as the claims of a signed token; exp, nbf and iat in it are
// not compared with a clock. Hash is the SHA-256 of the credential, which is not kept.
// The caller may set the other fields before it shares the token.
//
// The token ends at validUntil or at the exp of the claims, whichever is earlier. A zero
// validUntil stands for exp. New fails with ErrClaimMissing if neither is there, with
// ErrMalformed if the credential is empty or the claims are not a strict JSON object, and
// with ErrClaim if a registered claim has the wrong type. It may be called concurrently.
func New(credential string, claims []byte, validUntil time.Time) (*Token, error) {
	if credential == "" {
		return nil, fmt.Errorf("%w: the credential is empty", ErrMalformed)
	}
	raw := string(claims)
	c, err := (&Verifier{}).readClaims(claims, raw)
	if err != nil {
		return nil, err
	}
	until := earlier(validUntil, c.expiresAt)
	if until.IsZero() {
		return nil, fmt.Errorf("%w: exp, and no other time at which the token ends", ErrClaimMissing)
	}
	return &Token{
		Issuer: c.issuer, Subject: c.subject, Audience: c.audience, ID: c.id, SessionID: c.session,
		IssuedAt: c.issuedAt, NotBefore: c.notBefore, ExpiresAt: c.expiresAt,
		Hash:       sha256.Sum256([]byte(credential)),
		validUntil: until,
		claims:     raw,
	}, nil
}

// ValidUntil returns when the token stops being good: exp, or where it comes
// first iat plus MaxAge, plus the leeway; or the end of its key, if that comes first.
// It is zero for a token that never does, which only an Insecure option allows. A Token
// that neither a Verifier nor New made was never good: it ended in 1970.
func (t *Token) ValidUntil() time.Time {
	if t.validUntil.IsZero() && !t.endless {
		return time.Unix(0, 0).UTC()
	}
	return t.validUntil
}

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
