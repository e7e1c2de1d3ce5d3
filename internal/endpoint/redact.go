package endpoint

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Redact returns an error of Do if its text cannot repeat what the server has sent, which may be
// a secret. Otherwise it returns an error of the same kind without that text. Errors that match
// one of known are returned as they are.
func Redact(host string, err error, known ...error) error {
	var network *net.OpError
	var lookup *net.DNSError
	var certificate *tls.CertificateVerificationError
	kind := FailureOf(err)
	switch {
	case kind == Status, kind == Timeout, kind == Invalid,
		errors.As(err, &network), errors.As(err, &lookup), errors.As(err, &certificate),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.Canceled):
		return err
	}
	for _, e := range known {
		if errors.Is(err, e) {
			return err
		}
	}
	return hiddenError{host + ": no connection, or not a response of HTTP", err}
}

// hiddenError is an error with another text.
type hiddenError struct {
	text  string
	cause error
}

func (e hiddenError) Error() string { return e.text }
func (e hiddenError) Unwrap() error { return e.cause }

// RetryAfter returns how long a response asks not to be asked again, or 0 (RFC 9110, section
// 10.2.3).
func RetryAfter(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
