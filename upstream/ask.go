package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"time"

	"socketiojwt/internal/endpoint"
	"socketiojwt/observe"
)

// A failure is why there is no answer of the backend that can be carried out. Its code is sent to
// peers.
type failure struct {
	code string
	err  error
	sent bool // a request was made
}

// The codes of failures.
const (
	codeUnavailable = "unavailable" // the event has not been handled, and may be sent again later
	codeUncertain   = "uncertain"   // the event may have been handled
	codeFailed      = "failed"      // the backend failed at this event, or its answer is not valid
)

// unsent returns the failure of a request that is not made.
func unsent(err error) *failure { return &failure{code: codeUnavailable, err: err} }

// unusable returns the failure of a request whose answer cannot be carried out.
func unusable(err error) *failure { return &failure{code: codeFailed, err: err, sent: true} }

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// failed counts a failure, and logs it, sampled.
func (b *Backend) failed(ctx context.Context, f *failure, text string, attrs ...any) {
	b.count(func(n *Stats) {
		if f.sent {
			n.Failed++
		} else {
			n.Unsent++
		}
	})
	b.warn(ctx, f.Error(), text, append(attrs, "code", f.code, "cause", f.err)...)
}

var (
	errFull   = errors.New("too many requests wait for the backend (Options.MaxWaiting)")
	errDown   = errors.New("the backend is not asked for now, because requests failed")
	errClosed = errors.New("the Backend is closed")
	errLate   = errors.New("the backend did not answer in time")
)

// outcome is what a request says about the backend.
type outcome uint8

const (
	alive    outcome = iota // it has answered
	dead                    // it cannot be reached, or says that it cannot serve
	hanging                 // it has not answered in time
	canceled                // this process canceled the request
)

// ask sends a request, unless the backend fails, and returns the body of the response. It
// returns a nil body for status 204.
func (b *Backend) ask(ctx context.Context, m *message) ([]byte, *failure) {
	b.mu.Lock()
	if b.life.Err() != nil || b.circuit.Shut(time.Now()) {
		b.mu.Unlock()
		if b.life.Err() != nil {
			return nil, unsent(errClosed)
		}
		return nil, unsent(errDown)
	}
	probe := b.circuit.Begin()
	*m.counter(&b.counts)++
	b.mu.Unlock()
	how, retryAfter := canceled, time.Duration(0)
	defer func() { b.finish(how, probe, retryAfter) }() // also after a panic in Options.Client
	ctx, cancel := context.WithTimeoutCause(ctx, b.opts.Timeout, errLate)
	defer cancel()
	defer context.AfterFunc(b.life, cancel)()
	result := observe.Panicked
	ctx, running := observe.Begin(ctx, b.opts.Observer, observe.Operation{Kind: observe.AskBackend, Event: m.kind})
	defer func() { running.End(observe.Outcome{Result: result}) }()
	body, response, err := b.send(ctx, m)
	how = outcomeOf(ctx, err, response)
	if err == nil {
		result = observe.OK
		return body, nil
	}
	if response != nil && response.StatusCode == http.StatusServiceUnavailable {
		retryAfter = endpoint.RetryAfter(response.Header, time.Now())
	}
	f := &failure{codeOf(err, response), endpoint.Redact(b.url.Host, err, errRedirect), true}
	result = f.code
	return nil, f
}

// send makes one request.
func (b *Backend) send(ctx context.Context, m *message) ([]byte, *http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url.String(), bytes.NewReader(m.body))
	if err != nil {
		return nil, nil, errors.New("the request cannot be made")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "socketio-jwt")
	sign(r.Header, *b.secrets.Load(), m.id, time.Now(), m.body)
	body, response, err := endpoint.Do(b.opts.Client, r, b.opts.MaxBody) //nolint:bodyclose // Do closes it
	if response != nil && response.StatusCode == http.StatusNoContent {
		return nil, response, nil
	}
	if err != nil {
		return nil, response, err
	}
	if kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, response, fmt.Errorf("%s answered with another type than application/json", b.url.Host)
	}
	return body, response, nil
}

// outcomeOf returns what a response or its absence says about the backend. Most statuses concern
// only one request, and a peer may be able to cause them.
func outcomeOf(ctx context.Context, err error, response *http.Response) outcome {
	switch {
	case err == nil, errors.Is(err, errRedirect):
		return alive
	case isDial(err):
		return dead
	case response != nil && endpoint.FailureOf(err) != endpoint.Timeout:
		switch response.StatusCode {
		case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return dead
		}
		return alive
	case errors.Is(context.Cause(ctx), errLate), endpoint.FailureOf(err) == endpoint.Timeout:
		return hanging
	case ctx.Err() != nil:
		return canceled
	}
	return dead
}

// codeOf returns the code of a failure for a response or its absence.
func codeOf(err error, response *http.Response) string {
	switch {
	case errors.Is(err, errRedirect):
		return codeFailed
	case isDial(err):
		return codeUnavailable
	case response == nil, endpoint.FailureOf(err) == endpoint.Timeout, endpoint.FailureOf(err) == endpoint.Unreachable:
		return codeUncertain
	}
	switch response.StatusCode {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return codeUnavailable
	case http.StatusBadGateway, http.StatusGatewayTimeout: // of a proxy, which may have passed it on
		return codeUncertain
	}
	return codeFailed
}

// isDial reports whether no connection was made, so that nothing was sent.
func isDial(err error) bool {
	var network *net.OpError
	return errors.As(err, &network) && network.Op == "dial"
}

// finish records how a request ended. Requests that were not answered in time count as failures
// of the backend only if as many in a row were as can be under way, because a peer may be able to
// cause some.
func (b *Backend) finish(how outcome, probe bool, retryAfter time.Duration) {
	now := time.Now()
	b.mu.Lock()
	was := b.circuit.Failures()
	switch how {
	case alive:
		b.circuit.Succeeded()
		b.hung, b.down = 0, time.Time{}
	case canceled:
		if probe {
			b.circuit.Failed(now, probe, 0)
		}
	case hanging:
		if b.hung++; b.hung >= b.opts.MaxRequests || probe {
			b.circuit.Failed(now, probe, 0)
		}
	case dead:
		b.circuit.Failed(now, probe, retryAfter)
	}
	failures := b.circuit.Failures()
	if failures > 0 && b.down.IsZero() {
		b.down = now
	}
	b.mu.Unlock()
	if was > 0 && failures == 0 {
		b.opts.Logger.Info("upstream: the backend answers again", "backend", b.url.Host)
	}
}

// retryPause returns a random time to wait before an attempt, which doubles with each one.
func retryPause(attempt int, first time.Duration) time.Duration {
	pause := first << min(attempt, 10)
	return pause/2 + rand.N(pause)
}

// comeBack returns how long a peer that is refused temporarily is kept from connecting again, so
// that peers do not come back at once and together.
func (b *Backend) comeBack() time.Duration {
	b.mu.Lock()
	wait := b.circuit.Wait(time.Now())
	b.mu.Unlock()
	return time.Second + min(wait, 10*time.Second) + rand.N(3*time.Second)
}
