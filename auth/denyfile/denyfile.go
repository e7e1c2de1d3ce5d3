package denyfile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"socketiojwt/auth"
	"socketiojwt/internal/logging"
	"socketiojwt/token"
)

// Options configure a Denylist. The zero value is ready to use.
type Options struct {
	// List has the bounds and the clock of the list: see auth.DenylistOptions. Entries that
	// have ended are removed from the file when there are more than MaxEntries. If MaxEntries
	// is less than the number of entries in the file that still last, Open fails.
	List auth.DenylistOptions
	// LockTimeout is how long Open waits for another process to close the file. Zero means 1 s.
	LockTimeout time.Duration
	// Logger receives a line at level Warn if Open creates the file. Nil means that warnings and
	// errors go to slog.Default(). To log nothing, set a logger with slog.DiscardHandler.
	Logger *slog.Logger
}

var (
	// ErrLocked says that another process, or another Denylist of this process, has opened the
	// file.
	ErrLocked = errors.New("auth/denyfile: the file is in use")
	// ErrCorrupt says that the file is damaged, or is not the file of a Denylist.
	ErrCorrupt = errors.New("auth/denyfile: the file is damaged")
	// ErrClosed says that the Denylist was closed.
	ErrClosed = errors.New("auth/denyfile: the denylist is closed")
)

// A Denylist is an auth.Denylist in a file. Make one with Open; the zero value is not usable.
// Its methods may be called concurrently.
type Denylist struct {
	memory *auth.MemoryDenylist
	file   file
	now    func() time.Time
	close  func() error // closes the file once

	mu      sync.Mutex
	waiting []*change
	writing bool // a goroutine writes the changes that wait
	closed  bool
	writer  sync.WaitGroup
}

// A change is an entry to add, or a block to remove, that waits to be written.
type change struct {
	entry  auth.Revocation
	remove bool // the block for entry.Match that was made until entry.At
	done   chan error
}

const (
	// maxBatch bounds the changes that are written in one transaction.
	maxBatch = 1000
	// maxWaiting bounds the changes that wait, for a disk that does not answer.
	maxWaiting = 100_000
)

// Open opens the file and reads its entries. If there is no file, Open creates one that only
// its owner may read, in a directory that must exist. It fails with ErrLocked if another
// process has opened the file, with ErrCorrupt if the file is damaged, and with
// auth.ErrDenylistFull if it has more entries than Options.List allows.
func Open(path string, opts Options) (*Denylist, error) {
	if opts.LockTimeout < 0 {
		return nil, errors.New("auth/denyfile: LockTimeout is negative; set a positive duration, or zero for 1 s")
	}
	if opts.List.MaxEntries < 0 || opts.List.MaxClaims < 0 {
		return nil, errors.New("auth/denyfile: MaxEntries or MaxClaims is negative; set a positive number, or zero for the default")
	}
	opts.List.MaxEntries = cmp.Or(opts.List.MaxEntries, 100_000)
	opts.LockTimeout = cmp.Or(opts.LockTimeout, time.Second)
	if opts.List.Now == nil {
		opts.List.Now = time.Now
	}
	created, err := createIfMissing(path)
	if err != nil {
		return nil, fmt.Errorf("auth/denyfile: %w", err)
	}
	if created {
		logging.OrDefault(opts.Logger).Warn("auth/denyfile: there was no file, so a new and empty denylist was created", "path", path)
	}
	db, err := openFile(path, opts.LockTimeout)
	if err != nil {
		return nil, err
	}
	d := &Denylist{
		memory: auth.NewDenylist(opts.List), file: file{db: db, most: uint64(opts.List.MaxEntries)}, now: opts.List.Now,
		close: sync.OnceValue(db.Close),
	}
	add := func(r auth.Revocation) error { return d.memory.Add(context.Background(), r) } // ignores ended ones
	if err := d.file.load(add); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s", err, path), db.Close())
	}
	return d, nil
}

