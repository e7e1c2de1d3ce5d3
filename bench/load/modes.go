package load

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
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

// admitted opens connection i, which must be admitted, and closes it.
func (g *generator) admitted(i int) error {
	c, err := g.open(i, g.token(i))
	if err == nil {
		c.close()
	}
	return err
}

// refused opens connection i with a bad token, which must be refused because of its signature.
func (g *generator) refused(i int) error {
	c, err := g.open(i, Spoil(g.token(i)))
	if err == nil {
		c.close()
		return errors.New("a bad token was admitted")
	}
	if errors.Is(err, errRefused) && strings.Contains(err.Error(), `"code":"invalid_token"`) {
		return nil
	}
	return fmt.Errorf("not refused as a bad token: %w", err)
}

// connect measures what one call of once costs the server.
func (g *generator) connect(once func(i int) error) (r Result, err error) {
	if _, err := g.each(0, g.Warm, once); err != nil {
		return r, fmt.Errorf("warming up: %w", err)
	}
	time.Sleep(g.Settle)
	err = g.measure(&r, func() (int, []uint32, error) {
		took, err := g.each(g.Warm, g.Count, once)
		return g.Count, took, err
	})
	return r, err
}

// reconnect measures what a connection costs the server whose token it has verified before.
func (g *generator) reconnect() (r Result, err error) {
	if _, err := g.each(0, g.Count, g.admitted); err != nil {
		return r, fmt.Errorf("warming up: %w", err)
	}
	time.Sleep(g.Settle)
	err = g.measure(&r, func() (int, []uint32, error) {
		took, err := g.each(0, g.Count, g.admitted)
		return g.Count, took, err
	})
	return r, err
}

// idle measures what an open connection costs the server in memory.
func (g *generator) idle() (r Result, err error) {
	var lost atomic.Int64
	var connections []*connection
	err = g.measure(&r, func() (int, []uint32, error) {
		var took []uint32
		connections, took, err = g.openAll(0, func(_ int, c *connection) {
			for {
				if _, err := c.next(); err != nil {
					lost.Add(1)
					return
				}
			}
		})
		return g.Count, took, err
	})
	defer g.closeAll(connections)
	if err != nil {
		return r, err
	}
	time.Sleep(g.Hold)
	now, err := g.read()
	if err != nil {
		return r, err
	}
	if n := lost.Load(); n > 0 {
		return r, fmt.Errorf("%d of %d idle connections were lost", n, g.Count)
	}
	r.RSSAfter = now.rss
	r.RSSPer = float64(r.RSSAfter-r.RSSBefore) / float64(g.Count)
	return r, nil
}

// broadcast measures what one delivered message costs the server. Each message carries the time at which it was asked for.
func (g *generator) broadcast() (r Result, err error) {
	took := make([][]uint32, g.Count)
	connections, _, err := g.openAll(0, func(i int, c *connection) { g.clock(c, &took[i]) })
	defer g.closeAll(connections)
	if err != nil {
		return r, err
	}
	time.Sleep(g.Settle)
	if err := g.send(connections[0], "broadcast", g.Warm); err != nil {
		return r, fmt.Errorf("warming up: %w", err)
	}
	clear(took)
	time.Sleep(g.Settle)
	err = g.measure(&r, func() (int, []uint32, error) {
		err := g.send(connections[0], "broadcast", g.Messages)
		return g.Messages * g.Count, nil, err
	})
	r.Delivered = g.Messages * g.Count
	r.percentiles(slices.Concat(took...))
	return r, err
}

// clock reads broadcasts until the connection ends, and adds how many microseconds each was on the way.
func (g *generator) clock(c *connection, took *[]uint32) {
	for last := int64(-1); ; {
		p, err := c.next()
		if err != nil {
			return
		}
		sent, ok := sentAt(p)
		switch {
		case !ok:
		case sent <= last:
			g.disorder.Store(true)
		default:
			last = sent
			*took = append(*took, uint32(time.Since(g.zero).Microseconds()-sent)) // read after every delivery is counted
			g.delivered.Add(1)
		}
	}
}

