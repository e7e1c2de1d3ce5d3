package denyredis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/auth"
	"socketiojwt/internal/logging"
)

// blocking is how long a read of the stream waits for a record.
const blocking = 500 * time.Millisecond

// New connects to Redis, checks what it needs, and reads the list to its end. It fails with an
// error that says what is missing: an option, the address, the version of Redis, the right to
// run a command, or the key of the other nodes. It also fails if ctx ends before, so no gate ever
// has a list that was not read. The caller must call Close.
//
// New changes client: it disables client-side caching and retries, and bounds the time of a write
// to 3 s if that is zero.
func New(ctx context.Context, client rueidis.ClientOption, opts Options) (*Denylist, error) {
	if opts.MaxStale != 0 && opts.MaxStale < leastStale {
		return nil, errors.New("auth/denyredis: MaxStale is less than 5 s; set a longer time, or zero for 30 s")
	}
	return open(ctx, client, opts, ordinary)
}

// open is New at a pace that a test may choose.
func open(ctx context.Context, client rueidis.ClientOption, opts Options, pace pace) (*Denylist, error) {
	opts, err := opts.defaults()
	if err != nil {
		return nil, err
	}
	sealer, err := newSealer(opts.Prefix, opts.Keys)
	if err != nil {
		return nil, err
	}
	// Retries would hide that a connection was lost, and with it perhaps a record.
	client.DisableCache, client.DisableRetry = true, true
	if client.ConnWriteTimeout == 0 {
		client.ConnWriteTimeout = 3 * time.Second
	}
	connected, err := rueidis.NewClient(client)
	if err != nil {
		return nil, fmt.Errorf("auth/denyredis: cannot connect to Redis at %s: %w", strings.Join(client.InitAddress, ", "), err)
	}
	d := &Denylist{
		opts: opts, pace: pace, client: connected, sealer: sealer, boot: rand.Text(),
		sweeps: make(chan []arrived, 16), wake: make(chan struct{}, 1),
		clock: clock{user: opts.List.Now}, log: logging.Sampler{PerMinute: 10, Repeat: time.Minute},
		counts: make(map[string]int), places: make(map[entryKey]position), removals: make(map[auth.Match]removal), peers: make(map[string]*peer),
	}
	d.memory = auth.NewDenylist(withSpare(opts.List, d.clock.now))
	d.ctx, d.cancel = context.WithCancel(context.Background())
	if err := d.begin(ctx); err != nil {
		d.cancel()
		connected.Close()
		return nil, fmt.Errorf("auth/denyredis: %w", err)
	}
	d.work.Go(d.follow)
	d.work.Go(d.sweepAll)
	return d, nil
}

// begin checks Redis and reads the list.
func (d *Denylist) begin(ctx context.Context) error {
	if err := d.checkVersion(ctx); err != nil {
		return err
	}
	if err := d.checkRights(ctx); err != nil {
		return err
	}
	if err := d.readAll(ctx); err != nil {
		return err
	}
	if err := d.beat(ctx, true); err != nil {
		return fmt.Errorf("cannot write to %s: %w", d.nodesKey(), err)
	}
	if err := d.otherKey(); err != nil {
		return err
	}
	// A record without an entry shows that this node may write. From then on, there is a last record,
	// by which the reader notices that the stream was replaced.
	if _, err := d.append(ctx, record{}); err != nil {
		return refusedBy("XADD "+d.opts.Prefix, err)
	}
	return d.readAll(ctx)
}

// readAll reads the stream to its end, before there are gates.
func (d *Denylist) readAll(ctx context.Context) error {
	for {
		n, err := d.readPage(ctx, -1)
		switch {
		case err != nil:
			return fmt.Errorf("cannot read the stream %s: %w", d.opts.Prefix, err)
		case d.unreadable != nil:
			return fmt.Errorf("the stream %s cannot be read: %w; give all nodes the same Keys, or remove the record by XDEL", d.opts.Prefix, d.unreadable)
		case n < pageRecords:
			return nil
		}
	}
}

// checkVersion returns an error if Redis is older than 6.2.
func (d *Denylist) checkVersion(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, d.pace.patience)
	defer cancel()
	hello, err := d.client.Do(ctx, d.client.B().Arbitrary("HELLO").Build()).AsMap()
	if err != nil {
		return fmt.Errorf("cannot ask Redis for its version: %w", err)
	}
	member := hello["version"]
	version, err := member.ToString()
	if err != nil {
		return fmt.Errorf("Redis does not say its version: %w", err)
	}
	parts := strings.SplitN(version+".0.0", ".", 3)
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("Redis says that its version is %.40q, which is not a version", version)
	}
	if major < 6 || major == 6 && minor < 2 {
		return fmt.Errorf("the version of Redis is %s; use 6.2 or later", version)
	}
	return nil
}

// refusedBy returns the error of a command.
func refusedBy(command string, err error) error {
	return fmt.Errorf("Redis refused the command %s: %w", command, err)
}

// checkRights runs each command on its key once, except XADD.
func (d *Denylist) checkRights(ctx context.Context) error {
	b, stream, nodes, lock := d.client.B(), d.opts.Prefix, d.nodesKey(), d.lockKey()
	for _, c := range []struct {
		name string
		run  rueidis.Completed
	}{
		{"XRANGE " + stream, b.Xrange().Key(stream).Start("0-1").End("0-1").Count(1).Build()},
		{"XREAD " + stream, b.Xread().Count(1).Streams().Key(stream).Id("$").Build()},
		{"HSET " + nodes, b.Hset().Key(nodes).FieldValue().FieldValue("probe", "").Build()},
		{"HGETALL " + nodes, b.Hgetall().Key(nodes).Build()},
		{"HDEL " + nodes, b.Hdel().Key(nodes).Field("probe").Build()},
		{"PEXPIRE " + nodes, b.Pexpire().Key(nodes).Milliseconds(keepNodes.Milliseconds()).Build()},
		{"SET " + lock, b.Set().Key(lock).Value(d.opts.Node).Nx().PxMilliseconds(1).Build()},
		{"DEL " + lock, b.Del().Key(lock + ":probe").Build()},
	} {
		if err := d.run(ctx, c.run); err != nil && !rueidis.IsRedisNil(err) {
			return refusedBy(c.name, err)
		}
	}
	return nil
}

// run runs a command. Redis must answer within the patience of the pace.
func (d *Denylist) run(ctx context.Context, c rueidis.Completed) error {
	ctx, cancel := context.WithTimeout(ctx, d.pace.patience)
	defer cancel()
	return d.client.Do(ctx, c).Error()
}

// Close stops reading, tells the other nodes that this one has left, and closes the connections
// to Redis. Find works until Options.MaxStale has passed. Calls of Add and Remove that run fail.
// If Redis does not answer, Close takes some 5 s.
// Calling Close again has no effect.
func (d *Denylist) Close() {
	d.mu.Lock()
	closed := d.closed
	d.closed = true
	d.mu.Unlock()
	if closed {
		return
	}
	d.cancel()
	d.work.Wait() // so that no beat follows
	if sealed, err := d.sealer.seal(state{Boot: d.boot, Left: true}, d.opts.Node); err == nil {
		_ = d.run(context.Background(), d.client.B().Hset().Key(d.nodesKey()).FieldValue().FieldValue(d.opts.Node, sealed).Build())
	}
	d.client.Close()
}

// The names of the keys beside the stream, and of the field of a record.
func (d *Denylist) nodesKey() string { return d.opts.Prefix + ":nodes" }
func (d *Denylist) lockKey() string  { return d.opts.Prefix + ":lock" }

const (
	field     = "r"
	useRecord = "record"
)
