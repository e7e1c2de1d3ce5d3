package denyredis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/auth"
)

// A record is written again if the connection was lost, for example while it was idle. Adding it
// twice is harmless.
const (
	appendAttempts = 3
	appendPause    = 50 * time.Millisecond
)

// keepRemoval is how long nodes remember at most that a block was removed.
const keepRemoval = 30 * 24 * time.Hour

// Add adds an entry, as auth.Denylist says: it is Spread without a receipt.
func (d *Denylist) Add(ctx context.Context, r auth.Revocation) error {
	_, err := d.Spread(ctx, r, 0)
	return err
}

// Spread adds an entry to memory, ends the sockets of the gates of this process, and writes the
// entry to Redis, as auth.SharedDenylist says. It takes at most 2 s, and then waits for other
// nodes. If the entry cannot be written to Redis, it fails with ErrNotLogged. If the list is
// full, it fails with auth.ErrDenylistFull; the sockets of all nodes end nevertheless. An entry
// that has ended already is not added.
func (d *Denylist) Spread(ctx context.Context, r auth.Revocation, wait time.Duration) (receipt auth.Receipt, err error) {
	if err := r.Check(); err != nil {
		return receipt, err
	}
	if now := d.opts.List.Now(); !r.Until.IsZero() && !now.Before(r.Until) {
		return receipt, nil
	}
	r, full := d.keep(r)
	type written struct {
		at  position
		err error
	}
	writing := make(chan written, 1)
	go func() {
		at, err := d.append(ctx, record{Add: &r, Ask: wait > 0, SweepOnly: full != nil})
		writing <- written{at, err}
	}()
	receipt.Sockets, err = d.sweep(ctx, r)
	w := <-writing
	if w.err != nil {
		if full == nil {
			d.mendSoon()
			w.err = fmt.Errorf("%w: %w", ErrNotLogged, w.err)
		}
		return receipt, errors.Join(full, w.err, err)
	}
	if wait > 0 {
		receipt.Confirmed, receipt.Missing = d.confirm(ctx, w.at, wait)
	}
	return receipt, errors.Join(full, err)
}

// keep adds an entry to memory. A block is made later than one that was removed before, whatever
// the clock of the node that made that.
func (d *Denylist) keep(r auth.Revocation) (auth.Revocation, error) {
	now := d.lock()
	defer d.unlock()
	if err := d.room(r, now); err != nil {
		return r, err
	}
	if gone, ok := d.removals[r.Match]; ok && r.IssuedBefore.IsZero() && !r.At.After(gone.At) {
		r.At = gone.At.Add(1)
	}
	return r, d.memory.Add(d.ctx, r)
}

// mendSoon makes the reader write entries that are not in the stream, when Redis answers.
func (d *Denylist) mendSoon() {
	d.mu.Lock()
	d.health.Unlogged++
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Remove removes a block, as auth.Denylist says. It returns nil when that is written to Redis,
// and takes at most 2 s. If Redis cannot be reached, the block remains.
func (d *Denylist) Remove(ctx context.Context, m auth.Match, madeUntil time.Time) error {
	e, ok := d.memory.Entry(m, true)
	if !ok || e.At.After(madeUntil) {
		return nil
	}
	gone := removed{Match: m, At: e.At, Until: d.opts.List.Now().Add(keepRemoval)}
	if !e.Until.IsZero() && e.Until.Before(gone.Until) {
		gone.Until = e.Until
	}
	at, err := d.append(ctx, record{Removed: &gone})
	if err != nil {
		return fmt.Errorf("auth/denyredis: the block was not removed, because Redis does not answer: %w", err)
	}
	d.lock()
	defer d.unlock()
	d.forget(gone, at)
	return nil
}

// append writes a record, and returns its place in the stream.
func (d *Denylist) append(ctx context.Context, rec record) (position, error) {
	ctx, cancel := context.WithTimeout(ctx, d.pace.patience)
	defer cancel()
	c, err := d.appending(rec)
	if err != nil {
		return position{}, err
	}
	c = c.Pin()
	for attempt := time.Duration(0); ; attempt++ {
		id, err := d.client.Do(ctx, c).ToString()
		if err == nil {
			return parsePosition(id)
		}
		if _, refused := rueidis.IsRedisErr(err); refused || attempt == appendAttempts {
			return position{}, err
		}
		select {
		case <-time.After(appendPause * attempt):
		case <-ctx.Done():
			return position{}, err
		}
	}
}

// appending returns the command that writes a record, and removes records that are not needed.
func (d *Denylist) appending(rec record) (c rueidis.Completed, err error) {
	rec.Node = d.opts.Node
	sealed, err := d.sealer.seal(rec, useRecord)
	if err != nil {
		return c, err
	}
	d.mu.Lock()
	trim, closed := d.trim, d.closed
	d.mu.Unlock()
	if closed {
		return c, ErrClosed
	}
	return d.client.B().Xadd().Key(d.opts.Prefix).Minid().Almost().Threshold(trim.String()).Id("*").FieldValue().FieldValue(field, sealed).Build(), nil
}
