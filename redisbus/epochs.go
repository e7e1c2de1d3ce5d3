package redisbus

import (
	"context"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/socketio"
)

// This file begins, renews and ends the epochs of records.

func (r *records) key() string { return epochKey(r.bus.opts.Prefix, string(r.bus.id)) }

func epochKey(prefix, node string) string { return prefix + "-go:epoch:" + node }

// renew extends the epoch by a lease. An attempt may take as long as the present lease lasts, so that a
// node that is busy for a second keeps its epoch.
func (r *records) renew(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	c := r.bus.client
	clock, err := c.Do(ctx, c.B().Time().Build()).AsIntSlice()
	received := time.Now()
	if err != nil || len(clock) != 2 {
		return false
	}
	until := received.Add(leaseFor)
	// When until has come here, it has in Redis: its clock was read before received.
	at := time.Unix(clock[0], clock[1]*1000).Add(leaseFor)
	r.mu.Lock()
	count := r.count
	r.latest = until
	r.mu.Unlock()
	set := c.B().Set().Key(r.key()).Value(number(count)).PxatMillisecondsTimestamp(at.UnixMilli()).Build()
	if err := c.Do(ctx, set).Error(); err != nil {
		if _, refused := rueidis.IsRedisErr(err); refused {
			r.bus.warn("redisbus: Redis refused to keep the node's epoch, so no session can be recovered", "error", err)
		}
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until = until
	return true
}

// patience is how long an attempt to renew the epoch may take.
func (r *records) patience() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != recording {
		return renewFor
	}
	return max(time.Until(r.until), 0)
}

// end ends the epoch in Redis. It reports whether it has ended.
func (r *records) end(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, renewFor)
	defer cancel()
	c := r.bus.client
	r.mu.Lock()
	latest := r.latest
	r.mu.Unlock()
	if time.Now().After(latest) {
		return true
	}
	return c.Do(ctx, c.B().Del().Key(r.key()).Build()).Error() == nil
}

// start begins an epoch if the markers of all streams were read back.
func (r *records) start(ctx context.Context) {
	r.mu.Lock()
	complete := len(r.since) == len(r.bus.readers)
	waits := false
	for n, rec := range r.pending {
		if rec.done == nil {
			if waits = time.Since(rec.at) < markFor; !waits {
				r.forget(n)
			}
		}
	}
	if complete {
		r.count++
	}
	r.mu.Unlock()
	if !complete {
		if !waits {
			r.mark()
		}
		return
	}
	if !r.renew(ctx) {
		r.mu.Lock()
		clear(r.since)
		r.mu.Unlock()
		return
	}
	r.mu.Lock()
	began := r.state == broken || r.state == starting
	if began {
		r.state = recording
		clear(r.since) // what was not recorded is in the queue, before the next marker
	}
	r.mu.Unlock()
	if began && !r.mark() {
		r.doubt.Store(true)
	}
}

// mark adds an entry to each stream that this node reads back.
func (r *records) mark() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != recording {
		clear(r.since)
	}
	for stream := range r.bus.readers {
		fields := []string{"uid", string(r.bus.id), "nsp", "", "type", "go", fieldNumber, number(r.last + 1)}
		p := r.bus.streams.entry(stream, fields)
		if r.queue(p, &record{stream: stream, size: p.size(), at: time.Now()}) != nil {
			return false
		}
	}
	return true
}

// keeps remembers for how long a session is kept.
func (r *records) keeps(sessions []socketio.SavedSession) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range sessions {
		r.window = max(r.window, s.Window)
	}
}

// leave stops run, and makes the epoch last as long as the sessions of this node.
func (r *records) leave(ctx context.Context) {
	for range leaveFor / leavePoll { // until all is read back
		r.mu.Lock()
		rest := len(r.pending)
		r.mu.Unlock()
		if rest == 0 || ctx.Err() != nil {
			break
		}
		time.Sleep(leavePoll)
	}
	r.leaving <- ctx
	<-r.ended
}

const (
	leaveFor  = time.Second
	leavePoll = 5 * time.Millisecond
)

// keepEpoch makes the epoch last as long as the sessions of this node.
func (r *records) keepEpoch(ctx context.Context) {
	r.mu.Lock()
	lasts := r.state == recording && time.Now().Before(r.until) && len(r.pending) == 0 && r.window > 0
	window, count := r.window, r.count
	r.mu.Unlock()
	if !lasts || ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, stuck)
	defer cancel()
	c := r.bus.client
	set := c.B().Set().Key(r.key()).Value(number(count)).PxMilliseconds(window.Milliseconds()).Build()
	if err := c.Do(ctx, set).Error(); err != nil {
		r.bus.warn("redisbus: the sessions of this node cannot be recovered on others", "error", err)
	}
}
