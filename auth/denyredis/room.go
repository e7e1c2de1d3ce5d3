package denyredis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"socketiojwt/auth"
)

// mostEntries is the bound of auth.DenylistOptions.MaxEntries by default.
const mostEntries = 100_000

// withSpare returns the options of the memory. It has room for twice as many entries as this node
// adds: those of the stream were accepted by another node, which may have had room for them at the
// same time.
func withSpare(opts auth.DenylistOptions, now func() time.Time) auth.DenylistOptions {
	opts.MaxEntries = 2 * min(opts.MaxEntries, math.MaxInt/2)
	opts.Now = now
	return opts
}

// room returns an error if this node may not add an entry, because there are as many as
// Options.List allows. The caller has called lock at a time.
func (d *Denylist) room(r auth.Revocation, now time.Time) error {
	most := d.opts.List.MaxEntries
	if d.memory.Len() < most {
		return nil
	}
	if _, known := d.memory.Entry(r.Match, r.IssuedBefore.IsZero()); known {
		return nil
	}
	if age := now.Sub(d.entriesAt); age < 0 || age >= time.Second { // counting takes time
		d.entries, d.entriesAt = 0, now
		for range d.memory.All() {
			d.entries++
		}
	}
	if d.entries >= most {
		return fmt.Errorf("%w: it has %d entries; set a larger Options.List.MaxEntries on all nodes, or a shorter auth.Options.LongestToken", auth.ErrDenylistFull, d.entries)
	}
	d.entries++
	return nil
}

// refuse counts and logs a record that was not taken into the list. If that is because the list has
// no room, the list is incomplete until the stream was read again.
func (d *Denylist) refuse(at position, err error) {
	err = fmt.Errorf("record %s: %w", at, err)
	key := "unreadable"
	d.mu.Lock()
	if errors.Is(err, auth.ErrDenylistFull) {
		key = "full"
		d.health.Full++
		d.refusing, d.incomplete = err, err
	} else {
		d.health.Unreadable++
		if d.unreadable == nil {
			d.unreadable = err
		}
	}
	d.mu.Unlock()
	d.log.Log(context.Background(), d.opts.Logger, slog.LevelError, key, "auth/denyredis: a record was not taken into the list", "stream", d.opts.Prefix, "error", err)
}

// readToEnd notes that the list was read to its end by a read that began at a time.
func (d *Denylist) readToEnd(began time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fresh = began
	d.incomplete = d.refusing
}

// readAgain makes the reader begin again if the list is incomplete: entries may have ended since.
func (d *Denylist) readAgain() bool {
	d.mu.Lock()
	incomplete := d.incomplete != nil
	d.mu.Unlock()
	if incomplete {
		d.rewind()
	}
	return incomplete
}
