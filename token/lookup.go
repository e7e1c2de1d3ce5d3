package token

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"socketiojwt/internal/logging"
)

// IssuerFunc returns the Verifier for the tokens of an issuer. The Verifier's
// Options.Issuers must contain that issuer. For an issuer that the program does not know,
// the function returns ErrIssuer, wrapped or bare. Other errors of this package are
// returned unchanged, and any other error counts as ErrKeysUnavailable, because a database
// that is down must not make good tokens bad.
//
// The issuer comes from a token that was not verified, so any peer can choose it: compare
// it with the issuers that the program knows. Never fetch from it, or use it as a file
// name, before that. An IssuerFunc is called concurrently for different issuers, and must
// return soon after ctx is done. ctx carries no values of the caller that has the token,
// because several callers wait for one call.
type IssuerFunc func(ctx context.Context, issuer string) (*Verifier, error)

// IssuerOptions configure ByIssuerFunc. The zero value is ready to use.
type IssuerOptions struct {
	// KeepFor is how long a Verifier is used before the function is asked for it again.
	// An issuer that was withdrawn without a call of Forget is refused after KeepFor.
	// Zero means 10 minutes.
	KeepFor time.Duration
	// KeepUnknownFor is how long an issuer is refused without another call, after the
	// function has returned ErrIssuer for it. Zero means 10 s.
	KeepUnknownFor time.Duration
	// Timeout bounds one call of the function. After that, the call has failed. Zero means 5 s.
	Timeout time.Duration
	// MaxIssuers bounds the verifiers that are kept. If there are more, the least recently
	// used one is dropped. Zero means 10,000.
	MaxIssuers int
	// MaxLookups bounds the calls of the function for issuers that have no Verifier: the
	// calls in one second, and the calls that run at once. Beyond that bound, tokens of
	// such issuers are refused with ErrKeysUnavailable. Issuers with a Verifier do not
	// count: the function is called at most once in KeepFor for each of them, and once a
	// second while it fails. Zero means 50.
	MaxLookups int
	// MaxSize is the maximum length of a token in bytes. Options.MaxSize of the issuer's
	// Verifier applies too. Zero means 16 KiB.
	MaxSize int

	// OnDrop is called after a Verifier was dropped: because Forget or Close was called,
	// the function has returned another Verifier or ErrIssuer, or there were more than
	// MaxIssuers. Use it to close the keys of a Verifier that the function has made.
	// Verifications that began before may still use the Verifier. OnDrop may be called
	// concurrently. Nil means that no function is called.
	OnDrop func(issuer string, v *Verifier)

	// Now returns the current time. Nil means time.Now.
	Now func() time.Time
	// Logger receives an error for each panic in the function or in OnDrop. Nil means
	// slog.Default; use slog.DiscardHandler to log nothing.
	Logger *slog.Logger
}

const (
	defaultKeepFor        = 10 * time.Minute
	defaultKeepUnknownFor = 10 * time.Second
	defaultLookupTimeout  = 5 * time.Second
	defaultMaxIssuers     = 10_000
	defaultMaxLookups     = 50

	// keepFailureFor is how long an error other than ErrIssuer is kept for an issuer.
	keepFailureFor = time.Second
	// maxUnknown bounds the number of issuers without a Verifier that are remembered, and
	// maxIssuerName the length of each in bytes, because peers choose them.
	maxUnknown    = 1000
	maxIssuerName = 1 << 10
)

func (o IssuerOptions) withDefaults() (IssuerOptions, error) {
	var wrong []error
	check := func(negative bool, name string) {
		if negative {
			wrong = append(wrong, fmt.Errorf("%w: %s must not be negative", ErrOptions, name))
		}
	}
	check(o.KeepFor < 0, "KeepFor")
	check(o.KeepUnknownFor < 0, "KeepUnknownFor")
	check(o.Timeout < 0, "Timeout")
	check(o.MaxIssuers < 0, "MaxIssuers")
	check(o.MaxLookups < 0, "MaxLookups")
	check(o.MaxSize < 0, "MaxSize")
	o.KeepFor = cmp.Or(o.KeepFor, defaultKeepFor)
	o.KeepUnknownFor = cmp.Or(o.KeepUnknownFor, defaultKeepUnknownFor)
	o.Timeout = cmp.Or(o.Timeout, defaultLookupTimeout)
	o.MaxIssuers = cmp.Or(o.MaxIssuers, defaultMaxIssuers)
	o.MaxLookups = cmp.Or(o.MaxLookups, defaultMaxLookups)
	o.MaxSize = cmp.Or(o.MaxSize, defaultMaxSize)
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Logger = logging.OrDefault(o.Logger)
	return o, errors.Join(wrong...)
}

// Issuers verifies tokens of issuers that come and go while the program runs. Make one
// with ByIssuerFunc. It may be used concurrently.
type Issuers struct {
	v    *Verifier
	find IssuerFunc
	opts IssuerOptions // with defaults

	mu      sync.Mutex // guards the fields below, up to closed
	answers answers
	lookups map[string]*lookup // the running ones whose result will be kept
	limit   lookupLimit
	closed  bool

	life    context.Context // of the lookups
	stop    context.CancelFunc
	running sync.WaitGroup
}

// lookup is one call of the IssuerFunc, for all callers that wait for it.
type lookup struct {
	issuer  string
	limited bool          // it counts against MaxLookups
	done    chan struct{} // closed when the result is there

	verifier *Verifier
	err      error
}