// Add adds an entry, as auth.Denylist says, and returns nil when the entry is on the disk. An
// entry that has ended already is not added. If writing fails, or ctx is done first, Add returns
// an error, and the entry is found until the process ends.
func (d *Denylist) Add(ctx context.Context, r auth.Revocation) error {
	if err := r.Check(); err != nil {
		return err
	}
	if ended(r.Until, d.now()) {
		return nil
	}
	if err := d.memory.Add(ctx, r); err != nil {
		return err
	}
	return d.write(ctx, &change{entry: r})
}

// Remove removes a block, as auth.Denylist says. It returns nil when that is on the disk. If
// writing fails, the block remains.
func (d *Denylist) Remove(ctx context.Context, m auth.Match, madeUntil time.Time) error {
	return d.write(ctx, &change{entry: auth.Revocation{Match: m, At: madeUntil}, remove: true})
}

// Find returns an entry that concerns the token, as auth.Denylist says. It looks only at
// memory, never fails, and also works after Close.
func (d *Denylist) Find(ctx context.Context, t *token.Token) (auth.Revocation, bool, error) {
	return d.memory.Find(ctx, t)
}

// List lists entries, as auth.Denylist says. It looks only at memory.
func (d *Denylist) List(ctx context.Context, after string, most int) ([]auth.Revocation, error) {
	return d.memory.List(ctx, after, most)
}

// Len returns the number of entries in memory. See auth.MemoryDenylist.Len.
func (d *Denylist) Len() int { return d.memory.Len() }

// Close writes the changes that wait, and closes the file. Add and Remove then fail with
// ErrClosed. Calling Close again has no effect, and returns the same error.
func (d *Denylist) Close() error {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.writer.Wait()
	return d.close()
}

// write waits until a change is written.
func (d *Denylist) write(ctx context.Context, c *change) error {
	c.done = make(chan error, 1)
	d.mu.Lock()
	switch {
	case d.closed:
		d.mu.Unlock()
		return ErrClosed
	case len(d.waiting) >= maxWaiting:
		d.mu.Unlock()
		return fmt.Errorf("auth/denyfile: %d changes wait for the disk, which does not answer", maxWaiting)
	}
	d.waiting = append(d.waiting, c)
	if !d.writing {
		d.writing = true
		d.writer.Go(d.writeAll)
	}
	d.mu.Unlock()
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("auth/denyfile: it is not known whether the change was written: %w", context.Cause(ctx))
	}
}

// writeAll writes changes until none wait. Those that come while the disk is busy are written
// together.
func (d *Denylist) writeAll() {
	for {
		d.mu.Lock()
		batch := d.waiting[:min(len(d.waiting), maxBatch)]
		if d.waiting = d.waiting[len(batch):]; len(batch) == 0 {
			d.waiting, d.writing = nil, false
			d.mu.Unlock()
			return
		}
		d.mu.Unlock()

		d.finish(batch, d.file.write(batch, d.now()))
	}
}

// finish tells the callers whether their changes were written.
func (d *Denylist) finish(batch []*change, err error) {
	for _, c := range batch {
		switch {
		case err == nil:
			c.done <- d.repeat(c)
		case c.remove:
			c.done <- notWritten(err)
		default: // a removal that was written meanwhile has removed it from memory
			c.done <- errors.Join(notWritten(err), d.repeat(c))
		}
	}
}

func notWritten(err error) error {
	return fmt.Errorf("auth/denyfile: the change was not written: %w", err)
}

// repeat carries out a change in memory, so that memory has the changes in the order of the file.
func (d *Denylist) repeat(c *change) error {
	if c.remove {
		return d.memory.Remove(context.Background(), c.entry.Match, c.entry.At)
	}
	return d.memory.Add(context.Background(), c.entry)
}

// ended reports whether an entry has ended.
func ended(until, now time.Time) bool { return !until.IsZero() && !now.Before(until) }

var _ auth.Denylist = (*Denylist)(nil)

// A file is the database of a Denylist. Only one goroutine at a time uses it.
type file struct {
	db      *bbolt.DB
	most    uint64 // entries, from which on ended ones are removed
	sweepAt []byte // the key from which on to look for ended entries
}
