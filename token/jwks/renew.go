package jwks

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// This file decides when a Set fetches its keys again, and does so.

const (
	leastBackoff = time.Second
	mostBackoff  = time.Minute
	// mostBackoffAway is mostBackoff once Available was asked, because peers wait.
	mostBackoffAway = 3 * time.Second
)

// backoff returns how long after the beginning of a fetch that failed the next may
// begin. s.mu is held.
func (s *Set) backoff() time.Duration {
	return min(leastBackoff<<min(s.failures-1, 10), mostBackoff)
}

// schedule sets when the next fetch begins. s.mu is held.
func (s *Set) schedule(due time.Time) {
	s.due = due
	if s.closed || s.current != nil { // the end of the one under way comes back to it
		return
	}
	wait := min(due.Sub(s.now()), longestSleep)
	if s.timer == nil {
		s.timer = time.AfterFunc(wait, s.wake)
		return
	}
	s.timer.Reset(wait)
}

// longestSleep bounds how long the timer sleeps: it may stand still while the machine
// is suspended, and the clock decides.
const longestSleep = time.Minute

// wake is called by the timer. It begins the next fetch if that is due.
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
	got, err := s.source.fetch(ctx, &s.opts)
	cancel()
	switch {
	case s.life.Err() != nil: // which Close has ended; it is not the issuer's fault
	case err != nil:
		s.disconnect() // what it failed with may fail again
		s.logFailure(err)
	case got.news:
		s.opts.Logger.Info("jwks: keys fetched", "ids", got.keys)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.current.done) // the calls that wait for it must take the lock first
	s.current = nil
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

// logFailure logs a failure of a fetch: the first, the second, the fourth and so on of
// those in a row, since an outage may be long.
func (s *Set) logFailure(err error) {
	s.mu.Lock()
	n := s.failures + 1
	s.mu.Unlock()
	if n&(n-1) == 0 {
		s.opts.Logger.Warn("jwks: keys could not be fetched", "cause", err, "failures", n)
	}
}

// fetchFailed plans the next fetch after one that failed: now if Refresh asks for it, and
// without keys when a token does. An issuer that publishes no key has withdrawn those it
// had. s.mu is held.
func (s *Set) fetchFailed(now time.Time) {
	s.failures++
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

// fetched takes what a fetch brought, and plans the next: before the keys get old, or now
// if Refresh asks for it. s.mu is held.
func (s *Set) fetched(got fetched, now time.Time) {
	s.failures = 0
	s.keys = got.keys
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
