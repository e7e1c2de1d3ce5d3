package load

import (
	"fmt"
	"sync"
	"time"
)

// storm measures how long clients wait that all come at once: Rate in a second, whether those before them have been admitted or not.
func (g *generator) storm() (r Result, err error) {
	if _, err := g.each(0, g.Warm, g.admitted); err != nil {
		return r, fmt.Errorf("warming up: %w", err)
	}
	time.Sleep(g.Settle)
	connections, failed := make([]*connection, g.Count), make([]error, g.Count)
	defer func() { g.closeAll(connections) }()
	err = g.measure(&r, func() (int, []uint32, error) {
		took := make([]uint32, g.Count)
		start := time.Now()
		var clients sync.WaitGroup
		for i := range g.Count {
			due := start.Add(time.Duration(i) * time.Second / time.Duration(g.Rate))
			time.Sleep(time.Until(due))
			clients.Go(func() {
				connections[i], failed[i] = g.open(g.Warm+i, g.token(g.Warm+i))
				took[i] = uint32(time.Since(due).Microseconds())
			})
		}
		clients.Wait()
		n, err := failures(failed)
		if err != nil {
			err = fmt.Errorf("%d of %d connections failed, for example: %w", n, g.Count, err)
		}
		return g.Count, took, err
	})
	return r, err
}

// failures returns how many of the errors are not nil, and one of them.
func failures(all []error) (n int, err error) {
	for _, e := range all {
		if e != nil {
			n, err = n+1, e
		}
	}
	return n, err
}

// closed measures how much memory the server has after all its connections have been closed.
func (g *generator) closed() (r Result, err error) {
	before, err := g.read()
	if err != nil {
		return r, err
	}
	connections, _, err := g.openAll(0, func(_ int, c *connection) { c.ignore() })
	defer func() { g.closeAll(connections) }()
	if err != nil {
		return r, err
	}
	time.Sleep(g.Settle)
	open, err := g.read()
	if err != nil {
		return r, err
	}
	g.closeAll(connections)
	connections = nil
	time.Sleep(g.Hold)
	after, err := g.read()
	r.Seconds = time.Since(g.zero).Seconds()
	r.RSSBefore, r.RSSOpen, r.RSSAfter = before.rss, open.rss, after.rss
	return r, err
}
