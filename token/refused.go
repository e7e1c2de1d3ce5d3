package token

import (
	"crypto/sha256"
	"errors"
)

// signedError is the refusal of a token whose signature is valid.
type signedError struct {
	error
	issuer, subject string
	hash            [sha256.Size]byte
}

// Unwrap returns the reason.
func (e *signedError) Unwrap() error { return e.error }

// RefusedToken returns the issuer (iss), the subject (sub) and the Hash of the token that Verify
// refused with err, if its signature was valid and its claims could be read. So the values are
// those that the issuer signed. In all other cases it returns zero values. It is meant for logs,
// and may be called concurrently.
func RefusedToken(err error) (issuer, subject string, hash [sha256.Size]byte) {
	var signed *signedError
	if errors.As(err, &signed) {
		return signed.issuer, signed.subject, signed.hash
	}
	return "", "", hash
}
