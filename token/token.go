package token

import (
	"crypto/sha256"
	"fmt"
	"math"
	"time"
	"unique"
)

// Token is a token that was good when it was verified. Tokens are shared, so do not write to
// the fields. A Token keeps the claims but not the compact form, and prints neither.
// Methods may be called concurrently. A Verifier and New make tokens; a literal Token is
// never good.
//
// The strings share the memory of the claims. To keep a string for longer than the Token,
// use strings.Clone.
type Token struct {
	Issuer  string // iss; a field is empty if the token does not have the claim
	Subject string // sub
	ID      string // jti

	// SessionID is sid: the session at the issuer that a logout ends (OpenID Connect
	// Back-Channel Logout 1.0, section 2.1). It is empty if there is none, or if it is not
	// a string.
	SessionID string

	// Hash is the SHA-256 of the signed parts (header, dot, payload). It identifies the
	// token in logs and lists. The signature is not part of it, because anyone can turn an
	// ECDSA signature into a second valid one.
	Hash [sha256.Size]byte

	header unique.Handle[Header] // shared, because an issuer's tokens have few different ones
	until  int64                 // microseconds since 1970, or endless; zero for a literal, which was not verified
	claims string                // JSON
}

const endless = math.MaxInt64

// endAt returns a time as Token.until. The zero time means never.
func endAt(t time.Time) int64 {
	switch {
	case t.IsZero():
		return endless
	case t.Unix() >= math.MaxInt64/1_000_000-1: // too far away for an integer
		return endless - 1
	case t.Unix() <= 0: // or too far in the past
		return 1
	}
	return t.UnixMicro()
}

// New returns the Token for a credential that the caller has verified without a Verifier,
// such as an opaque token that was introspected (RFC 7662), or a session ID. New does not
// verify it. claims are the claims that the issuer or the program asserts. They are a JSON
// object that is parsed as strictly as the claims of a signed token. exp, nbf and iat in
// it are not compared with a clock. Hash is the SHA-256 of the credential, which is not
// kept. The caller may set the other fields before it shares the token.
//
// The token ends at validUntil or at the exp of the claims, whichever is earlier. A zero
// validUntil means exp. New fails with ErrClaimMissing if neither is there, with
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
		return nil, fmt.Errorf("%w: exp; set it or validUntil", ErrClaimMissing)
	}
	t := c.token(raw, until)
	t.Hash = sha256.Sum256([]byte(credential))
	return t, nil
}

// ValidUntil returns when the token stops being good. That is the earlier of exp and iat
// plus MaxAge, plus the leeway, or the end of its key if that is earlier. It is zero for a
// token that never ends, which only an Insecure option accepts. For a literal Token it is
// in 1970, because such a token was never good.
func (t *Token) ValidUntil() time.Time {
	if t.until == endless {
		return time.Time{}
	}
	return time.UnixMicro(t.until).UTC()
}

// Header returns the header of the signed token. It is zero if there is none, as for a token
// of New.
func (t *Token) Header() Header {
	if t.header == (unique.Handle[Header]{}) {
		return Header{}
	}
	return t.header.Value()
}

// Audience returns aud, or nil if there is none. It and the methods for times read the claims
// at each call.
func (t *Token) Audience() []string {
	text := t.member("aud")
	if text == "" {
		return nil
	}
	audience, _ := stringsClaim("aud", text) // a token with another aud is not accepted
	return audience
}

// IssuedAt returns iat. It is zero if there is none, or if it is not a NumericDate and MaxAge
// is not set.
func (t *Token) IssuedAt() time.Time { return t.time("iat") }

// NotBefore returns nbf, or zero if there is none.
func (t *Token) NotBefore() time.Time { return t.time("nbf") }

// ExpiresAt returns exp, or zero if there is none. See also ValidUntil.
func (t *Token) ExpiresAt() time.Time { return t.time("exp") }

// time returns the claim of that name if it is a NumericDate.
func (t *Token) time(name string) time.Time {
	text := t.member(name)
	if text == "" {
		return time.Time{}
	}
	at, _ := timeClaim(name, text)
	return at
}

// member returns the JSON of the claim of that name. It is empty if there is none, or null.
func (t *Token) member(name string) string {
	value, err := findMember([]byte(t.claims), name)
	if err != nil || string(value) == "null" { // a literal has no claims
		return ""
	}
	return string(value)
}

// Claims decodes the claims into the value that into points to: a struct, a map, or any
// other value that encoding/json can decode an object into. The rules of encoding/json
// apply, except that names must match exactly: a field without a json tag matches only a
// claim with the name of the field. A claim of the wrong type is an error that matches
// ErrClaim.
func (t *Token) Claims(into any) error { return decodeAll([]byte(t.claims), into) }

// Claim decodes the claim of that exact name into the value that into points to. If there
// is none, it fails with ErrClaimMissing.
func (t *Token) Claim(name string, into any) error {
	return decodeMember([]byte(t.claims), name, into)
}

// RawClaims returns a copy of the JSON of the claims as it was signed.
func (t *Token) RawClaims() []byte { return []byte(t.claims) }
