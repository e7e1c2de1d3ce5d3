package introspect

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"socketiojwt/internal/circuit"
	"socketiojwt/internal/endpoint"
	"socketiojwt/internal/hidden"
	"socketiojwt/token"
)

// A Verifier asks an introspection endpoint whether tokens are good. Make one with New; the
// caller must call Close. It may be used concurrently, and prints no secret.
type Verifier struct {
	opts  Options // with defaults
	rules token.Rules
	url   *url.URL
	auth  ClientAuth
	own   *http.Transport // nil if Options.Client is set
	turns chan struct{}   // holds an element for each request under way

	life    context.Context
	stop    context.CancelFunc
	running sync.WaitGroup // questions

	mu        sync.Mutex // guards the fields below
	closed    bool
	questions map[digest]*question
	accepted  memory
	refused   memory
	goodUntil time.Time // the latest end of a verdict in accepted
	circuit   circuit.Circuit
	failure   error // of the last request; nil if it succeeded
	counts    counts
}

// A question is one request for all callers that wait for its result.
type question struct {
	key     digest
	done    chan struct{} // closed when the result is there
	dropped chan struct{} // closed if all callers gave up before the request began

	callers int  // that wait; guarded by Verifier.mu
	asked   bool // the request has begun; guarded by Verifier.mu

	token *token.Token
	err   error
}

// New returns a Verifier for the URL of an introspection endpoint. It sends nothing yet. It
// fails if the URL is not https, unless its host is this machine or
// Options.InsecurePlainHTTP is set, and if the credentials are empty or opts contradict each
// other.
func New(url string, auth ClientAuth, opts Options) (*Verifier, error) {
	at, err := endpoint.Parse(url, opts.InsecurePlainHTTP)
	switch {
	case err != nil:
		return nil, fmt.Errorf("introspect: %w", err)
	case auth.wrong != nil:
		return nil, auth.wrong
	case auth.apply == nil:
		return nil, errors.New("introspect: the zero ClientAuth; make one with ClientSecretBasic")
	}
	given := opts.Client != nil
	opts, rules, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	opts.Rules.Logger = opts.Rules.Logger.With("from", at.Host)
	v := &Verifier{
		opts: opts, rules: rules, url: at, auth: auth, turns: make(chan struct{}, opts.MaxRequests),
		questions: make(map[digest]*question), accepted: newMemory(opts.MaxAccepted), refused: newMemory(opts.MaxRefused),
	}
	if !given {
		v.own = opts.Client.Transport.(*http.Transport)
	}
	v.life, v.stop = context.WithCancel(context.Background())
	return v, nil
}

// Close cancels the requests under way, waits for them, and forgets all tokens. After that
// every token is refused with token.ErrKeysUnavailable. It may be called more than once, and
// returns nil.
func (v *Verifier) Close() error {
	v.mu.Lock()
	v.closed = true
	v.accepted, v.refused = newMemory(0), newMemory(0)
	v.mu.Unlock()
	v.stop()
	v.running.Wait()
	if v.own != nil {
		v.own.CloseIdleConnections()
	}
	return nil
}

var (
	errClosed  = fmt.Errorf("%w: the introspect.Verifier is closed", token.ErrKeysUnavailable)
	errWaiting = fmt.Errorf("%w: too many tokens wait for the introspection endpoint (Options.MaxWaiting)", token.ErrKeysUnavailable)
)

// now returns the time of the wall clock, which runs while the machine is suspended. The
// clock is user code, so the caller must not hold mu.
func (v *Verifier) now() time.Time { return v.opts.Rules.Now().Round(0) }

// Verify returns the token if the endpoint reports it as active and Options.Rules accept its
// claims, otherwise an error of package token. It may wait for the endpoint until ctx is
// done. A credential that is too long, or has characters that no token has (RFC 6750,
// section 2.1), is refused without asking. Verify may be called concurrently.
func (v *Verifier) Verify(ctx context.Context, credential string) (*token.Token, error) {
	switch {
	case len(credential) > v.opts.Rules.MaxSize:
		return nil, fmt.Errorf("%w: more than %d bytes", token.ErrTooLarge, v.opts.Rules.MaxSize)
	case !isToken(credential):
		return nil, fmt.Errorf("%w: it has characters that a bearer token must not have", token.ErrMalformed)
	}
	key := sha256.Sum256([]byte(credential))
	known, q, err := v.look(key, credential)
	switch {
	case err != nil:
		return nil, err
	case known != nil:
		return known.token, known.err
	}
	select {
	case <-q.done:
		return q.token, q.err
	case <-ctx.Done():
		v.leave(q)
		return nil, fmt.Errorf("%w: waiting for the introspection endpoint: %w", token.ErrKeysUnavailable, context.Cause(ctx))
	}
}

// look returns the verdict that is remembered for a token. If there is none, it returns the
// question to wait for.
func (v *Verifier) look(key digest, credential string) (*verdict, *question, error) {
	now := v.now()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return nil, nil, errClosed
	}
	if known := v.accepted.find(key, now); known != nil {
		v.counts.accepted++
		return known, nil, nil
	}
	if known := v.refused.find(key, now); known != nil {
		v.counts.refused++
		return known, nil, nil
	}
	if q := v.questions[key]; q != nil {
		q.callers++
		return nil, q, nil
	}
	switch {
	case v.circuit.Shut(now):
		return nil, nil, v.unavailable()
	case len(v.questions) >= v.opts.MaxRequests+v.opts.MaxWaiting:
		return nil, nil, errWaiting
	}
	q := &question{key: key, done: make(chan struct{}), dropped: make(chan struct{}), callers: 1}
	v.questions[key] = q
	v.running.Go(func() { v.answer(q, credential) })
	return nil, q, nil
}

// unavailable returns the error for tokens while the endpoint is not asked. The caller holds
// mu.
func (v *Verifier) unavailable() error {
	if v.failure == nil {
		return token.ErrKeysUnavailable
	}
	return fmt.Errorf("%w: the introspection endpoint is not asked for now, because requests failed: %w", token.ErrKeysUnavailable, v.failure)
}

// leave is called for a caller that gives up. A question that no caller waits for is dropped,
// unless its request has begun: then its result is remembered.
func (v *Verifier) leave(q *question) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if q.callers--; q.callers > 0 || q.asked || v.questions[q.key] != q {
		return
	}
	delete(v.questions, q.key)
	close(q.dropped)
}

// Available reports whether a token could be good now. It is false while requests fail and
// no remembered token is accepted. It turns true when the next request may be made, so that
// a token causes that request. Available does not block, and may be called concurrently.
func (v *Verifier) Available() bool {
	now := v.now()
	v.mu.Lock()
	defer v.mu.Unlock()
	return !v.closed && (!v.circuit.Shut(now) || now.Before(v.goodUntil) && v.goodUntil.Sub(now) <= v.opts.MaxAge)
}

func (v *Verifier) describe() hidden.Text { return "introspect.Verifier(options not shown)" }

// String describes the Verifier without its options.
func (v *Verifier) String() string { return v.describe().String() }

// Format writes the text of String for every verb.
func (v *Verifier) Format(f fmt.State, verb rune) { v.describe().Format(f, verb) }

// MarshalText returns the text of String.
func (v *Verifier) MarshalText() ([]byte, error) { return v.describe().MarshalText() }

// LogValue returns the text of String, for slog.
func (v *Verifier) LogValue() slog.Value { return v.describe().LogValue() }
