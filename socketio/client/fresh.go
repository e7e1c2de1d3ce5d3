package client

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"time"
)

// ErrNoToken is returned, or wrapped, by Options.Token if there will be no token any more,
// for example because the user has signed out. It ends the socket.
var ErrNoToken = errors.New("socketio client: there is no token any more")

// A TokenRequest says for what Options.Token must return a token.
type TokenRequest struct {
	// Namespace is the namespace that the token is for.
	Namespace string
	// Challenge says what an event needs that waits for the token. Nil means nothing.
	Challenge *Challenge
}

// A Challenge says how recently and how strongly the user must have authenticated: see
// Fresh of package auth.
type Challenge struct {
	MaxAge    int64    `json:"maxAge"` // seconds; zero means any time
	ACRValues []string `json:"acrValues"`
	AMR       []string `json:"amr"`
}

// Refreshed is what the server says about a lease that was refreshed.
type Refreshed struct {
	// ExpiresIn is the time until the lease ends, in whole seconds. Negative means that it
	// does not end.
	ExpiresIn time.Duration
	// Joined and Left are the rooms that the socket has joined and left because of the token.
	Joined, Left []string
}

// The times of a refresh.
const (
	refreshTimeout = 20 * time.Second
	refreshAhead   = 30 * time.Second // before the end of a lease, if the server does not warn
	clockStep      = 30 * time.Second // the longest wait without a look at the clock
	lapsePause     = 500 * time.Millisecond
)

// A keeper keeps the lease of a socket from ending. Client.mu guards its fields.
type keeper struct {
	socket *Socket
	wake   chan struct{} // has room for one signal

	lease     *lease // of the current connection; nil if it is not known
	login     bool   // the socket is connected, but not admitted with a token
	asked     bool   // a refresh is wanted at once
	challenge *Challenge
	retry     time.Time // of the next attempt after a failure; zero if there is none
	failures  int
	refusal   *ConnectError // the last final refusal by "unauthorized", after which the server may end the socket
	cancel    context.CancelFunc
	waiting   []chan error // calls of Refresh
}

// A lease is what the server has said about it.
type lease struct {
	told       time.Time
	span       time.Duration // from told to the end; negative means that it does not end
	ahead      time.Duration // before the end, when to refresh
	mayRefresh bool
	givenUp    bool // the client does not refresh it unless it is asked to
}

// leaseTold is the argument of "authenticated" and the acknowledgement of "authenticate".
type leaseTold struct {
	ExpiresIn *int64          `json:"expiresIn"`
	Refresh   bool            `json:"refresh"`
	Joined    []string        `json:"joined"`
	Left      []string        `json:"left"`
	Error     json.RawMessage `json:"error"`
}

// expiresIn returns the time until the lease ends. Negative means that it does not end.
func (t leaseTold) expiresIn() time.Duration {
	if t.ExpiresIn == nil {
		return -1
	}
	return time.Duration(min(max(*t.ExpiresIn, 0), 1<<30)) * time.Second
}

// left returns the time until the lease ends. It compares both clocks, because the monotonic
// one can stop while the machine sleeps, and the wall clock can be set back.
func (l *lease) left() time.Duration {
	now := time.Now()
	return l.span - max(now.Sub(l.told), now.Round(0).Sub(l.told.Round(0)))
}

// run refreshes the lease when that is due, until the socket ends.
func (k *keeper) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-k.wake:
		case <-timer.C:
		case <-k.socket.client.ctx.Done():
		}
		wait, ended := k.next()
		for wait == 0 && !ended {
			k.refresh()
			wait, ended = k.next()
		}
		switch {
		case ended:
			return
		case wait > 0:
			timer.Reset(min(wait, clockStep))
		default:
			timer.Stop()
		}
	}
}

// next returns how long to wait before the next refresh. Negative means until there is a
// signal.
func (k *keeper) next() (wait time.Duration, ended bool) {
	s := k.socket
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	switch l := k.lease; {
	case s.ended != nil:
		return 0, true
	case s.link == nil:
		return -1, false
	case k.asked, k.challenge != nil:
		return 0, false
	case !k.retry.IsZero():
		return max(time.Until(k.retry), 0), false
	case l == nil, !l.mayRefresh, l.givenUp, l.span < 0:
		return -1, false
	default:
		return max(l.left()-l.ahead, 0), false
	}
}

