package denyredis

import (
	"context"
	"time"

	"github.com/redis/rueidis"
)

const (
	// mostUnlocked bounds the entries that a node adds again without the lock, by which one node
	// at a time adds many. mendRecords bounds the records that are added at a time.
	mostUnlocked = 100
	mendRecords  = 5000
	lockTime     = 10 * time.Second
)

// pace says how often and when records are written again.
type pace struct {
	// mend is how often the reader looks for entries that are not in the stream, or whose record
	// is old, beside after each interruption.
	mend time.Duration
	// rewrite is the age of a record at which it is written again, so that older ones can be
	// removed from the stream. Records that are younger than keep are not removed.
	rewrite, keep time.Duration
}

// ordinary is the pace of New.
var ordinary = pace{mend: 10 * time.Minute, rewrite: 7 * 24 * time.Hour, keep: time.Hour}

// lost makes the reader read the whole stream again. It writes a record first, so that there is
// one to find.
func (d *Denylist) lost() error {
	if _, err := d.append(d.ctx, record{}); err != nil {
		return err
	}
	d.mu.Lock()
	last := d.last
	d.last, d.lastText = position{}, ""
	d.trim = position{}
	d.health.Lost++
	for m, r := range d.removals {
		r.at = position{}
		d.removals[m] = r
	}
	d.mu.Unlock()
	clear(d.places)
	d.opts.Logger.Warn("auth/denyredis: the stream does not have the last record that was read, so it is read again from its beginning; entries that it has lost are added again",
		"stream", d.opts.Prefix, "record", last.String())
	return nil
}

// mend adds the entries again that are not in the stream, or whose record is old. It reports
// false if it must be called again after the stream was read to its end.
func (d *Denylist) mend() bool {
	missing, trim := d.audit()
	d.mu.Lock()
	d.health.Unlogged = len(missing)
	if len(missing) == 0 {
		d.trim = trim
	}
	d.mu.Unlock()
	if len(missing) > mostUnlocked && !d.lock() {
		return false
	}
	if len(missing) == 0 {
		d.unlock()
		return true
	}
	some := missing[:min(len(missing), mendRecords)]
	commands := make(rueidis.Commands, 0, len(some))
	for _, rec := range some {
		c, err := d.appending(rec)
		if err != nil {
			return false
		}
		commands = append(commands, c)
	}
	ctx, cancel := context.WithTimeout(d.ctx, patience+lockTime/2)
	defer cancel()
	added := uint64(0)
	for _, result := range d.client.DoMulti(ctx, commands...) {
		if result.Error() == nil {
			added++
		}
	}
	d.mu.Lock()
	d.health.Added += added
	d.mu.Unlock()
	d.opts.Logger.Info("auth/denyredis: entries that the stream did not have were added to it", "stream", d.opts.Prefix, "entries", added, "of", len(missing))
	return false
}

// audit returns records of the entries that the stream does not have, or only in an old record,
// and the place of the first record that is needed.
func (d *Denylist) audit() (missing []record, first position) {
	now := d.opts.List.Now()
	d.mu.Lock()
	last := d.last
	d.mu.Unlock()
	first = position{ms: last.ms - min(last.ms, uint64(d.pace.keep.Milliseconds()))}
	needed := func(at position) bool {
		if at == (position{}) || last.ms-min(last.ms, at.ms) > uint64(d.pace.rewrite.Milliseconds()) {
			return false
		}
		if at.before(first) {
			first = at
		}
		return true
	}
	places := make(map[entryKey]position, len(d.places))
	for r := range d.memory.All() {
		key := keyOf(r)
		if at := d.places[key]; needed(at) {
			places[key] = at
			continue
		}
		missing = append(missing, record{Add: &r})
	}
	d.places = places
	d.mu.Lock()
	defer d.mu.Unlock()
	for m, r := range d.removals {
		switch {
		case !r.Until.IsZero() && !now.Before(r.Until):
			delete(d.removals, m)
		case !needed(r.at):
			gone := r.removed
			missing = append(missing, record{Removed: &gone})
		}
	}
	return missing, first
}

// lock reports whether this node may add many entries. The first time it does, the caller must
// read the stream to its end, because another node may just have added them.
func (d *Denylist) lock() bool {
	ctx, cancel := context.WithTimeout(d.ctx, patience)
	defer cancel()
	held := d.locked
	set := d.client.B().Set().Key(d.lockKey()).Value(d.opts.Node)
	c := set.Nx().PxMilliseconds(lockTime.Milliseconds()).Build()
	if held {
		c = d.client.B().Set().Key(d.lockKey()).Value(d.opts.Node).PxMilliseconds(lockTime.Milliseconds()).Build()
	}
	d.locked = d.client.Do(ctx, c).Error() == nil
	return held && d.locked
}

// unlock lets other nodes add many entries.
func (d *Denylist) unlock() {
	if d.locked {
		d.locked = false
		_ = d.run(d.ctx, d.client.B().Del().Key(d.lockKey()).Build()) // it expires soon
	}
}
