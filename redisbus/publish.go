package redisbus

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/observe"
)

// ErrBacklog is returned for a message that does not fit into the queue for Redis, because Redis
// is slow or cannot be reached.
var ErrBacklog = errors.New("redisbus: the queue for Redis is full")

const (
	// staleAfter is the age at which a message that waits is dropped. Events that are late by
	// more would surprise more than events that are missing.
	staleAfter = 2 * time.Second
	// maxSent bounds the messages of one pipeline. They are lost if
	// the connection is lost before Redis has answered.
	maxSent = 512
)

// A queue sends parcels to Redis, in order, by one goroutine. All parcels that wait go out in
// one pipeline, so the pipelines grow with the load.
type queue struct {
	bus *Bus
	box *outbox
	out outlet

	wake chan struct{} // has capacity 1

	mu      sync.Mutex
	waiting []dated // from head on
	head    int
	busy    bool // a pipeline is on its way
	closed  bool
	idle    chan struct{} // closed when nothing waits, if flush waits for that
	sent    uint64
	dropped uint64
	failing error // the last pipeline has failed; the outbox's mutex guards it
}

// dated is a parcel and the time at which it was queued.
type dated struct {
	parcel
	at time.Time
}

func newQueue(b *Bus, box *outbox) *queue {
	return &queue{bus: b, box: box, out: outlet{bus: b}, wake: make(chan struct{}, 1)}
}

// put queues a parcel.
func (q *queue) put(p parcel) error {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return errClosed
	}
	if !q.box.reserve(p.size()) {
		q.mu.Unlock()
		return ErrBacklog
	}
	q.waiting = append(q.waiting, dated{p, time.Now()})
	first := q.length() == 1
	q.mu.Unlock()
	if first {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
	return nil
}

