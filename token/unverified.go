package token

import (
	"bytes"

	"socketiojwt/internal/hidden"
)

// Header has the parameters of a token's protected header that verification uses.
type Header struct {
	Algorithm Algorithm // alg; may be one that is not supported
	KeyID     string    // kid; empty if there is none
	Type      string    // typ; empty if there is none
}

// Unverified is a token that was not verified: anyone may have written its content. A
// KeyFunc chooses a key by it. It prints neither claims nor signature, is immutable, and
// may be used concurrently and kept. The zero Unverified has no claims.
type Unverified struct {
	Header Header
	// parsed holds the parts of the token, or nil in the zero Unverified.
	parsed hidden.Value[*parsed]
}

// ParseUnverified parses a token without verifying it, to show its content. It fails with
// ErrMalformed, ErrHeader or, if the token is longer than maxSize bytes, ErrTooLarge. Zero
// maxSize means 16 KiB. Use a Verifier to admit a peer. It may be called concurrently.
func ParseUnverified(compact string, maxSize int) (Unverified, error) {
	if maxSize == 0 {
		maxSize = defaultMaxSize
	}
	return parse(compact, maxSize)
}

// Claims decodes the claims into the value that into points to, by the rules of
// Token.Claims.
func (u Unverified) Claims(into any) error { return decodeAll(u.payload(), into) }

// Claim decodes one claim into the value that into points to, by the rules of Token.Claim.
func (u Unverified) Claim(name string, into any) error { return decodeMember(u.payload(), name, into) }

// RawClaims returns a copy of the payload, which may not be valid JSON.
func (u Unverified) RawClaims() []byte { return bytes.Clone(u.payload()) }

// RawHeader returns a copy of the JSON of the header. Do not use a key, or the address of a
// key, from it (RFC 8725, section 3.10).
func (u Unverified) RawHeader() []byte {
	if u.parsed.Get() == nil {
		return nil
	}
	return bytes.Clone(u.parsed.Get().header)
}

func (u Unverified) payload() []byte {
	if u.parsed.Get() == nil {
		return nil
	}
	return u.parsed.Get().payload
}
