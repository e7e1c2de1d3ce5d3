package denyredis

import (
	"context"
	"errors"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/auth"
)

// pageRecords bounds the records that are read at a time.
const pageRecords = 500

// follow reads the stream until the list is closed, and is its only reader. It tells the other
// nodes once a second that this one lives.
func (d *Denylist) follow() {
	f := following{mended: time.Now()}
	for d.ctx.Err() == nil {
		if err := d.step(&f); err != nil {
			f.missing = true       // what was written last may be lost
			f.beaten = time.Time{} // the next beat shows whether Redis accepts writes
			d.failed(err)
		}
	}
}

// following is what follow knows from one step to the next.
type following struct {
	beaten, mended time.Time // when the last beat and the last complete mend were
	missing        bool      // entries may not be in the stream
}

// step reads one page, and does what is due then.
func (d *Denylist) step(f *following) error {
	n, err := d.readPage(d.ctx, blocking)
	if errors.Is(err, errReplaced) {
		f.missing = true
		d.lost()
		return nil
	}
	if err != nil {
		return err
	}
	if time.Since(f.beaten) >= beatEvery {
		if err := d.beat(d.ctx, true); err != nil {
			return notWritten(err)
		}
		f.beaten = time.Now()
	}
	if n == pageRecords { // not the end
		return nil
	}
	select {
	case <-d.wake:
		f.missing = true
	default:
	}
	due := time.Since(f.mended) >= d.pace.mend
	if due && d.readAgain() {
		f.mended, f.missing = time.Now(), true
		return nil
	}
	if f.missing || due {
		done, err := d.mend()
		if err != nil {
			return notWritten(err)
		}
		if done {
			f.mended, f.missing = time.Now(), false
		}
	}
	d.works()
	return nil
}

// errReplaced says that the stream does not have the last record that was read: it has lost
// records, or was replaced.
var errReplaced = errors.New("the stream does not have the last record that was read")

// readPage reads the records after the last one, and waits up to block for one unless that is
// negative. It returns their number. Fewer than pageRecords are up to the end. It fails with
// errReplaced if the records do not follow the last one.
func (d *Denylist) readPage(ctx context.Context, block time.Duration) (int, error) {
	d.mu.Lock()
	after, text := d.last, d.lastText
	d.mu.Unlock()
	began := time.Now()
	wait := d.pace.patience + max(block, 0)
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	count := d.client.B().Xread().Count(pageRecords)
	var read rueidis.Completed
	if block < 0 {
		read = count.Streams().Key(d.opts.Prefix).Id(after.String()).Build()
	} else {
		read = count.Block(block.Milliseconds()).Streams().Key(d.opts.Prefix).Id(after.String()).Build()
	}
	// The second command is executed right after the first one, on the same server.
	find := d.client.B().Xrange().Key(d.opts.Prefix).Start(after.String()).End(after.String()).Count(1).Build()
	results := d.client.DoMulti(ctx, read, find)
	streams, err := results[0].AsXRead()
	if err != nil && !rueidis.IsRedisNil(err) {
		return 0, err
	}
	if after != (position{}) {
		found, err := results[1].AsXRange()
		if err != nil {
			return 0, err
		}
		if len(found) != 1 || found[0].FieldValues[field] != text {
			return 0, errReplaced
		}
	}
	records := streams[d.opts.Prefix]
	came, err := d.take(records)
	if err != nil {
		return 0, err
	}
	if block >= 0 && len(records) > 0 { // before, there are no gates
		select {
		case d.sweeps <- came:
		case <-d.ctx.Done():
			return 0, d.ctx.Err()
		}
	}
	if len(records) < pageRecords {
		d.readToEnd(began) // not the present, because this process may have been suspended
	}
	return len(records), nil
}

// take adds the entries of records to memory, before their sockets are ended.
func (d *Denylist) take(records []rueidis.XRangeEntry) ([]arrived, error) {
	came := make([]arrived, 0, len(records))
	for _, r := range records {
		at, err := parsePosition(r.ID)
		if err != nil {
			return nil, err
		}
		var rec record
		err = d.sealer.open(r.FieldValues[field], useRecord, &rec)
		a := arrived{at: at}
		if err == nil {
			a, err = d.apply(at, rec)
		}
		if err != nil {
			a.counted = false // or this node would confirm what it does not have
			d.refuse(at, err)
		}
		d.mu.Lock()
		d.last, d.lastText = at, r.FieldValues[field]
		d.mu.Unlock()
		came = append(came, a)
	}
	return came, nil
}

// apply carries out a record in memory.
func (d *Denylist) apply(at position, rec record) (arrived, error) {
	a := arrived{at: at, counted: rec.Ask}
	switch {
	case rec.Removed != nil:
		d.lock()
		defer d.unlock()
		d.forget(*rec.Removed, at)
	case rec.Add != nil:
		if err := rec.Add.Check(); err != nil {
			return a, err
		}
		a.entry, a.sweep = *rec.Add, true
		if rec.SweepOnly {
			return a, nil
		}
		changed, err := d.remember(rec.Add, at)
		a.sweep = changed || err != nil
		return a, err
	}
	return a, nil
}

// remember adds an entry of a record to memory, and reports whether it was not there. The
// place of the entry becomes that of the record if the record has all of it.
func (d *Denylist) remember(r *auth.Revocation, at position) (changed bool, err error) {
	block := r.IssuedBefore.IsZero()
	d.lock()
	defer d.unlock()
	if gone, ok := d.removals[r.Match]; ok && block && !r.At.After(gone.At) {
		return false, nil
	}
	before, had := d.memory.Entry(r.Match, block)
	if err := d.memory.Add(d.ctx, *r); err != nil {
		return true, err
	}
	after, ok := d.memory.Entry(r.Match, block)
	if !ok { // it has ended
		return false, nil
	}
	if same(after, *r) {
		d.places[keyOf(after)] = at
	}
	return !had || !same(before, after), nil
}

// same reports whether two entries with the same ID concern the same tokens.
func same(a, b auth.Revocation) bool {
	return a.Until.Equal(b.Until) && a.IssuedBefore.Equal(b.IssuedBefore)
}

// forget removes a block. The caller has called lock.
func (d *Denylist) forget(r removed, at position) {
	if known, ok := d.removals[r.Match]; ok && known.At.After(r.At) {
		return
	}
	d.removals[r.Match] = removal{r, at}
	if e, ok := d.memory.Entry(r.Match, true); ok && !e.At.After(r.At) {
		_ = d.memory.Remove(d.ctx, r.Match, r.At) // never fails
	}
}

// sweepAll ends the sockets of entries that arrive, until the list is closed.
func (d *Denylist) sweepAll() {
	for {
		select {
		case came := <-d.sweeps:
			d.sweepSome(came)
		case <-d.ctx.Done():
			return
		}
	}
}

// sweepSome ends the sockets of some entries, and tells the other nodes if one of them waits.
func (d *Denylist) sweepSome(came []arrived) {
	asked := false
	for _, a := range came {
		var ended int
		var err error
		if a.sweep {
			ended, err = d.sweep(d.ctx, a.entry) // the gate logs its errors
		}
		d.mu.Lock()
		if a.counted && err == nil {
			asked = true
			d.count(a.at, ended)
		}
		d.mu.Unlock()
	}
	if asked {
		if err := d.beat(d.ctx, false); err != nil && d.ctx.Err() == nil {
			d.opts.Logger.Warn("auth/denyredis: other nodes were not told that sockets have ended", "error", err)
		}
	}
}
