package denyredis

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
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

// pace says how often and when records are written again, and how long Redis may take to answer.
type pace struct {
	// mend is how often the reader looks for entries that are not in the stream, or whose record
	// is old, beside after each interruption.
	mend time.Duration
	// rewrite is the age of a record at which it is written again, so that older ones can be
	// removed from the stream. Records that are younger than keep are not removed.
	rewrite, keep time.Duration
	// patience is how long Redis may take to answer a command.
	patience time.Duration
}

// ordinary is the pace of New.
var ordinary = pace{mend: 10 * time.Minute, rewrite: 7 * 24 * time.Hour, keep: time.Hour, patience: 2 * time.Second}

// lost makes the reader read the whole stream again. It writes a record first, so that there is
// one to find. If Redis does not accept it, the stream is read nevertheless.
func (d *Denylist) lost() {
	_, _ = d.append(d.ctx, record{}) // the next beat fails too
	d.mu.Lock()
	last := d.last
	d.health.Lost++
	d.mu.Unlock()
	d.rewind()
	d.opts.Logger.Warn("auth/denyredis: the stream does not have the last record that was read, so it is read again from its beginning; entries that it has lost are added again",
		"stream", d.opts.Prefix, "record", last.String())
}

// rewind makes the reader begin at the first record.
func (d *Denylist) rewind() {
	d.mu.Lock()
	d.last, d.lastText = position{}, ""
	d.trim = position{}
	d.refusing = nil
	for m, r := range d.removals {
		r.at = position{}
		d.removals[m] = r
	}
	d.mu.Unlock()
	clear(d.places)
}

// mend adds the entries again that are not in the stream, or whose record is old. It reports
// false if it must be called again after the stream was read to its end. It fails if Redis did
// not accept a record.
func (d *Denylist) mend() (done bool, err error) {
	missing, trim := d.audit()
	d.mu.Lock()
	d.health.Unlogged = len(missing)
	d.mu.Unlock()
	if len(missing) > mostUnlocked {
		if mine, err := d.takeTurn(); !mine {
			return false, err
		}
	}
	commands, err := d.writing(missing)
	if err != nil {
		return false, err
	}
	if len(commands) == 0 {
		d.mu.Lock()
		if d.incomplete != nil || d.refusing != nil { // the records that are needed are not all known
			trim = position{}
		}
		d.trim = trim
		d.mu.Unlock()
		d.endTurn()
		return true, nil
	}
	ctx, cancel := context.WithTimeout(d.ctx, d.pace.patience+lockTime/2)
	defer cancel()
	added := uint64(0)
	for _, result := range d.client.DoMulti(ctx, commands...) {
		if failed := result.Error(); failed != nil {
			err = cmp.Or(err, failed)
			continue
		}
		added++
	}
	d.mu.Lock()
	d.health.Added += added
	d.mu.Unlock()
	if added > 0 {
		d.opts.Logger.Info("auth/denyredis: entries that the stream did not have were added to it", "stream", d.opts.Prefix, "entries", added, "of", len(missing))
	}
	return false, err
}

// writing returns the commands that write some of the records. An entry that cannot be written,
// such as one with a time that JSON cannot have, is logged and left out, so that it does not keep
// the others from the stream.
func (d *Denylist) writing(records []record) (rueidis.Commands, error) {
	commands := make(rueidis.Commands, 0, min(len(records), mendRecords))
	for _, rec := range records {
		if len(commands) == mendRecords {
			break
		}
		c, err := d.appending(rec)
		if errors.Is(err, ErrClosed) {
			return nil, err
		}
		if err != nil {
			d.log.Log(d.ctx, d.opts.Logger, slog.LevelError, "unwritable", "auth/denyredis: an entry cannot be written, so it works on this node only", "error", err)
			continue
		}
		commands = append(commands, c)
	}
	return commands, nil
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

// takeTurn reports whether this node may add many entries. The first time it may, takeTurn reports
// false, and the caller must read the stream to its end, because another node may just have added
// them.
func (d *Denylist) takeTurn() (bool, error) {
	held := d.turn
	set := d.client.B().Set().Key(d.lockKey()).Value(d.opts.Node)
	if !held {
		err := d.run(d.ctx, set.Nx().PxMilliseconds(lockTime.Milliseconds()).Build())
		d.turn = err == nil
		if rueidis.IsRedisNil(err) { // another node has it
			err = nil
		}
		return false, err
	}
	err := d.run(d.ctx, set.PxMilliseconds(lockTime.Milliseconds()).Build())
	d.turn = err == nil
	return d.turn, err
}

// endTurn lets other nodes add many entries.
func (d *Denylist) endTurn() {
	if d.turn {
		d.turn = false
		_ = d.run(d.ctx, d.client.B().Del().Key(d.lockKey()).Build()) // it expires soon
	}
}
