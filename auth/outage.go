package auth

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// An outage is a time in which sockets are refused temporarily, for causes on the server's
// side. Each refused socket retries until it ends, so the log has one line when it begins
// and one when it has ended.
type outage struct {
	mu      sync.Mutex
	begun   time.Time // zero while there is no outage
	refused int
	ending  *time.Timer // started by a verified token, stopped by a refusal
}

const (
	// Sockets that are refused because keys are unavailable stay connected for a random
	// time. Its mean grows with the outage from leastWait to mostWait. mostWait is a
	// compromise: a longer one causes fewer connections during an outage, and a later return
	// of the clients after it.
	leastWait = time.Second
	mostWait  = 3 * time.Second
	// An outage has ended when a token was verified and no socket was refused for outageOver.
	outageOver = 5 * time.Second
)

// wait returns how long a socket that is refused because keys are unavailable stays
// connected. It is at most the time until ctx ends, because Options.Timeout bounds it too.
func (g *Gate) wait(ctx context.Context) time.Duration {
	o := &g.outage
	o.mu.Lock()
	mean := leastWait
	if !o.begun.IsZero() {
		mean = min(max(mean, time.Since(o.begun)/2), mostWait)
	}
	o.mu.Unlock()
	wait := mean/2 + rand.N(mean)
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline))
	}
	return wait
}

// outageReason reports whether refusals with reason r belong to an outage.
func outageReason(r Reason) bool {
	return r == ReasonKeysUnavailable || r == ReasonAuthUnavailable
}

// suffers counts a refusal of an outage, and reports whether it is the first.
func (g *Gate) suffers(e *Error) (first bool) {
	if e.Reason == ReasonKeysUnavailable {
		g.verifierAvailable() // so that keys are fetched again soon, even if no peer shows a token
	}
	o := &g.outage
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ending != nil {
		o.ending.Stop()
		o.ending = nil
	}
	o.refused++
	if first = o.begun.IsZero(); first {
		o.begun = time.Now()
	}
	return first
}

// verified counts a token that was found good. It ends an outage unless a refusal follows
// within outageOver.
func (g *Gate) verified() {
	g.figures.verified.Add(1)
	o := &g.outage
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.begun.IsZero() && o.ending == nil {
		var ending *time.Timer
		ending = time.AfterFunc(outageOver, func() { g.recovered(&ending) }) // recovered reads ending under mu
		o.ending = ending
	}
}

// recovered ends the outage if no socket was refused since ending was started.
func (g *Gate) recovered(ending **time.Timer) {
	o := &g.outage
	o.mu.Lock()
	if o.ending != *ending {
		o.mu.Unlock()
		return
	}
	begun, refused := o.begun, o.refused
	o.begun, o.refused, o.ending = time.Time{}, 0, nil
	o.mu.Unlock()
	g.opts.Logger.Info("auth: outage ended", "refused", refused, "took", time.Since(begun).Round(time.Second))
}
