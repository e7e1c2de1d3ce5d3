package endpoint

import (
	"context"
	"errors"
	"net"
)

// Failure says why a request failed.
type Failure string

// The failures.
const (
	Timeout     Failure = "timeout"     // the deadline of the request, or a timeout of the network
	Unreachable Failure = "unreachable" // no connection, a connection that was lost, TLS, or a redirect that is not allowed
	Status      Failure = "status"      // a status other than 200
	Invalid     Failure = "invalid"     // a response of another form, or one that is too large
)

// errUnreachable and errStatus mark errors for FailureOf. Their texts are not shown.
var (
	errUnreachable = errors.New("endpoint: unreachable")
	errStatus      = errors.New("endpoint: status")
)

// failedAs marks an error as one of a kind, without changing its text.
type failedAs struct {
	error
	kind error
}

func (e failedAs) Unwrap() []error { return []error{e.error, e.kind} }

// FailureOf returns why a request failed with err, and "" for nil.
func FailureOf(err error) Failure {
	var network net.Error
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return Timeout
	case errors.Is(err, errUnreachable):
		return Unreachable
	case errors.Is(err, errStatus):
		return Status
	}
	return Invalid
}
