package denyredis

import (
	"sync/atomic"
	"time"
)

// A clock is Options.List.Now, which is code of the user and is not called under mu. The memory asks
// for the time there too, so the clock is stopped while mu is held.
type clock struct {
	user    func() time.Time
	stopped atomic.Pointer[time.Time]
}

func (c *clock) now() time.Time {
	if t := c.stopped.Load(); t != nil {
		return *t
	}
	return c.user()
}

// lock locks mu for what changes the memory, and returns the time.
func (d *Denylist) lock() time.Time {
	now := d.clock.user()
	d.mu.Lock()
	d.clock.stopped.Store(&now)
	return now
}

func (d *Denylist) unlock() {
	d.clock.stopped.Store(nil)
	d.mu.Unlock()
}
