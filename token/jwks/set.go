package jwks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"socketiojwt/token"
)

// Set is the keys that an issuer publishes now. It implements token.Keys. Make one with
// New or Discover; the caller must call Close.
type Set struct {
	opts   Options
	own    *http.Transport // nil with a Client of the program's
	source source          // of the fetch that runs

	mu       sync.Mutex // guards what follows
	keys     *published // nil until there are some
	goodTo   time.Time  // when keys that could not be fetched again are given up
	failure  error      // why the last fetch failed; nil when it did not
	failures int        // in a row
	missing  map[string]time.Time
	current  *flight   // the fetch under way; nil when there is none
	began    time.Time // when the last one began
	next     *flight   // the fetch that has not begun
	due      time.Time // when it does; zero: when a key is needed
	timer    *time.Timer
	closed   bool

	stop    context.CancelFunc // ends the fetch under way
	life    context.Context
	fetches sync.WaitGroup
}

// flight is one fetch, for those who wait for it.
type flight struct{ done chan struct{} }

func newFlight() *flight { return &flight{make(chan struct{})} }

// New returns the keys at a URL of a JWK Set. It fetches nothing yet. It fails for a URL
// that is not https, unless its host is this machine or Options.InsecurePlainHTTP is set,
// and if opts contradict each other.
func New(url string, opts Options) (*Set, error) {
	u, err := parseURL(url, &opts)
	if err != nil {
		return nil, err
	}
	return newSet(source{url: u}, opts)
}

// Discover returns the keys of an issuer, at the URL that its metadata names. The
// issuer is written as it is in iss. It fails as New does.
func Discover(issuer string, opts Options) (*Set, error) {
	if _, err := parseURL(issuer, &opts); err != nil {
		return nil, err
	}
	if strings.ContainsAny(issuer, "?#") {
		return nil, errors.New("jwks: an issuer has neither a query nor a fragment (RFC 8414, section 2)")
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
		own = newTransport(opts.Timeout)
		opts.Client.Transport = own
	}
	opts.Logger = opts.Logger.With("from", src.String())
	s := &Set{opts: opts, own: own, source: src, missing: make(map[string]time.Time), next: newFlight()}
	s.life, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// PublicKeys reports true: the Set returns only public keys, so that
// token.NewVerifier can ask for issuers and audiences at the start.
func (s *Set) PublicKeys() bool { return true }

// Available reports whether tokens can be verified: it is false from a fetch that failed
// until one brings keys, unless there are some of before. Asking while it is false makes
// the Set fetch the keys again, 3 s after the last fetch began. It does not block.
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

// unavailable is the error while keys cannot be fetched. s.mu is held.
func (s *Set) unavailable() error {
	switch {
	case s.closed:
		return fmt.Errorf("%w: the set is closed", token.ErrKeysUnavailable)
	case s.failure == nil:
		return token.ErrKeysUnavailable
	}
	return fmt.Errorf("%w: %w", token.ErrKeysUnavailable, s.failure)
}

// now tells the time by the wall clock: the other one stands still while the machine is
// suspended. When the clock was set back, what is there counts as fetched now, or all
// would wait until it is as late again. s.mu is held.
func (s *Set) now() time.Time {
	now := s.opts.Now().Round(0)
	if back := s.began.Sub(now); back > 0 {
		s.began, s.goodTo = now, s.goodTo.Add(-back)
		if !s.due.IsZero() {
			s.due = s.due.Add(-back)
		}
		clear(s.missing)
	}
	return now
}

// expire gives up keys that are too old. s.mu is held.
func (s *Set) expire(now time.Time) {
	if s.keys != nil && !now.Before(s.goodTo) {
		s.keys = nil
	}
}

// Refresh fetches the keys now, or after the fetch under way, and returns its error: a
// program can see at its start whether the issuer can be reached.
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

// disconnect ends the connections of our own that are kept or are being made.
func (s *Set) disconnect() {
	if s.own != nil {
		s.own.CloseIdleConnections()
	}
}

// Close ends the fetch under way and waits for it. Keys that were fetched are used on
// for as long as they are good. It may be called more than once.
func (s *Set) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		if s.timer != nil {
			s.timer.Stop()
		}
		if s.current == nil {
			close(s.next.done) // for those who wait for what will not come
		}
	}
	s.mu.Unlock()
	s.stop()
	s.fetches.Wait()
	s.disconnect()
	return nil
}
