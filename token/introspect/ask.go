package introspect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"socketiojwt/internal/endpoint"
	"socketiojwt/internal/guard"
	"socketiojwt/internal/wirejson"
	"socketiojwt/token"
)

// answer asks the endpoint a question, and wakes the callers that wait for the result.
func (v *Verifier) answer(q *question, credential string) {
	select {
	case v.turns <- struct{}{}:
		defer func() { <-v.turns }()
	case <-q.dropped:
		return
	case <-v.life.Done():
		v.finish(q, result{err: errClosed})
		return
	}
	now := v.now()
	v.mu.Lock()
	if v.circuit.Shut(now) { // it opened while the question waited
		err := v.unavailable()
		v.mu.Unlock()
		v.finish(q, result{err: err})
		return
	}
	select {
	case <-q.dropped:
		v.mu.Unlock()
		return
	default:
	}
	q.asked = true
	probe := v.circuit.Begin()
	v.counts.asking++
	v.mu.Unlock()

	r := result{asked: true, failure: errNoReturn}
	defer func() { // runs also after runtime.Goexit in the program's code
		r.probe = probe
		if r.failure != nil {
			r.err = fmt.Errorf("%w: asking the introspection endpoint: %w", token.ErrKeysUnavailable, r.failure)
		}
		v.finish(q, r)
	}()
	r = v.ask(credential)
}

var (
	errNoReturn = errors.New("the HTTP client did not return")
	errPanic    = errors.New("panic while asking")
)

// A result is how a question ends.
type result struct {
	token *token.Token
	err   error // why the token is refused

	asked      bool          // a request was made
	probe      bool          // the circuit was open
	failure    error         // of the request
	retryAfter time.Duration // of a failure; zero if the response does not say
}

// finish remembers a result and wakes the callers that wait for it.
func (v *Verifier) finish(q *question, r result) {
	now := v.now()
	v.mu.Lock()
	if r.asked {
		v.counts.asking--
	}
	switch {
	case !r.asked:
	case r.failure == nil:
		v.counts.requests++
		v.circuit.Succeeded()
		v.failure = nil
		v.remember(q.key, r, now)
	case v.life.Err() != nil: // Close canceled the request
	default:
		v.counts.requests++
		v.counts.failures++
		v.failure = r.failure
		v.circuit.Failed(now, r.probe, r.retryAfter)
	}
	failures := v.circuit.Failures()
	if v.questions[q.key] == q {
		delete(v.questions, q.key)
	}
	q.token, q.err = r.token, r.err
	v.mu.Unlock()
	if r.failure != nil && failures&(failures-1) == 0 && v.life.Err() == nil { // the first, second, fourth, eighth ...
		v.opts.Rules.Logger.Warn("introspect: request failed", "cause", r.failure, "failures", failures)
	}
	close(q.done)
}

// remember keeps the verdict on a token. The caller holds mu.
func (v *Verifier) remember(key digest, r result, now time.Time) {
	d := verdict{key: key, token: r.token, err: r.err, since: now}
	switch {
	case v.closed:
	case r.err != nil && v.opts.RefusedMaxAge > 0:
		d.until = now.Add(v.opts.RefusedMaxAge)
		v.refused.put(d)
	case r.err == nil && v.opts.MaxAge > 0:
		d.until = now.Add(v.opts.MaxAge)
		if end := r.token.ValidUntil(); !end.IsZero() && end.Before(d.until) {
			d.until = end
		}
		v.accepted.put(d)
		if d.until.After(v.goodUntil) {
			v.goodUntil = d.until
		}
	}
}

// ask makes one request. It runs user code: Options.Client and the function of BearerToken.
func (v *Verifier) ask(credential string) (r result) {
	ctx, cancel := context.WithTimeout(v.life, v.opts.Timeout)
	defer cancel()
	defer func() {
		if value := recover(); value != nil {
			v.opts.Rules.Logger.Error("introspect: panic while asking the endpoint", guard.Recovered(value).Attr())
			r = result{failure: errPanic}
		}
		r.asked = true
	}()
	request, err := v.request(ctx, credential)
	if err != nil {
		return result{failure: err}
	}
	body, response, err := endpoint.Do(v.opts.Client, request, v.opts.MaxBody) //nolint:bodyclose // Do closes it
	if err != nil {
		r = result{failure: endpoint.Redact(v.url.Host, err, errRedirect)}
		if response != nil {
			r.retryAfter = endpoint.RetryAfter(response.Header, v.now())
		}
		return r
	}
	if kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return result{failure: fmt.Errorf("%s answered with another type than application/json", v.url.Host)}
	}
	return v.read(credential, body)
}

// request returns the request for a token (RFC 7662, section 2.1).
func (v *Verifier) request(ctx context.Context, credential string) (*http.Request, error) {
	form := url.Values{"token": {credential}, "token_type_hint": {"access_token"}}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}
	if err := v.auth.apply(authRequest{ctx: ctx, url: v.url.String(), now: v.now(), header: header, form: form}); err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, v.url.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, errors.New("the request cannot be made")
	}
	r.Header = header
	return r, nil
}

// maxDepth bounds the nesting of a response.
const maxDepth = 64

var (
	errInactive = fmt.Errorf("%w: the issuer reports that it is not active", token.ErrRevoked)
	errBound    = fmt.Errorf("%w: it is bound to a key of its holder, which is not checked", token.ErrType)
)

// read decides about a token by the body of a response.
func (v *Verifier) read(credential string, body []byte) result {
	var active, kind, binding, issuer string
	err := wirejson.Members(body, maxDepth, func(name []byte, start, end int) error {
		switch text := string(body[start:end]); string(name) {
		case "active":
			active = text
		case "token_type":
			kind = text
		case "cnf":
			binding = text
		case "iss":
			issuer = text
		}
		return nil
	})
	switch {
	case err != nil, active != "true" && active != "false":
		return result{failure: fmt.Errorf("%s answered with something else than a strict JSON object with a boolean active", v.url.Host)}
	case active == "false":
		return result{err: errInactive}
	case !v.opts.InsecureIgnoreBinding && isBound(kind, binding):
		return result{err: errBound}
	}
	if v.opts.Issuer != "" && issuer == "" {
		body = withIssuer(body, v.opts.Issuer)
	}
	t, err := v.rules.Accept(credential, body)
	return result{token: t, err: err}
}

// withIssuer returns a JSON object that has members with one more, iss.
func withIssuer(object []byte, issuer string) []byte {
	quoted, err := wirejson.AppendQuote([]byte(`{"iss":`), issuer)
	if err != nil { // cannot happen
		return object
	}
	_, members, _ := bytes.Cut(object, []byte("{"))
	return append(append(quoted, ','), members...)
}

// isBound reports whether a token needs a proof besides itself, by the JSON values of its
// token_type and cnf, which are empty if they are missing.
func isBound(kind, binding string) bool {
	name, isString := wirejson.Unquote(kind)
	bearer := kind == "" || kind == "null" || isString && strings.EqualFold(name, "Bearer")
	return !bearer || binding != "" && binding != "null"
}
