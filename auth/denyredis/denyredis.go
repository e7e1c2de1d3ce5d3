package denyredis

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/auth"
	"socketiojwt/internal/logging"
	"socketiojwt/token"
)

// Options configure a Denylist. Keys is required.
type Options struct {
	// Keys are secrets of at least 16 bytes, from which the key of the records is derived. The
	// first one encrypts, and each of them decrypts. To replace a key, give all nodes both, then
	// make the new one the first on all nodes, and remove the old one when New has been
	// writing with the new one for a week and no older entry lasts. socketio.Options.ClusterKey
	// may be used.
	Keys [][]byte
	// Prefix is the key of the stream, and the beginning of the other keys. Empty means
	// "socketiojwt:revocations".
	Prefix string
	// Node is the name of this node in receipts and logs. It must differ from those of the
	// others. Empty means the name of the host and a random text.
	Node string
	// MaxStale is how old the list may be: see Denylist.Find. Zero means 30 s. Less than 5 s is
	// an error.
	MaxStale time.Duration
	// List has the bounds and the clock of the list: see auth.DenylistOptions. All nodes should
	// have the same. MaxEntries bounds what this node adds. Entries of other nodes are kept up to
	// twice that number, because nodes may add at the same time. If there are more, this node
	// cannot know all revoked tokens: Find fails for a token without an entry, with an error that
	// matches auth.ErrDenylistFull, and auth.Options.DenylistFailure decides. The node tries again
	// every 10 minutes. New does not fail then.
	List auth.DenylistOptions
	// Logger receives a line when Redis cannot be reached and when it can again, when records
	// were lost or cannot be read, and about entries that are added again. Nil means that
	// warnings and errors go to slog.Default(). To log nothing, set a logger with
	// slog.DiscardHandler.
	Logger *slog.Logger
}

var (
	// ErrNotLogged says that an entry works on this node only, because it could not be written
	// to Redis. It is written when Redis answers again, as long as this process runs.
	ErrNotLogged = errors.New("auth/denyredis: the entry works on this node only; it is written to Redis as soon as that is possible")
	// ErrStale says that the list was not read to the end for longer than Options.MaxStale.
	ErrStale = errors.New("auth/denyredis: the list could not be read for too long")
	// ErrClosed says that the Denylist was closed.
	ErrClosed = errors.New("auth/denyredis: the denylist is closed")
)

// A Denylist is an auth.SharedDenylist in Redis. Make one with New; the zero value is not
// usable. Its methods may be called concurrently.
type Denylist struct {
	opts   Options // with defaults
	pace   pace
	client rueidis.Client
	sealer *sealer
	memory *auth.MemoryDenylist
	boot   string // random, for this run of the process
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	clock  clock
	log    logging.Sampler
	sweeps chan []arrived
	wake   chan struct{} // has capacity 1; makes the reader look at what is not in the stream

	mu       sync.Mutex // no call of Redis, of a gate or of Options.Now is made under it
	sweepers []func(context.Context, auth.Revocation) (int, error)
	fresh    time.Time // when the list was last read to the end
	failure  error     // why it was not since, or why Redis does not accept writes; nil if it works
	failing  time.Time // when failure was nil last
	last     position  // of the last record that was read
	lastText string    // of that record, encrypted
	counts   map[string]int
	counted  []counted              // the keys of counts; the oldest is first
	removals map[auth.Match]removal // blocks that were removed
	trim     position               // records before it are not needed
	peers    map[string]*peer
	next     *look  // of the callers of confirm; nil if none has called since the last one began
	health   Health // the counters
	closed   bool
	written  bool // this node has written its state
	named    bool // it was logged that another node has the same name

	unreadable error     // the first record that could not be read
	incomplete error     // the last record for which there was no room; nil if the list has all
	refusing   error     // the same of the records since the reader began at the first one
	entries    int       // that had not ended at entriesAt, and those that this node has added since
	entriesAt  time.Time // by Options.List.Now

	// Only New and the reader use these.
	places map[entryKey]position // of the record that has all of an entry
	turn   bool                  // this node may add many entries
}

// removal is a removed block, with the place of its record.
type removal struct {
	removed
	at position
}

// arrived is an entry that a record has brought.
type arrived struct {
	at      position
	entry   auth.Revocation
	sweep   bool
	counted bool // the number of sockets is told to other nodes
}

