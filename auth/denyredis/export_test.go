package denyredis

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/auth"
)

// Pace is how often a list of a test mends, rewrites and keeps its records, and how long Redis may
// take to answer. Zero means what New has, but a long patience, for a busy machine.
type Pace struct{ Mend, Rewrite, Keep, Patience time.Duration }

// Open is New without the bound of MaxStale, at a pace.
func Open(ctx context.Context, client rueidis.ClientOption, opts Options, p Pace) (*Denylist, error) {
	p.Mend, p.Rewrite, p.Keep = cmp.Or(p.Mend, ordinary.mend), cmp.Or(p.Rewrite, ordinary.rewrite), cmp.Or(p.Keep, ordinary.keep)
	return open(ctx, client, opts, pace{p.Mend, p.Rewrite, p.Keep, cmp.Or(p.Patience, 30*time.Second)})
}

// Impatient is the pace of New, for tests in which Redis does not answer.
func Impatient() Pace { return Pace{Patience: ordinary.patience} }

// RememberRemoval makes a list remember that a block was removed, as if its record was lost.
func (d *Denylist) RememberRemoval(m auth.Match, until time.Time) {
	d.lock()
	d.forget(removed{Match: m, At: time.Now(), Until: until}, position{})
	d.unlock()
	d.mendSoon()
}

// WriteRefused reports whether the error of a command that writes counts as a refusal by Redis.
func WriteRefused(err error) bool { return errors.Is(notWritten(err), errNotWritten) }