// run sends what is queued until ctx ends.
func (q *queue) run(ctx context.Context) {
	var batch []dated
	backoff := minBackoff
	for {
		clear(batch)
		batch = q.take(batch[:0])
		if len(batch) == 0 {
			select {
			case <-q.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		failed, ok := q.send(ctx, batch)
		if ok {
			backoff = minBackoff
			continue
		}
		if !q.reconnect(ctx, failed, &backoff) {
			return
		}
	}
}

// length returns the number of parcels that wait. The caller holds mu.
func (q *queue) length() int { return len(q.waiting) - q.head }

// take returns what to send next, without what has waited for too long.
func (q *queue) take(batch []dated) []dated {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.expire()
	n := min(q.length(), maxSent)
	batch = append(batch, q.waiting[q.head:q.head+n]...)
	q.cut(n)
	q.busy = n > 0
	q.signal()
	return batch
}

// expire drops what has waited for too long. The caller holds mu.
func (q *queue) expire() {
	oldest := time.Now().Add(-staleAfter)
	stale := 0
	for stale < q.length() && q.waiting[q.head+stale].at.Before(oldest) {
		stale++
	}
	q.dropped += uint64(stale)
	for i := range stale {
		q.waiting[q.head+i].isLost(true)
	}
	q.cut(stale)
}

// cut removes the first n parcels. The caller holds mu.
func (q *queue) cut(n int) {
	gone := q.waiting[q.head : q.head+n]
	for i := range gone {
		q.box.release(gone[i].size())
	}
	clear(gone)
	q.head += n
	switch {
	case q.length() == 0:
		if q.waiting, q.head = q.waiting[:0], 0; cap(q.waiting) > 4*maxSent {
			q.waiting = nil
		}
	case q.head > len(q.waiting)/2:
		kept := copy(q.waiting, q.waiting[q.head:])
		clear(q.waiting[kept:])
		q.waiting, q.head = q.waiting[:kept], 0
	}
}

// send sends a pipeline. If a connection has failed, it returns false and the channel of a message that
// was not sent. If nothing had been written then, everything is queued again.
func (q *queue) send(ctx context.Context, batch []dated) (failedAt string, ok bool) {
	commands := make(rueidis.Commands, len(batch))
	for i := range batch {
		commands[i] = q.bus.command(&batch[i].parcel)
	}
	ctx, cancel := context.WithTimeout(ctx, stuck)
	defer cancel()
	ctx, running := observe.Begin(ctx, q.bus.opts.Observer, observe.Operation{Kind: observe.Publish})
	var lost error
	failed, unwritten := 0, 0
	for i, result := range q.out.doAll(ctx, batch, commands) {
		err := result.Error()
		if err == nil {
			q.box.answered(&batch[i].parcel, nil)
			continue
		}
		failed++
		if _, ok := rueidis.IsRedisErr(err); ok {
			q.box.answered(&batch[i].parcel, err)
			q.bus.warn("redisbus: Redis refused a message", "error", err)
			batch[i].isLost(true)
			continue
		}
		lost, failedAt = err, batch[i].channel
		if notWritten(err) {
			unwritten++
		}
	}
	if lost != nil {
		q.out.failed()
	}
	running.End(published(len(batch), failed))
	q.mu.Lock()
	q.busy = false
	if lost != nil && unwritten == len(batch) {
		for i := range batch {
			q.box.bytes.Add(int64(batch[i].size())) // not more than was there before
		}
		q.waiting, q.head = append(slices.Clone(batch), q.waiting[q.head:]...), 0
		failed = 0
	} else {
		q.sent += uint64(len(batch) - failed)
		if lost != nil {
			batch[0].isLost(false) // this one stands for all
		}
	}
	q.dropped += uint64(failed)
	q.signal()
	q.mu.Unlock()
	q.box.state(q, lost)
	return failedAt, lost == nil
}

// notWritten reports whether a command failed because no connection could be made.
func notWritten(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// reconnect waits until Redis answers, after a message for a channel has failed. It returns false
// if ctx ends first. Meanwhile messages wait, and become too old.
func (q *queue) reconnect(ctx context.Context, failed string, backoff *time.Duration) bool {
	for {
		timer := time.NewTimer(*backoff)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false
		}
		*backoff = min(2**backoff, 2*maxBackoff)
		within, cancel := context.WithTimeout(ctx, stuck)
		client := q.out.client()
		err := client.Do(within, q.probe(client, failed)).NonRedisError() // it may answer that it is loading
		cancel()
		if err != nil {
			q.out.failed()
		}
		q.mu.Lock()
		q.expire()
		q.signal()
		q.mu.Unlock()
		q.box.state(q, err)
		if err == nil {
			return true
		}
	}
}

// probe returns a command without an effect, for the server that has the channel. In a Redis
// Cluster, that is a message for a channel of the same slot on which nothing listens.
func (q *queue) probe(client rueidis.Client, channel string) rueidis.Completed {
	if !q.bus.sharded || !q.bus.cluster || strings.ContainsAny(channel, "{}") {
		return client.B().Ping().Build()
	}
	return client.B().Spublish().Channel(q.bus.own.all + "{" + channel + "}").Message("").Build()
}

// flush waits until everything has been sent or dropped.
func (q *queue) flush(ctx context.Context) error {
	for {
		q.mu.Lock()
		if q.length() == 0 && !q.busy {
			q.mu.Unlock()
			return nil
		}
		if q.idle == nil {
			q.idle = make(chan struct{})
		}
		idle := q.idle
		q.mu.Unlock()
		select {
		case <-idle:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// signal wakes flush if there is nothing to wait for. The caller holds mu.
func (q *queue) signal() {
	if q.idle != nil && q.length() == 0 && !q.busy {
		close(q.idle)
		q.idle = nil
	}
}

// close makes put fail.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}

// warn logs a warning that other nodes can cause at will.
func (b *Bus) warn(msg string, attrs ...any) {
	b.sampler.Log(context.Background(), b.opts.Logger, slog.LevelWarn, msg, msg, attrs...)
}
