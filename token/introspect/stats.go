package introspect

import "socketiojwt/internal/endpoint"

// Stats are the figures of a Verifier at one time. Counters start at zero with the Verifier
// and never decrease.
type Stats struct {
	// Accepted and Refused are the numbers of tokens that are remembered as such. Some of
	// them may be too old to be used.
	Accepted, Refused int
	// Asking is the number of requests under way, and Waiting the number of tokens that wait
	// for one.
	Asking, Waiting int

	// AcceptedHits and RefusedHits count the calls of Verify that were answered without the
	// endpoint.
	AcceptedHits, RefusedHits uint64
	// Requests counts the requests that have ended, and Failures those of them that failed.
	Requests, Failures uint64
	// Failing is the number of requests that have failed in a row; zero if the last one did
	// not. Failure says why the last one failed, and is empty if it did not.
	Failing int
	Failure FailureKind
}

// FailureKind says why a request failed.
type FailureKind string

// The kinds of failures.
const (
	FailureTimeout     = FailureKind(endpoint.Timeout)     // Options.Timeout, or a timeout of the network
	FailureUnreachable = FailureKind(endpoint.Unreachable) // no connection, a connection that was lost, TLS, or a redirect
	FailureStatus      = FailureKind(endpoint.Status)      // a status other than 200, such as 401 for wrong credentials of the client
	FailureInvalid     = FailureKind(endpoint.Invalid)     // a response of another form, or one that is too large
)

// counts is what a Verifier counts.
type counts struct {
	asking             int
	accepted, refused  uint64 // hits
	requests, failures uint64
}

// Stats returns the figures of the Verifier. It does not block, and is cheap enough for
// every scrape. It may be called concurrently.
func (v *Verifier) Stats() Stats {
	v.mu.Lock()
	defer v.mu.Unlock()
	return Stats{
		Accepted: len(v.accepted.verdicts), Refused: len(v.refused.verdicts),
		Asking: v.counts.asking, Waiting: max(len(v.questions)-v.counts.asking, 0),
		AcceptedHits: v.counts.accepted, RefusedHits: v.counts.refused,
		Requests: v.counts.requests, Failures: v.counts.failures,
		Failing: v.circuit.Failures(), Failure: FailureKind(endpoint.FailureOf(v.failure)),
	}
}