// sentAt returns the time that a broadcast carries, in microseconds.
func sentAt(packet []byte) (int64, bool) {
	_, rest, ok := bytes.Cut(packet, []byte(`42["broadcast",{"t":`))
	end := bytes.IndexAny(rest, ",}")
	if !ok || end < 0 {
		return 0, false
	}
	sent, err := strconv.ParseInt(string(rest[:end]), 10, 64)
	return sent, err == nil
}

// send asks for n broadcasts by an event at the rate of the run, and waits until all have arrived, once and in order.
func (g *generator) send(c *connection, event string, n int) error {
	want := g.delivered.Load() + int64(n*g.Count)
	padding := strings.Repeat("x", g.Padding)
	tick := time.NewTicker(time.Second / time.Duration(g.Rate))
	defer tick.Stop()
	for range n {
		<-tick.C
		if err := c.send(fmt.Sprintf(`42["%s",{"t":%d,"pad":"%s"}]`, event, time.Since(g.zero).Microseconds(), padding)); err != nil {
			return err
		}
	}
	for deadline := time.Now().Add(g.Patience); g.delivered.Load() < want; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d messages did not arrive", want-g.delivered.Load(), n*g.Count)
		}
	}
	if g.disorder.Load() {
		return errors.New("a message came twice, or after a later one")
	}
	return nil
}

// heap measures what an open connection costs the server in heap.
func (g *generator) heap() (r Result, err error) {
	before, err := g.memory()
	if err != nil {
		return r, err
	}
	connections, _, err := g.openAll(0, func(_ int, c *connection) {
		for {
			if _, err := c.next(); err != nil {
				return
			}
		}
	})
	defer g.closeAll(connections)
	if err != nil {
		return r, err
	}
	with, err := g.memory()
	r.Memory = []Memory{before, with}
	r.HeapPer = (float64(with.HeapAlloc) - float64(before.HeapAlloc)) / float64(g.Count)
	return r, err
}

// waves measures what closed connections leave behind in the server.
func (g *generator) waves() (r Result, err error) {
	m, err := g.memory()
	r.Memory = append(r.Memory, m)
	for wave := range 2 {
		if err != nil {
			return r, err
		}
		connections, _, err := g.openAll(wave*g.Count, func(_ int, c *connection) {
			for {
				if _, err := c.next(); err != nil {
					return
				}
			}
		})
		g.closeAll(connections)
		if err != nil {
			return r, fmt.Errorf("wave %d: %w", wave+1, err)
		}
		m, err = g.memory()
		r.Memory = append(r.Memory, m)
	}
	return r, err
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

// openAll opens Count connections, with the tokens from the given one on, and calls read, unless it is nil, for each in a goroutine of its own.
func (g *generator) openAll(from int, read func(i int, c *connection)) ([]*connection, []uint32, error) {
	connections := make([]*connection, g.Count)
	took, err := g.each(from, g.Count, func(i int) error {
		c, err := g.open(i, g.token(i))
		if err == nil {
			connections[i-from] = c
		}
		if err == nil && read != nil {
			go read(i-from, c) // ends when the connection is closed
		}
		return err
	})
	return connections, took, err
}

func (g *generator) closeAll(connections []*connection) {
	_, _ = g.each(0, len(connections), func(i int) error {
		if c := connections[i]; c != nil {
			c.close()
		}
		return nil
	})
}

// percentiles fills in how long things took, from microseconds.
func (r *Result) percentiles(us []uint32) {
	if len(us) == 0 {
		return
	}
	slices.Sort(us)
	at := func(p float64) float64 { return float64(us[int(p*float64(len(us)-1))]) / 1000 }
	r.P50, r.P99 = at(.50), at(.99)
}

// Spoil returns token with another signature.
func Spoil(token string) string {
	i := strings.LastIndexByte(token, '.') + 1
	c := "A"
	if token[i:] != "" && token[i] == 'A' {
		c = "B"
	}
	return token[:i] + c + token[min(i+1, len(token)):]
}
