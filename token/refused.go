package token

import "errors"

// signedError is the refusal of a token whose signature is valid.
type signedError struct {
	error
	subject string
}

// Unwrap returns the reason.
func (e *signedError) Unwrap() error { return e.error }

// RefusedSubject returns the subject (sub) of the token that Verify refused with err, if
// its signature was valid and its claims could be read. So the subject is one that the
// issuer named. In all other cases it returns "". It is meant for logs, and may be called
// concurrently.
func RefusedSubject(err error) string {
	var signed *signedError
	if errors.As(err, &signed) {
		return signed.subject
	}
	return ""
}
