package redisbus

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// queuesOfCluster is the number of queues for the sharded channels of a Redis Cluster. Each is
// for a range of slots, as each master is, so a master that does not answer holds up only the
// queues of its slots. Between channels there is no order in a cluster in any case.
const queuesOfCluster = 16

// An outbox is what waits to be sent to Redis: one queue, or several in a Redis Cluster.
type outbox struct {
	bus    *Bus
	queues []*queue
	most   int64        // bytes
	bytes  atomic.Int64 // in all queues

	mu      sync.Mutex
	failing int   // queues that cannot send
	err     error // why one of them cannot
	refused *refusal
	since   time.Time
}

// A refusal says that Redis answers, and does not accept some commands. Others may be accepted
// meanwhile: a Redis without memory accepts messages and no entries, and a user may lack the right to
// one channel.
type refusal struct {
	err     error
	channel string // empty if the refusal does not depend on the channel
	entry   bool   // of entries of streams, and not of messages
	at      time.Time
}

// refusalFor is when a refusal for a channel ends if the channel is not used again.
const refusalFor = 30 * time.Second

// ends reports whether the refusal ends because a parcel was accepted.
func (r *refusal) ends(p *parcel) bool {
	if r.channel != "" {
		return r.channel == p.channel || time.Since(r.at) > refusalFor
	}
	return r.entry == (p.fields != nil)
}

// answered records whether Redis accepted a parcel.
func (x *outbox) answered(p *parcel, err error) {
	x.mu.Lock()
	if err == nil && x.refused == nil {
		x.mu.Unlock()
		return
	}
	before := x.bad()
	switch {
	case err == nil:
		if x.refused.ends(p) {
			x.refused = nil
		}
	case x.refused == nil:
		x.refused = &refusal{err: err, entry: p.fields != nil, at: time.Now()}
		if text := err.Error(); strings.Contains(text, "NOPERM") && strings.Contains(text, "channel") {
			x.refused.channel = p.channel
		}
	default:
		x.refused.at = time.Now()
	}
	x.changed(before)
}

// bad returns why not everything can be sent, or nil. The caller holds mu.
func (x *outbox) bad() error {
	if x.failing > 0 {
		return x.err
	}
	if x.refused != nil {
		return x.refused.err
	}
	return nil
}

// changed logs the beginning or the end of a state. Before is what bad has returned. The caller holds
// mu, which changed unlocks.
func (x *outbox) changed(before error) {
	after := x.bad()
	if (before == nil) != (after == nil) {
		x.since = time.Now()
	}
	x.mu.Unlock()
	switch {
	case before == nil && after != nil:
		x.bus.opts.Logger.Warn("redisbus: messages cannot be sent to Redis", "error", after)
	case before != nil && after == nil:
		x.bus.opts.Logger.Info("redisbus: messages can be sent to Redis again")
	}
}

func newOutbox(b *Bus) *outbox {
	x := &outbox{bus: b, most: int64(b.opts.MaxQueue), since: time.Now()}
	x.queues = []*queue{newQueue(b, x)}
	return x
}

// split makes n queues. Nothing may have been queued.
func (x *outbox) split(n int) {
	for len(x.queues) < n {
		x.queues = append(x.queues, newQueue(x.bus, x))
	}
}

// queue returns the queue for a channel.
func (x *outbox) queue(channel string) *queue {
	if len(x.queues) == 1 {
		return x.queues[0]
	}
	return x.queues[int(slotOf(channel))*len(x.queues)/slots]
}

// put queues a parcel.
func (x *outbox) put(p parcel) error { return x.queue(p.channel).put(p) }

// reserve reports whether a parcel of the size fits in. An empty outbox takes a parcel of any
// size.
func (x *outbox) reserve(size int) bool {
	if bytes := x.bytes.Add(int64(size)); bytes > x.most && bytes > int64(size) {
		x.release(size)
		return false
	}
	return true
}

func (x *outbox) release(size int) { x.bytes.Add(-int64(size)) }

// state records whether a queue can send.
func (x *outbox) state(q *queue, err error) {
	x.mu.Lock()
	before := x.bad()
	if q.failing != nil {
		x.failing--
	}
	if q.failing = err; err != nil {
		x.failing++
		x.err = err
	}
	x.changed(before)
}

// health returns the figures of all queues, and why and since when some cannot send.
func (x *outbox) health() (sent, dropped uint64, since time.Time, err error) {
	for _, q := range x.queues {
		q.mu.Lock()
		sent += q.sent
		dropped += q.dropped
		q.mu.Unlock()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return sent, dropped, x.since, x.bad()
}

// flush waits until everything has been sent or dropped.
func (x *outbox) flush(ctx context.Context) error {
	for _, q := range x.queues {
		if err := q.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// close makes put fail.
func (x *outbox) close() {
	for _, q := range x.queues {
		q.close()
	}
}
