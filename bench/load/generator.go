package load

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// generator is one run.
type generator struct {
	Config
	tokens []string
	zero   time.Time // broadcasts carry the time since

	delivered atomic.Int64 // broadcasts that arrived
	disorder  atomic.Bool  // one came twice, or after a later one
}

// token returns the i-th token of the run.
func (g *generator) token(i int) string {
	if g.Via == ViaNone {
		return ""
	}
	return g.tokens[i]
}

// each calls f(from) .. f(from+count-1), Parallel at a time, and returns how many microseconds each call took and the first error.
// After an error it calls no more.
func (g *generator) each(from, count int, f func(i int) error) ([]uint32, error) {
	took := make([]uint32, count)
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for range min(max(g.Parallel, 1), count) {
		wg.Go(func() {
			for failed.Load() == nil {
				i := int(next.Add(1)) - 1
				if i >= count {
					return
				}
				start := time.Now()
				if err := f(from + i); err != nil {
					err = fmt.Errorf("connection %d of %d: %w", i+1, count, err)
					failed.CompareAndSwap(nil, &err)
				}
				took[i] = uint32(time.Since(start).Microseconds())
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return nil, *err
	}
	return took, nil
}

// measure runs phase between two readings of the server's counters, the second one after Settle, which lets the server
// finish its side of the closings. The phase says how many items it was and how long each took.
func (g *generator) measure(r *Result, phase func() (int, []uint32, error)) error {
	before, err := g.read()
	if err != nil {
		return err
	}
	if err := g.startProfile(); err != nil {
		return err
	}
	start := time.Now()
	items, took, err := phase()
	if err != nil {
		return err
	}
	r.Seconds = time.Since(start).Seconds()
	time.Sleep(g.Settle)
	after, err := g.read()
	if err != nil {
		return err
	}
	r.CPU = after.cpu - before.cpu
	r.CPUPerItem = r.CPU * 1e6 / float64(items)
	r.PerSecond = float64(items) / r.Seconds
	r.RSSBefore, r.RSSAfter = before.rss, after.rss
	r.percentiles(took)
	return g.stopProfiles(r)
}

// openAll opens Count connections, with the tokens from the given one on, and calls read for each in a goroutine of its own.
func (g *generator) openAll(from int, read func(i int, c *connection)) ([]*connection, []uint32, error) {
	connections := make([]*connection, g.Count)
	took, err := g.each(from, g.Count, func(i int) error {
		c, err := g.open(i, g.token(i))
		if err == nil {
			connections[i-from] = c
			go read(i-from, c) // ends when the connection is closed
		}
		return err
	})
	return connections, took, err
}

// openSilent opens n connections, with the tokens from the given one on, which nothing reads.
func (g *generator) openSilent(from, n int) ([]*connection, error) {
	all := make([]*connection, n)
	_, err := g.each(from, n, func(i int) (err error) {
		all[i-from], err = g.open(i, g.token(i))
		return err
	})
	return all, err
}

func (g *generator) closeAll(connections []*connection) {
	_, _ = g.each(0, len(connections), func(i int) error {
		if c := connections[i]; c != nil {
			c.close()
		}
		return nil
	})
}

// together calls f for each connection at the same time, and returns the errors.
func together(connections []*connection, f func(i int, c *connection) error) error {
	failed := make([]error, len(connections))
	var wg sync.WaitGroup
	for i, c := range connections {
		wg.Go(func() {
			if err := f(i, c); err != nil {
				failed[i] = fmt.Errorf("connection %d: %w", i+1, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(failed...)
}
