package jwks

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"socketiojwt/observe"
)

// This file decides when a Set fetches its keys, and runs the fetch.

const (
	leastBackoff = time.Second
	mostBackoff  = time.Minute
	// mostBackoffAway replaces mostBackoff after Available returned false, because clients are waiting.
	mostBackoffAway = 3 * time.Second
)

// backoff returns the minimum time from the start of a failed fetch to the start of the
// next. s.mu is held.
func (s *Set) backoff() time.Duration {
	return min(leastBackoff<<min(s.failures-1, 10), mostBackoff)
}

// schedule sets when the next fetch starts. s.mu is held.
func (s *Set) schedule(due time.Time) {
	s.due = due
	if s.closed || s.current != nil { // fetch schedules the next one when it ends
		return
	}
	wait := min(due.Sub(s.now()), longestSleep)
	if s.timer == nil {
		s.timer = time.AfterFunc(wait, s.wake)
		return
	}
	s.timer.Reset(wait)
}

// longestSleep bounds how long the timer sleeps. Timers may stand still while the machine
// is suspended, so wake checks the clock at least this often.
const longestSleep = time.Minute

// wake is called by the timer. It starts the next fetch if it is due.
func (s *Set) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.current != nil || s.due.IsZero() {
		return
	}
	now := s.now()
	if left := s.due.Sub(now); left > 0 {
		s.timer.Reset(min(left, longestSleep))
		return
	}
	s.current, s.next, s.due, s.began = s.next, newFlight(), time.Time{}, now
	s.fetches.Go(s.fetch)
}

// fetch runs one fetch.
func (s *Set) fetch() {
	ctx, cancel := context.WithTimeout(s.life, s.opts.Timeout)
	ctx, running := observe.Begin(ctx, s.opts.Observer, observe.Operation{Kind: observe.FetchKeys, Issuer: s.name})
	got, err := s.source.fetch(ctx, &s.opts)
	cancel()
	running.End(observe.Outcome{Result: cmp.Or(string(kindOf(err)), observe.OK)})
	switch {
	case s.life.Err() != nil: // Close canceled it; this is not the issuer's fault
	case err != nil:
		s.disconnect() // a new connection may work where the old one failed
		s.logFailure(err)
	case got.news:
		s.opts.Logger.Info("jwks: keys fetched", "ids", got.keys)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.current.done) // the calls that wait for it must take the lock first
	s.current = nil
	s.ended++
	now := s.now()
	if s.failure = err; err != nil {
		s.fetchFailed(now)
	} else {
		s.fetched(got, now)
	}
	if s.closed { // there is no next fetch to wait for
		close(s.next.done)
		s.next = newFlight()
	}
}

// logFailure logs the first, second, fourth, eighth ... of consecutive failures, because
// an outage may be long.
func (s *Set) logFailure(err error) {
	s.mu.Lock()
	n := s.failures + 1
	s.mu.Unlock()
	if n&(n-1) == 0 {
		s.opts.Logger.Warn("jwks: keys could not be fetched", "cause", err, "failures", n)
	}
}

// fetchFailed schedules the next fetch after a failed one: now if Refresh asked for it,
// after a backoff if there are keys, else when a token needs a key. An issuer that
// publishes no key has withdrawn its previous keys. s.mu is held.
func (s *Set) fetchFailed(now time.Time) {
	s.failures++
	s.failed++
	s.expire(now)
	if errors.Is(s.failure, errNothing) {
		s.keys = nil
	}
	switch {
	case !s.due.IsZero():
		s.schedule(s.due)
	case s.keys != nil:
		s.schedule(s.began.Add(s.backoff()))
	}
}

// fetched stores the result of a fetch and schedules the next one: before the keys get
// old, or now if Refresh asked for it. s.mu is held.
func (s *Set) fetched(got fetched, now time.Time) {
	s.failures = 0
	s.keys, s.confirmed = got.keys, now
	refresh := s.opts.Refresh
	if got.refresh > 0 {
		refresh = min(max(got.refresh, s.opts.RefreshLeast), s.opts.RefreshMost)
	}
	s.goodTo = now.Add(refresh).Add(s.opts.Stale)
	early := time.Duration(rand.Int64N(int64(refresh/10) + 1))
	again := now.Add(refresh - early)
	if !s.due.IsZero() && s.due.Before(again) {
		again = s.due
	}
	s.schedule(again)
}
