package client

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff says how long to wait before the next attempt.
type backoff struct {
	least, most time.Duration
	attempts    int           // that have failed, or 1 after a lost connection
	asked       time.Duration // delay that the server asked for, used once
}

// next returns how long to wait before the next attempt: the delay doubles, and half of
// it more or less is random, as in the JavaScript client. What the server asked for is
// the least, and up to half of it is added, so that not all clients come at once.
func (b *backoff) next() time.Duration {
	delay := b.most
	if b.attempts < 30 && b.least<<b.attempts>>b.attempts == b.least {
		delay = min(b.least<<b.attempts, b.most)
	}
	b.attempts++
	delay = delay/2 + rand.N(delay+1)
	asked := b.asked
	b.asked = 0
	if asked > 0 {
		delay = max(delay, asked+rand.N(asked/2+1))
	}
	return delay
}

// reset begins again after a success.
func (b *backoff) reset() { b.attempts, b.asked = 0, 0 }

// sleep waits for d, and reports false if ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
