package auth

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// An outage is a time in which sockets are refused temporarily, for causes that are not
// their own. The log has one line when it begins and one when it has ended, because each
// socket comes back until then.
type outage struct {
	mu      sync.Mutex
	begun   time.Time // zero while there is none
	refused int
	ending  *time.Timer // runs from a success on, until a refusal
}

const (
	// Sockets that are refused because keys are unavailable stay connected for a random
	// time. Its mean grows with the outage from leastWait to mostWait. mostWait is a
	// compromise: the longer it is, the fewer connections are opened in an outage, and the
	// later clients are back.
	leastWait = time.Second
	mostWait  = 3 * time.Second
	// outageOver is how long no socket may be refused until an outage has ended.
	outageOver = 5 * time.Second
)

// wait returns how long a socket that is refused because keys are unavailable stays
// connected. It is at most the time until ctx ends, which is all that the gate may take.
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

// outageReason reports whether refusals for r come in numbers until an outage is over.
func outageReason(r Reason) bool {
	return r == ReasonKeysUnavailable || r == ReasonAuthUnavailable
}

// suffers counts a refusal of an outage, and reports whether it is the first.
func (g *Gate) suffers(e *Error) (first bool) {
	if e.Reason == ReasonKeysUnavailable {
		g.verifierAvailable() // so that keys are fetched again in time, whether peers ask for them or not
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

// verified notes that a token was found good, which ends an outage unless refusals follow.
func (g *Gate) verified() {
	g.figures.verified.Add(1)
	o := &g.outage
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.begun.IsZero() && o.ending == nil {
		var ending *time.Timer
		ending = time.AfterFunc(outageOver, func() { g.recovered(&ending) }) // which reads it under mu
		o.ending = ending
	}
}

// recovered ends the outage, if no socket was refused since ending was started.
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
