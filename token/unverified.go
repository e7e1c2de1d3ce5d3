package token

import "bytes"

// Header is what the protected header of a token says of it.
type Header struct {
	Algorithm Algorithm // alg; may be one that is not supported
	KeyID     string    // kid; empty if there is none
	Type      string    // typ; empty if there is none
}

// Unverified is a token that was not verified: anyone may have written what
// it says. A KeyFunc chooses a key by it. It prints neither claims nor signature,
// is immutable, and may be used concurrently and kept. The zero Unverified has no
// claims.
type Unverified struct {
	Header Header
	// parsed returns what the token was taken apart into; it is nil in the zero
	// Unverified, and a func so that fmt does not look into it.
	parsed func() *parsed
}

// ParseUnverified takes a token apart without verifying anything, to show what it
// says. It fails with ErrMalformed, ErrHeader or ErrTooLarge (over maxSize bytes;
// zero means 16 KiB). Use a Verifier to admit a peer.
func ParseUnverified(compact string, maxSize int) (Unverified, error) {
	if maxSize == 0 {
		maxSize = defaultMaxSize
	}
	return parse(compact, maxSize)
}

// Claims decodes the claims into what into points to, by the rules of Token.Claims.
func (u Unverified) Claims(into any) error { return decodeAll(u.payload(), into) }

// Claim decodes one claim into what into points to, by the rules of Token.Claim.
func (u Unverified) Claim(name string, into any) error { return decodeMember(u.payload(), name, into) }

// RawClaims returns a copy of what should be the JSON of the claims.
func (u Unverified) RawClaims() []byte { return bytes.Clone(u.payload()) }

// RawHeader returns a copy of the JSON of the header. Do not take a key, or the
// address of one, from it (RFC 8725, section 3.10).
func (u Unverified) RawHeader() []byte {
	if u.parsed == nil {
		return nil
	}
	return bytes.Clone(u.parsed().header)
}

func (u Unverified) payload() []byte {
	if u.parsed == nil {
		return nil
	}
	return u.parsed().payload
}