// ByIssuerFunc returns a verifier for tokens of issuers that are not all known when the
// program starts. find returns the Verifier for the tokens of an issuer, so that each
// issuer has its own keys, algorithms, audiences and other rules, as with ByIssuer. find is
// called when a token names an issuer for the first time, and its result is kept for
// KeepFor. It runs on its own goroutine. Tokens of the same issuer wait for one call.
//
// A token that names no issuer, or one that find does not know, is refused with ErrIssuer,
// and RevealsKeys is true for it. How long the refusal takes can still reveal to a peer
// whether the issuer was looked up before.
//
// A sub is unique only within its issuer: name users, their rooms and their records by
// Token.Issuer and Token.Subject together.
//
// ByIssuerFunc fails, with ErrOptions, if find is nil or an option is negative.
func ByIssuerFunc(find IssuerFunc, opts IssuerOptions) (*Issuers, error) {
	if find == nil {
		return nil, fmt.Errorf("%w: the IssuerFunc is nil", ErrOptions)
	}
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	i := &Issuers{find: find, opts: opts, answers: newAnswers(opts.MaxIssuers), lookups: make(map[string]*lookup), limit: lookupLimit{most: opts.MaxLookups}}
	i.v = newByIssuer(i)
	i.v.opts.MaxSize = opts.MaxSize
	i.life, i.stop = context.WithCancel(context.Background())
	return i, nil
}

// Verify returns the token if it is good. It follows the rules of Verifier.Verify. It may
// wait for the IssuerFunc, until ctx is done. It may be called concurrently.
func (i *Issuers) Verify(ctx context.Context, compact string) (*Token, error) {
	return i.v.Verify(ctx, compact)
}

// Refresh calls the IssuerFunc for an issuer now and returns its error. Call it for an
// issuer that was added or changed, so that KeepUnknownFor and KeepFor do not delay the
// change. Call it at the start for issuers whose tokens must not wait because of
// MaxLookups, which does not apply to Refresh. The previous Verifier is used until the
// function has returned. If ctx is done earlier, Refresh returns ErrKeysUnavailable and the
// call goes on.
func (i *Issuers) Refresh(ctx context.Context, issuer string) error {
	if !possibleIssuer(issuer) {
		return unknownIssuer(issuer)
	}
	i.mu.Lock()
	if i.closed {
		i.mu.Unlock()
		return errClosed
	}
	l := i.start(issuer, false) // a lookup that already runs may return the state before the change
	i.mu.Unlock()
	_, err := l.wait(ctx)
	return err
}

// Forget drops what is known about an issuer, for one that was withdrawn or changed. The
// next token of the issuer calls the IssuerFunc. Verifications that began before may still
// accept a token. Sockets that were admitted stay until their leases end.
func (i *Issuers) Forget(issuer string) {
	i.mu.Lock()
	delete(i.lookups, issuer) // only callers that already wait get its result
	dropped := i.answers.forget(issuer)
	i.mu.Unlock()
	i.drop(dropped)
}

// Close cancels the calls of the IssuerFunc, waits for them, and drops all verifiers. After
// that, every token is refused with ErrKeysUnavailable. A program that does not set OnDrop
// need not call Close. It may be called more than once, and returns nil.
func (i *Issuers) Close() error {
	i.stop()
	i.mu.Lock()
	i.closed = true
	dropped := i.answers.forgetAll()
	i.mu.Unlock()
	i.running.Wait()
	i.drop(dropped...)
	return nil
}

var errClosed = fmt.Errorf("%w: Issuers is closed", ErrKeysUnavailable)

// possibleIssuer reports whether the IssuerFunc is called for an issuer.
func possibleIssuer(issuer string) bool { return issuer != "" && len(issuer) <= maxIssuerName }

// available implements issuers. It is true because the issuers of future tokens are not
// known.
func (i *Issuers) available() bool { return true }

// verifier implements issuers.
func (i *Issuers) verifier(ctx context.Context, issuer string) (*Verifier, error) {
	if !possibleIssuer(issuer) {
		return nil, unknownIssuer(issuer)
	}
	l, v, err := i.look(issuer)
	if l != nil {
		return l.wait(ctx)
	}
	return v, err
}

// look returns the kept answer for an issuer, or the lookup to wait for.
func (i *Issuers) look(issuer string) (*lookup, *Verifier, error) {
	now := i.opts.Now() // before the lock is taken, because it is user code
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		return nil, nil, errClosed
	}
	a, known := i.answers.of(issuer)
	if a != nil && a.holds(now) {
		if a.err != nil {
			return nil, nil, a.err
		}
		return nil, a.verifier, nil
	}
	if l := i.lookups[issuer]; l != nil {
		return l, nil, nil
	}
	if !known && !i.limit.take(now) {
		return nil, nil, fmt.Errorf("%w: too many lookups of unknown issuers (IssuerOptions.MaxLookups)", ErrKeysUnavailable)
	}
	return i.start(strings.Clone(issuer), !known), nil, nil
}

// start begins a lookup. Its result replaces the result of a lookup that already runs. i.mu
// must be held.
func (i *Issuers) start(issuer string, limited bool) *lookup {
	l := &lookup{issuer: issuer, limited: limited, done: make(chan struct{})}
	i.lookups[issuer] = l
	i.running.Go(func() { i.run(l) })
	return l
}

// wait returns the result of the lookup, or ErrKeysUnavailable when ctx is done.
func (l *lookup) wait(ctx context.Context) (*Verifier, error) {
	select {
	case <-l.done:
		return l.verifier, l.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: waiting for the lookup of the issuer: %w", ErrKeysUnavailable, context.Cause(ctx))
	}
}
