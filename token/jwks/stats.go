package jwks

import (
	"errors"
	"time"

	"socketiojwt/internal/endpoint"
)

// Stats are the figures of a Set at one time. Counters start at zero with the Set and never
// decrease.
type Stats struct {
	// Keys is the number of keys in use. It is zero until keys are fetched for the first
	// time, and when they are too old to be used.
	Keys int
	// Fetched is when the issuer last confirmed the keys. Expire is when they will be too
	// old to be used, unless they are fetched again before. Both are times of Options.Now,
	// and zero if there are no keys.
	Fetched, Expire time.Time

	// Fetches counts the fetches that have ended, and Failures those of them that failed.
	Fetches, Failures uint64
	// Failing is the number of fetches that have failed in a row; zero if the last one did
	// not. Failure says why the last one failed, and is empty if it did not.
	Failing int
	Failure FailureKind
	// Missing counts the tokens that were refused because the Set does not have their key,
	// after a fetch for them or shortly after an earlier one.
	Missing uint64
}

// FailureKind says why a fetch failed.
type FailureKind string

// The kinds of failures.
const (
	FailureTimeout     FailureKind = FailureKind(endpoint.Timeout)     // Options.Timeout, or a timeout of the network
	FailureUnreachable FailureKind = FailureKind(endpoint.Unreachable) // no connection, a connection that was lost, TLS, or a redirect that is not allowed
	FailureStatus      FailureKind = FailureKind(endpoint.Status)      // a status other than 200
	FailureNoKeys      FailureKind = "no keys"                         // a set without a usable key
	FailureInvalid     FailureKind = FailureKind(endpoint.Invalid)     // a response that is not a set or the issuer's metadata, or is too large
)

// kindOf returns the kind of an error of a fetch, and the empty kind for nil.
func kindOf(err error) FailureKind {
	if errors.Is(err, errNothing) {
		return FailureNoKeys
	}
	return FailureKind(endpoint.FailureOf(err))
}

// Stats returns the figures of the Set. It does not block, and is cheap enough for every
// scrape.
func (s *Set) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(s.now())
	stats := Stats{
		Fetches: s.ended, Failures: s.failed, Failing: s.failures, Failure: kindOf(s.failure), Missing: s.missed,
	}
	if s.keys != nil {
		stats.Keys, stats.Fetched, stats.Expire = len(s.keys.all), s.confirmed, s.goodTo
	}
	return stats
}

// Name returns the issuer of Discover, or the host of the URL of New, whose query may be a
// secret.
func (s *Set) Name() string { return s.name }
