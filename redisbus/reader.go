package redisbus

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/redisbus/internal/wire"
)

// ErrTrimmed is the Cause of a Gap if entries were removed from the stream before this node had
// read them, because it was slow or away, or because Redis has lost them.
var ErrTrimmed = errors.New("redisbus: entries of the stream were removed before they were read")

const (
	blockFor  = time.Second // how long Redis waits for an entry
	slowAfter = 100 * time.Millisecond
	noEntry   = "0-0"
)

// A reader reads a stream on a connection of its own, and delivers the entries in order. After a
// lost connection it reads on from the last entry that it has delivered.
type reader struct {
	bus    *streamBus
	stream string

	mu      sync.Mutex
	began   info   // the stream when this node began to read it
	last    string // ID of the last entry that was delivered
	redis   string // run ID of the server; changes when it was restarted or replaced
	failing error
	since   time.Time
}

func (r *reader) position() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

func (r *reader) server() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.redis
}

// begin finds the end of the stream, so that nothing is missed from then on.
func (r *reader) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stuck)
	defer cancel()
	conn, release := r.bus.client.Dedicate()
	defer release()
	info, err := streamInfo(ctx, conn, r.stream)
	if err != nil {
		return err
	}
	r.began, r.last = info, info.last
	r.redis, err = runID(ctx, conn)
	return err
}

// run reads until ctx ends.
func (r *reader) run(ctx context.Context) {
	backoff := minBackoff
	for {
		began := time.Now()
		err := r.read(ctx)
		if ctx.Err() != nil {
			return
		}
		r.failed(err, began)
		if time.Since(began) > 2*maxBackoff {
			backoff = minBackoff
		}
		timer := time.NewTimer(backoff)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		backoff = min(2*backoff, maxBackoff/2)
		// In a Redis Cluster, this finds out where the stream is now.
		within, cancel := context.WithTimeout(ctx, stuck)
		_ = r.bus.client.Do(within, r.bus.client.B().XinfoStream().Key(r.stream).Build()).Error()
		cancel()
	}
}

// failed records that the stream cannot be read.
func (r *reader) failed(err error, at time.Time) {
	r.mu.Lock()
	changed := r.failing == nil
	if changed {
		r.since = at
	}
	r.failing = err
	r.mu.Unlock()
	if changed {
		r.bus.opts.Logger.Warn("redisbus: the stream cannot be read", "stream", r.stream, "error", err)
	}
}

// works records that the stream can be read.
func (r *reader) works() {
	r.mu.Lock()
	changed := r.failing != nil
	r.failing = nil
	r.mu.Unlock()
	if changed {
		r.bus.opts.Logger.Info("redisbus: the stream can be read again", "stream", r.stream)
	}
}

// read reads until the connection fails.
func (r *reader) read(ctx context.Context) error {
	conn, release := r.bus.client.Dedicate()
	defer release()
	if err := r.greet(ctx, conn); err != nil {
		return err
	}
	behind := true // entries may have been removed before they were read
	var size pageSize
	from := time.Now()
	for {
		var entries []rueidis.XRangeEntry
		var err error
		last := r.position()
		if behind {
			var missing bool
			if entries, missing, err = r.catchUp(ctx, conn, last, &size); missing {
				r.bus.gap(Gap{From: from, Until: time.Now(), Cause: ErrTrimmed})
				r.bus.opts.Logger.Error("redisbus: entries of the stream were removed before they were read", "stream", r.stream, "after", last)
				r.bus.records.trouble()
			}
		} else {
			entries, err = r.await(ctx, conn, last, size.count())
		}
		if err != nil {
			return err
		}
		r.works()
		full := size.full(entries)
		size.learn(entries)
		if !behind && full { // entries before them may have been removed
			behind = true
			continue
		}
		from = time.Now()
		for _, e := range entries {
			r.deliver(e)
		}
		behind = full || len(entries) > 0 && time.Since(from) > slowAfter
	}
}

// greet finds out to which server the connection leads.
func (r *reader) greet(ctx context.Context, conn rueidis.DedicatedClient) error {
	ctx, cancel := context.WithTimeout(ctx, stuck)
	defer cancel()
	info, err := streamInfo(ctx, conn, r.stream)
	if err != nil {
		return err
	}
	id, err := runID(ctx, conn)
	if err != nil {
		return err
	}
	r.mu.Lock()
	replaced := r.redis != id
	r.redis = id
	// A Redis that has lost its latest entries is older than this node. What it has was read already:
	// to read it again would send old events, and repeat old joins, for the sockets of today.
	older := before(info.last, r.last)
	if older {
		r.last = info.last
	}
	r.mu.Unlock()
	if older {
		now := time.Now()
		r.bus.gap(Gap{From: now, Until: now, Cause: ErrTrimmed})
		r.bus.opts.Logger.Error("redisbus: Redis has lost entries of the stream; messages of other nodes may have been missed", "stream", r.stream)
	}
	if replaced {
		r.bus.records.trouble()
	}
	return nil
}

// catchUp returns the entries after the last one, and whether entries before them are missing.
func (r *reader) catchUp(ctx context.Context, conn rueidis.DedicatedClient, last string, size *pageSize) (entries []rueidis.XRangeEntry, missing bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, stuck)
	defer cancel()
	entries, gone, err := page(ctx, conn, r.stream, last, "+", size.count())
	if err != nil || gone == nil {
		return entries, false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return entries, last != r.began.last || gone.removed != r.began.removed, nil
}

// await waits for entries after the last one.
func (r *reader) await(ctx context.Context, conn rueidis.DedicatedClient, last string, count int) ([]rueidis.XRangeEntry, error) {
	ctx, cancel := context.WithTimeout(ctx, blockFor+stuck)
	defer cancel()
	read := conn.B().Xread().Count(int64(count)).Block(blockFor.Milliseconds()).Streams().Key(r.stream).Id(last).Build()
	all, err := conn.Do(ctx, read).AsXRead()
	if rueidis.IsRedisNil(err) {
		return nil, nil
	}
	return all[r.stream], err
}

// deliver delivers an entry.
func (r *reader) deliver(e rueidis.XRangeEntry) {
	defer func() {
		r.mu.Lock()
		r.last = e.ID
		r.mu.Unlock()
	}()
	r.bus.handle(func() {
		r.bus.figures.received.Add(1)
		if e.FieldValues["uid"] == string(r.bus.id) {
			r.bus.records.read(r.stream, e.FieldValues[fieldNumber], e.ID)
			return
		}
		if e.FieldValues["nsp"] == "" && e.FieldValues[fieldOwn] == "" {
			return // of another node, for itself
		}
		m, err := r.bus.decodeEntry(r.bus.streams.Streams, r.stream, e.FieldValues)
		switch {
		case errors.Is(err, wire.ErrOwn), errors.Is(err, wire.ErrNobody):
		case err != nil:
			r.bus.ignored(r.stream, err)
		default:
			m.Offset = e.ID
			r.bus.deliver(m)
		}
	})
}
