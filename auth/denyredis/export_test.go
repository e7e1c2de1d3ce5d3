package denyredis

import (
	"context"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/auth"
)

// Pace is how often a list of a test mends, rewrites and keeps its records.
type Pace struct{ Mend, Rewrite, Keep time.Duration }

// Open is New without the bound of MaxStale, at a pace.
func Open(ctx context.Context, client rueidis.ClientOption, opts Options, p Pace) (*Denylist, error) {
	return open(ctx, client, opts, pace{p.Mend, p.Rewrite, p.Keep})
}

// Ordinary is the pace of New.
func Ordinary() Pace { return Pace{ordinary.mend, ordinary.rewrite, ordinary.keep} }

// RememberRemoval makes a list remember that a block was removed, as if its record was lost.
func (d *Denylist) RememberRemoval(m auth.Match, until time.Time) {
	d.lock()
	d.forget(removed{Match: m, At: time.Now(), Until: until}, position{})
	d.unlock()
	d.mendSoon()
}