// defaults returns o with defaults, or an error if an option is invalid.
func (o Options) defaults() (Options, error) {
	var wrong []error
	check := func(bad bool, text string) {
		if bad {
			wrong = append(wrong, errors.New("auth/denyredis: "+text))
		}
	}
	check(o.List.MaxEntries < 0 || o.List.MaxClaims < 0, "MaxEntries or MaxClaims is negative; set a positive number, or zero for the default")
	check(len(o.Node) > mostName, fmt.Sprintf("Node has more than %d bytes", mostName))
	o.Prefix = cmp.Or(o.Prefix, "socketiojwt:revocations")
	o.MaxStale = cmp.Or(o.MaxStale, 30*time.Second)
	o.List.MaxEntries = cmp.Or(o.List.MaxEntries, mostEntries)
	if o.List.Now == nil {
		o.List.Now = time.Now
	}
	if o.Node == "" {
		host, _ := os.Hostname()
		o.Node = cmp.Or(host[:min(len(host), mostName-10)], "node") + "-" + rand.Text()[:8]
	}
	o.Logger = logging.OrDefault(o.Logger)
	return o, errors.Join(wrong...)
}

const (
	leastStale = 5 * time.Second
	mostName   = 100
)

// Find returns an entry that concerns the token, as auth.Denylist says. It looks only at
// memory. If no entry concerns the token, but the list was not read to the end within
// Options.MaxStale, it fails with an error that matches ErrStale. If the stream has entries for
// which this node has no room, it fails with one that matches auth.ErrDenylistFull.
func (d *Denylist) Find(ctx context.Context, t *token.Token) (auth.Revocation, bool, error) {
	if r, found, err := d.memory.Find(ctx, t); found || err != nil {
		return r, found, err
	}
	return auth.Revocation{}, false, d.stale()
}

// Available reports whether the list was read to the end within Options.MaxStale and has all
// entries. The gate tells it to the server, which answers handshakes with 503 meanwhile.
func (d *Denylist) Available() bool { return d.stale() == nil }

// stale returns an error if the list was not read for too long, or is incomplete. Neither a suspended machine nor
// a clock that is set back makes it look fresh.
func (d *Denylist) stale() error {
	d.mu.Lock()
	fresh, failure, incomplete := d.fresh, d.failure, d.incomplete
	d.mu.Unlock()
	now := time.Now()
	if age := max(now.Sub(fresh), now.Round(0).Sub(fresh.Round(0))); age > d.opts.MaxStale {
		if failure == nil {
			failure = errors.New("Redis does not answer")
		}
		return fmt.Errorf("%w (%v): %w", ErrStale, age.Round(time.Second), failure)
	}
	if incomplete != nil {
		return fmt.Errorf("auth/denyredis: the stream has entries for which this node has no room: %w", incomplete)
	}
	return nil
}

// List lists entries, as auth.Denylist says. It looks only at memory.
func (d *Denylist) List(ctx context.Context, after string, most int) ([]auth.Revocation, error) {
	return d.memory.List(ctx, after, most)
}

// Len returns the number of entries in memory. See auth.MemoryDenylist.Len.
func (d *Denylist) Len() int { return d.memory.Len() }

// Watch makes the list call sweep for new entries, as auth.SharedDenylist says.
func (d *Denylist) Watch(sweep func(context.Context, auth.Revocation) (int, error)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweepers = append(d.sweepers, sweep)
}

// sweep ends the sockets that an entry concerns, of all gates.
func (d *Denylist) sweep(ctx context.Context, r auth.Revocation) (ended int, err error) {
	d.mu.Lock()
	sweepers := d.sweepers[:len(d.sweepers):len(d.sweepers)]
	d.mu.Unlock()
	for _, sweep := range sweepers {
		n, failed := sweep(ctx, r)
		ended += n
		err = errors.Join(err, failed)
	}
	return ended, err
}

// Health is the state of a Denylist.
type Health struct {
	// Fresh is when the list was last read to the end. Err is why it could not be since then, why
	// Redis does not accept what this node writes, or which entry the list has no room for; nil
	// if all is well.
	Fresh time.Time
	Err   error
	// Unlogged is the number of entries that are not in Redis yet, as last counted.
	Unlogged int
	// Lost counts how often the stream had lost records, Added the entries that this node has
	// added again, Unreadable the records that could not be decrypted or decoded, and Full how
	// often the list had no room for an entry of another node.
	Lost, Added, Unreadable, Full uint64
	// Nodes are the names of the nodes that have written to Redis in the last seconds,
	// including this one, in order.
	Nodes []string
}

// Health returns the state of the list.
func (d *Denylist) Health() Health {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.health
	h.Fresh, h.Err = d.fresh, cmp.Or(d.failure, d.incomplete)
	h.Nodes = []string{d.opts.Node}
	for name, p := range d.peers {
		if p.lives(now) {
			h.Nodes = append(h.Nodes, name)
		}
	}
	slices.Sort(h.Nodes)
	return h
}

var _ auth.SharedDenylist = (*Denylist)(nil)
