package auth

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// recheck asks the denylist for live leases again, every Options.DenylistRecheck. One timer of
// the gate runs while there are leases, and one goroutine while they are asked for.
type recheck struct {
	mu      sync.Mutex
	running bool
	good    time.Time // until when all live leases are known not to be revoked
}

// recheckLeases starts the timer, unless it runs. It is called for each lease that begins.
func (g *Gate) recheckLeases() {
	every := g.opts.DenylistRecheck
	if every == 0 {
		return
	}
	c := &g.recheck
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.running {
		c.running, c.good = true, time.Now()
		time.AfterFunc(every, g.recheckNow)
	}
}

// recheckNow asks for all live leases, and starts the timer again if there are any left. If the
// denylist fails, it asks again soon. If the answers are twice as old as they may be, and the
// gate fails closed, it ends the leases for the time being.
func (g *Gate) recheckNow() {
	every, began := g.opts.DenylistRecheck, time.Now()
	c := &g.recheck
	c.mu.Lock()
	good := c.good
	c.mu.Unlock()
	next, err := every, g.askAgain()
	switch {
	case err == nil:
		good = began
	case g.opts.DenylistFailure == FailOpen:
		g.failedOpen(context.Background(), err)
		good = began
	case began.Sub(good) < 2*every:
		next = every / 4
	default:
		ended := g.endUnconfirmed(err)
		good = time.Now()
		g.audit(context.Background(), "auth: leases ended temporarily, because the denylist failed for too long", err, slog.Int("sockets", ended))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.good = good
	if c.running = g.figures.leased.Load() > 0; c.running {
		time.AfterFunc(next, g.recheckNow)
	}
}

// askAgain asks the denylist for each live lease, and ends those that it has. It fails with the
// first error of the denylist.
func (g *Gate) askAgain() error {
	for e := range g.leases.all(place{}) {
		lease := e.admission.current()
		if lease == nil {
			continue
		}
		r, found, err := g.askOnce(lease)
		if err != nil {
			return err
		}
		if found && e.end(func(now *Lease, _ int64) *Error {
			if now != lease {
				return nil
			}
			return g.revoked(r, now.Token)
		}) {
			g.figures.revoked.Add(1)
		}
	}
	return nil
}

// askOnce asks the denylist for a lease, within Options.Timeout.
func (g *Gate) askOnce(lease *Lease) (r Revocation, found bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), g.opts.Timeout)
	defer cancel()
	if panicked := g.guard(ctx, "Denylist.Find", func() { r, found, err = g.opts.Denylist.Find(ctx, lease.Token) }); panicked != nil {
		err = panicked
	}
	return r, found, err
}

// endUnconfirmed ends all live leases temporarily, and returns their number.
func (g *Gate) endUnconfirmed(cause error) (ended int) {
	for e := range g.leases.all(place{}) {
		a := e.admission
		if e.end(func(lease *Lease, _ int64) *Error {
			if a.stage != leased {
				return nil
			}
			return g.refusal(fmt.Errorf("%w: %w", errDenylist, cause)).of(lease.Token)
		}) {
			ended++
		}
	}
	return ended
}
