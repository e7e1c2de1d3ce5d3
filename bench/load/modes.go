package load

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

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
			c.ignore()
			lost.Add(1)
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

// broadcast measures what one delivered message costs the server. Each message carries the time at which it was asked for. ask asks
// for messages so many times, each of which brings each connection each of them, and waits until they have arrived. prepare, unless
// it is nil, is called for each connection before.
func (g *generator) broadcast(ask func(c *connection, n int) error, each int, prepare func(i int, c *connection) error) (r Result, err error) {
	took := make([][]uint32, g.Count)
	connections, err := g.openSilent(0, g.Count)
	defer g.closeAll(connections)
	if err == nil && prepare != nil {
		_, err = g.each(0, g.Count, func(i int) error { return prepare(i, connections[i]) })
	}
	if err != nil {
		return r, err
	}
	for i, c := range connections {
		go g.clock(c, &took[i]) // ends when the connection is closed
	}
	time.Sleep(g.Settle)
	if err := ask(connections[0], g.Warm); err != nil {
		return r, fmt.Errorf("warming up: %w", err)
	}
	clear(took)
	time.Sleep(g.Settle)
	r.Delivered = g.Messages * each * g.Count
	err = g.measure(&r, func() (int, []uint32, error) {
		err := ask(connections[0], g.Messages)
		return r.Delivered, nil, err
	})
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
		case !ok, g.Deflate && !c.deflated:
		case sent <= last:
			g.disorder.Store(true)
		default:
			last = sent
			*took = append(*took, uint32(time.Since(g.zero).Microseconds()-sent)) // read after every delivery is counted
			g.delivered.Add(1)
		}
	}
}

// send asks for n broadcasts at the rate of the run, and waits until all have arrived.
func (g *generator) send(c *connection, n int) error { return g.sendEvent(c, "broadcast", n) }

// sendEvent is send by another event.
func (g *generator) sendEvent(c *connection, event string, n int) error {
	want := g.delivered.Load() + int64(n*g.Count)
	padding := filler(g.Padding)
	tick := time.NewTicker(time.Second / time.Duration(g.Rate))
	defer tick.Stop()
	for range n {
		<-tick.C
		if err := c.emit(event, fmt.Sprintf(`{"t":%d,"pad":"%s"}`, time.Since(g.zero).Microseconds(), padding)); err != nil {
			return err
		}
	}
	return g.arrive(want)
}

// arrive waits until so many broadcasts have been delivered, each once and in order.
func (g *generator) arrive(want int64) error {
	for deadline := time.Now().Add(g.Patience); g.delivered.Load() < want; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("%d messages did not arrive", want-g.delivered.Load())
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
	connections, _, err := g.openAll(0, func(_ int, c *connection) { c.ignore() })
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
		connections, _, err := g.openAll(wave*g.Count, func(_ int, c *connection) { c.ignore() })
		g.closeAll(connections)
		if err != nil {
			return r, fmt.Errorf("wave %d: %w", wave+1, err)
		}
		m, err = g.memory()
		r.Memory = append(r.Memory, m)
	}
	return r, err
}
