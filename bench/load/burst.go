package load

import (
	"fmt"
	"strings"
	"time"
)

// burst asks for n bursts, and for each one after all messages of the one before have arrived.
func (g *generator) burst(c *connection, n int) error {
	padding := strings.Repeat("x", g.Padding)
	for range n {
		want := g.delivered.Load() + int64(g.Each*g.Count)
		if err := c.emit("burst", fmt.Sprintf(`{"t":%d,"n":%d,"pad":"%s"}`, time.Since(g.zero).Microseconds(), g.Each, padding)); err != nil {
			return err
		}
		if err := g.arrive(want); err != nil {
			return err
		}
	}
	return nil
}

// askEcho measures what a question and its answer cost the server. Each connection waits for its answer before it asks again.
func (g *generator) askEcho() (r Result, err error) {
	connections, err := g.openSilent(0, g.Count)
	defer g.closeAll(connections)
	if err != nil {
		return r, err
	}
	padding := strings.Repeat("x", g.Padding)
	took := make([]uint32, g.Count*g.Each)
	ask := func(each int) error {
		return together(connections, func(i int, c *connection) error {
			_ = c.SetDeadline(time.Now().Add(g.Patience))
			for n := range each {
				start := time.Now()
				if err := c.request(n, "echo", fmt.Sprintf(`{"n":%d,"pad":"%s"}`, n, padding)); err != nil {
					return err
				}
				took[i*g.Each+n] = uint32(time.Since(start).Microseconds())
			}
			return nil
		})
	}
	time.Sleep(g.Settle)
	if err := ask(g.Warm); err != nil {
		return r, fmt.Errorf("warming up: %w", err)
	}
	err = g.measure(&r, func() (int, []uint32, error) {
		err := ask(g.Each)
		return len(took), took, err
	})
	return r, err
}