// refresh shows a token to the server by the current connection.
func (k *keeper) refresh() {
	s := k.socket
	ctx, cancel := context.WithTimeout(s.client.ctx, refreshTimeout)
	defer cancel()
	s.client.mu.Lock()
	l, challenge, waiting := s.link, k.challenge, k.waiting
	k.asked, k.challenge, k.retry, k.waiting, k.cancel = false, nil, time.Time{}, nil, cancel
	s.client.mu.Unlock()
	told, err := k.show(ctx, l, challenge)
	s.client.mu.Lock()
	k.cancel = nil
	current := s.link == l && l != nil
	if current && err == nil {
		k.describe(told)
	}
	final := current && err != nil && k.failed(err, challenge)
	s.client.mu.Unlock()
	for _, answer := range waiting {
		answer <- err // has room
	}
	switch {
	case final:
		_ = s.leave(err)
	case current && s.client.opts.OnRefresh != nil:
		s.client.opts.OnRefresh(s, Refreshed{told.expiresIn(), told.Joined, told.Left}, err)
	}
}

var errTokenEmpty = errors.New("socketio client: Options.Token returned no token")

// show sends "authenticate", and returns the acknowledgement.
func (k *keeper) show(ctx context.Context, l *link, challenge *Challenge) (told leaseTold, err error) {
	s := k.socket
	if l == nil {
		return told, ErrConnectionLost
	}
	token, err := s.client.opts.Token(ctx, TokenRequest{s.name, challenge})
	if err == nil && token == "" {
		err = errTokenEmpty
	}
	if err != nil {
		return told, err
	}
	answer, err := s.askBy(ctx, l, "authenticate", map[string]any{"token": token, "lease": true})
	if err != nil {
		return told, err
	}
	if args := answer.Args(); len(args) == 0 || answer.Scan(&told) != nil {
		return leaseTold{ExpiresIn: nil}, nil //nolint:nilerr // the server knows nothing of leases
	}
	if told.Error != nil {
		return told, refusalFrom(told.Error)
	}
	return told, nil
}

// describe notes what the server says about the lease. The caller holds mu.
func (k *keeper) describe(told leaseTold) {
	l := &lease{told: time.Now(), span: told.expiresIn(), mayRefresh: told.Refresh}
	if l.span >= 0 {
		ahead := min(refreshAhead, l.span/3)
		l.ahead = min(ahead/2+rand.N(ahead/2+1), max(l.span-time.Second, 0)) // not without a pause
	}
	k.lease, k.login, k.failures, k.retry = l, false, 0, time.Time{}
}

// failed plans another attempt if it can help and there is time left. It reports whether the
// failure ends the socket. The caller holds mu.
func (k *keeper) failed(err error, challenge *Challenge) (final bool) {
	var refused *ConnectError
	isRefused := errors.As(err, &refused)
	switch reason := reasonOf(refused); {
	case errors.Is(err, ErrNoToken), reason == reasonRevoked:
		return true
	case isRefused && !refused.Temporary && !helpful[reason]:
		k.giveUp()
		return k.login && k.lease == nil && k.socket.client.opts.TokenByEvent
	case challenge != nil:
		return false
	}
	left := time.Duration(1<<62 - 1)
	switch l := k.lease; {
	case k.login, l != nil && l.mayRefresh && l.span < 0:
	case l == nil || !l.mayRefresh:
		return false
	default:
		left = l.left()
	}
	backoff := min(time.Second<<min(k.failures, 10), 30*time.Second)
	k.failures++
	wait := max(min(backoff/2+rand.N(backoff), left/2), 500*time.Millisecond)
	if isRefused && refused.RetryAfter > 0 {
		wait = max(wait, refused.RetryAfter+rand.N(refused.RetryAfter/4+1))
	}
	if wait >= left {
		k.giveUp()
		return false
	}
	k.retry = time.Now().Add(wait)
	return false
}

// giveUp stops refreshing the lease, which then ends. The caller holds mu.
func (k *keeper) giveUp() {
	if k.lease != nil {
		k.lease.givenUp = true
	}
}

// Refresh refreshes the lease of the socket now, with a token of Options.Token. It returns
// nil when the server has accepted the token. If the server refuses it, the error is a
// *ConnectError, and the lease stays. Otherwise it is that of Options.Token, or says why there
// is no answer. Refresh waits until ctx ends. It needs Options.Token.
func (s *Socket) Refresh(ctx context.Context) error {
	k := s.keeper
	if k == nil {
		return errors.New("socketio client: Refresh needs Options.Token")
	}
	answer := make(chan error, 1)
	s.client.mu.Lock()
	switch {
	case s.ended != nil:
		s.client.mu.Unlock()
		return s.ended
	case s.link == nil:
		s.client.mu.Unlock()
		return ErrConnectionLost
	}
	k.asked = true
	k.waiting = append(k.waiting, answer)
	s.client.mu.Unlock()
	signal(k.wake)
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ExpiresIn returns the time until the lease of the socket ends. It reports false if the lease
// does not end, if the server has not described it, or while the socket is not connected. It
// needs Options.Token.
func (s *Socket) ExpiresIn() (time.Duration, bool) {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	if s.keeper == nil || s.keeper.lease == nil || s.keeper.lease.span < 0 {
		return 0, false
	}
	return max(s.keeper.lease.left(), 0), true
}
