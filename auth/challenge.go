package auth

import (
	"context"
	"errors"
	"slices"
	"time"

	"socketiojwt/socketio"
)

// mostChallenged bounds the events of a socket that wait for a fresher token.
const mostChallenged = 8

// challenged is an event that waits for a fresher token.
type challenged struct {
	required *required
	outer    *passed // requirements of the Requires around it
	event    *socketio.Event
	resume   func(socketio.Handler)
	next     socketio.Handler
	timer    *time.Timer // fires when the wait is over
	after    *challenged // the next event of the socket that waits
}

// allChallenged returns the events that wait for a fresher token. The caller holds mu.
func (a *admission) allChallenged() (all []*challenged) {
	for c := a.challenged; c != nil; c = c.after {
		all = append(all, c)
	}
	return all
}

// challenge makes an event wait for a fresher token, and asks the peer for one. If the event
// cannot wait, it is refused because of why.
func (a *admission) challenge(ctx context.Context, r *required, e *socketio.Event, next socketio.Handler, why error) error {
	resume, err := e.SetAside()
	if err != nil {
		return a.gate.forbid(ctx, a.socket, e, a.gate.notFresh(err))
	}
	c := &challenged{required: r, outer: passedBy(ctx), event: e, resume: resume, next: next}
	ended := ctx.Err() != nil // the socket has ended or becomes a guest
	a.mu.Lock()
	waiting := a.allChallenged()
	if ended || a.stage != leased || len(waiting) >= mostChallenged {
		a.mu.Unlock()
		resume(nil)
		return a.gate.forbid(ctx, a.socket, e, a.gate.notFresh(why))
	}
	told := slices.ContainsFunc(waiting, func(other *challenged) bool { return other.required.fresh.same(r.fresh) })
	if len(waiting) == 0 {
		a.challenged = c
	} else {
		waiting[len(waiting)-1].after = c
	}
	c.timer = time.AfterFunc(r.fresh.wait, func() { a.waitedInVain(c) })
	a.mu.Unlock()
	a.gate.figures.challenges.Add(1)
	a.refreshed() // a refresh may have come since the event's turn
	if !told && a.waits(c) {
		_ = a.socket.EmitOnce(eventChallenge, r.fresh.challenge()) // it fails only if the socket is closed
	}
	return nil
}

// waits reports whether an event waits for a fresher token.
func (a *admission) waits(c *challenged) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Contains(a.allChallenged(), c)
}

// refreshed resumes the events that have waited for the token that the socket has now. It runs
// after each refresh. The caller must not hold mu, because it runs the server's clock.
func (a *admission) refreshed() {
	a.mu.Lock()
	waiting := a.allChallenged()
	a.mu.Unlock()
	if len(waiting) == 0 {
		return
	}
	lease, now := Current(a.socket), a.now()
	if lease == nil {
		return
	}
	for _, c := range waiting {
		if c.required.fresh.lacks(lease.Token, now) == nil && a.stopWaiting(c) {
			c.resume(c.handle)
		}
	}
}

// handle handles the event if the lease that its socket has now satisfies all requirements, also
// those that the lease before has satisfied. The lease is of the user who sent the event: a
// refresh does not change the user, and the events of a socket that became a guest are dropped.
func (c *challenged) handle(ctx context.Context, s *socketio.Socket, e *socketio.Event) error {
	r := c.required
	p := &passed{r, c.outer}
	if refused := p.again(ctx, s); refused != nil {
		return r.gate.forbid(ctx, s, e, refused)
	}
	return c.next(context.WithValue(ctx, passedKey{}, p), s, e)
}

// stopWaiting removes an event that waits. It reports false if the event does not wait any more.
func (a *admission) stopWaiting(c *challenged) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for at := &a.challenged; *at != nil; at = &(*at).after {
		if *at == c {
			c.timer.Stop()
			*at = c.after
			return true
		}
	}
	return false
}

// waitedInVain refuses an event for which no token came in time.
func (a *admission) waitedInVain(c *challenged) {
	if !a.stopWaiting(c) {
		return
	}
	c.resume(nil)
	_ = a.gate.forbid(a.socket.Context(), a.socket, c.event, a.gate.notFresh(errWaited)) // no middleware waits for the result
}

// errWaited is the cause of a refusal because no fresh token came in time.
var errWaited = errors.New("no fresh token came in time")

// unchallenge drops the events that wait, because the socket has ended or becomes a guest. The
// caller holds mu.
func (a *admission) unchallenge() {
	for _, c := range a.allChallenged() {
		c.timer.Stop()
		c.resume(nil)
	}
	a.challenged = nil
}
