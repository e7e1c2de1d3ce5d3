package jwks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"socketiojwt/internal/endpoint"
	"socketiojwt/token"
)

// A Set holds the current keys of an issuer. It implements token.Keys. Make one with
// New or Discover; the caller must call Close.
type Set struct {
	opts   Options
	name   string          // the issuer, or the host of the URL
	own    *http.Transport // nil if Options.Client is set
	source source          // used only by the running fetch

	mu       sync.Mutex // guards the fields below
	keys     *published // nil before the first fetch and after expiry
	goodTo   time.Time  // when keys expire that could not be fetched again
	failure  error      // error of the last fetch; nil if it succeeded
	failures int        // consecutive
	missing  map[string]time.Time
	current  *flight   // the fetch under way; nil if there is none
	began    time.Time // start of the last fetch
	next     *flight   // the fetch that has not started
	due      time.Time // when next starts; zero means when a key is needed
	timer    *time.Timer
	closed   bool

	// For Stats.
	confirmed     time.Time // when keys were fetched last
	ended, failed uint64    // fetches
	missed        uint64    // tokens whose key is not in the set

	stop    context.CancelFunc // cancels the fetch under way
	life    context.Context
	fetches sync.WaitGroup
}

// A flight is one fetch. done is closed when it has ended.
type flight struct{ done chan struct{} }

func newFlight() *flight { return &flight{make(chan struct{})} }

// New returns a Set for the URL of a JWK Set. It fetches nothing yet. It fails if the URL
// is not https, unless its host is this machine or Options.InsecurePlainHTTP is set,
// and if opts contradict each other.
func New(url string, opts Options) (*Set, error) {
	u, err := parseURL(url, &opts)
	if err != nil {
		return nil, err
	}
	return newSet(source{url: u}, opts)
}

// Discover returns a Set for an issuer, whose metadata names the URL of the keys. The
// issuer must be spelled as in the iss claim. Discover fails like New.
func Discover(issuer string, opts Options) (*Set, error) {
	if _, err := parseURL(issuer, &opts); err != nil {
		return nil, err
	}
	if strings.ContainsAny(issuer, "?#") {
		return nil, errors.New("jwks: an issuer must not have a query or a fragment (RFC 8414, section 2)")
	}
	return newSet(source{issuer: issuer}, opts)
}

func newSet(src source, opts Options) (*Set, error) {
	given := opts.Client != nil
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	var own *http.Transport
	if !given {
		own = endpoint.NewTransport(opts.Timeout, idleTimeout)
		opts.Client.Transport = own
	}
	opts.Logger = opts.Logger.With("from", src.String())
	s := &Set{opts: opts, name: src.String(), own: own, source: src, missing: make(map[string]time.Time), next: newFlight()}
	s.life, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// PublicKeys returns true: all keys of a Set are public keys, so token.NewVerifier
// requires issuers and audiences.
func (s *Set) PublicKeys() bool { return true }

// Available reports whether tokens can be verified. It is false while the Set has no keys
// and the last fetch failed. A call that returns false also makes the Set fetch
// again, 3 s after the last fetch began. Available does not block.
func (s *Set) Available() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(s.now())
	switch {
	case s.keys != nil:
		return true
	case s.closed:
		return false
	case s.failure == nil:
		return true
	case s.current == nil:
		due := s.began.Add(min(s.backoff(), mostBackoffAway))
		if !s.due.IsZero() && s.due.Before(due) {
			due = s.due
		}
		s.schedule(due)
	}
	return false
}

// unavailable returns the error for tokens while keys cannot be fetched. s.mu is held.
func (s *Set) unavailable() error {
	switch {
	case s.closed:
		return fmt.Errorf("%w: the set is closed", token.ErrKeysUnavailable)
	case s.failure == nil:
		return token.ErrKeysUnavailable
	}
	return fmt.Errorf("%w: %w", token.ErrKeysUnavailable, s.failure)
}

// now returns the wall clock time, because the monotonic clock stands still while the
// machine is suspended. If the clock was set back, the present keys count as fetched
// now; otherwise fetches would wait until the clock reaches the old time. s.mu is held.
func (s *Set) now() time.Time {
	now := s.opts.Now().Round(0)
	if back := s.began.Sub(now); back > 0 {
		s.began, s.goodTo = now, s.goodTo.Add(-back)
		s.confirmed = s.confirmed.Add(-back)
		if !s.due.IsZero() {
			s.due = s.due.Add(-back)
		}
		clear(s.missing)
	}
	return now
}

// expire drops keys that are too old. s.mu is held.
func (s *Set) expire(now time.Time) {
	if s.keys != nil && !now.Before(s.goodTo) {
		s.keys = nil
	}
}

// Refresh fetches the keys now, or after the fetch under way, and returns the error of
// that fetch. A program can call it at start to check that the issuer can be reached.
func (s *Set) Refresh(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		defer s.mu.Unlock()
		return s.unavailable()
	}
	awaited := s.next
	s.schedule(s.now())
	s.mu.Unlock()
	select {
	case <-awaited.done:
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", token.ErrKeysUnavailable, context.Cause(ctx))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure != nil || s.closed {
		return s.unavailable()
	}
	return nil
}

// disconnect closes idle connections, unless they belong to Options.Client.
func (s *Set) disconnect() {
	if s.own != nil {
		s.own.CloseIdleConnections()
	}
}

// Close cancels the fetch under way and waits for it. Fetched keys stay in use until they
// expire. Close may be called more than once.
func (s *Set) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		if s.timer != nil {
			s.timer.Stop()
		}
		if s.current == nil {
			close(s.next.done) // no fetch will close it
		}
	}
	s.mu.Unlock()
	s.stop()
	s.fetches.Wait()
	s.disconnect()
	return nil
}
