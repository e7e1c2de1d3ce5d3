package load

import (
	"fmt"
	"slices"
	"time"
)

// across measures how long a message takes from a client of the first node to the members of the room on the second node.
func (g *generator) across() (r Result, err error) {
	talker, err := g.openAt(g.Cluster.Nodes[0].Address, g.Count, g.token(g.Count))
	if err != nil {
		return r, err
	}
	defer talker.close()
	took := make([][]uint32, g.Count)
	connections := make([]*connection, g.Count)
	defer g.closeAll(connections)
	if _, err := g.each(0, g.Count, func(i int) error {
		c, err := g.openAt(g.Cluster.Nodes[1].Address, i, g.token(i))
		if err != nil {
			return err
		}
		connections[i] = c
		if err := (&member{connection: c}).enter(); err != nil {
			return err
		}
		go g.clock(c, &took[i]) // ends when the connection is closed
		return nil
	}); err != nil {
		return r, err
	}
	g.PID = g.Cluster.Nodes[g.Cluster.Measured].PID
	time.Sleep(g.Settle)
	if err := g.sendEvent(talker, "say", g.Warm); err != nil {
		return r, fmt.Errorf("warming up: %w", err)
	}
	clear(took)
	time.Sleep(g.Settle)
	err = g.measure(&r, func() (int, []uint32, error) {
		err := g.sendEvent(talker, "say", g.Messages)
		return g.Messages, nil, err
	})
	r.Delivered = g.Messages * g.Count
	r.percentiles(slices.Concat(took...))
	return r, err
}

// fetch measures how long the first node takes to ask all nodes for their sockets, of which each has Count.
func (g *generator) fetch() (r Result, err error) {
	for n := range g.Cluster.Used {
		var connections []*connection
		address := g.Cluster.Nodes[n].Address
		defer func() { g.closeAll(connections) }()
		connections = make([]*connection, g.Count)
		if _, err := g.each(0, g.Count, func(i int) error {
			c, err := g.openAt(address, i, g.token(i))
			if err == nil {
				connections[i] = c
				go c.ignore()
			}
			return err
		}); err != nil {
			return r, err
		}
	}
	g.PID = g.Cluster.Nodes[g.Cluster.Measured].PID
	g.Debug = g.Cluster.Nodes[g.Cluster.Measured].Commands
	time.Sleep(g.Settle)
	ask := func(n int) ([]uint32, error) {
		return g.command(fmt.Sprintf("/fetch?messages=%d&rate=%d&sockets=%d", n, g.Rate, g.Cluster.Used*g.Count))
	}
	if _, err := ask(g.Warm); err != nil {
		return r, fmt.Errorf("warming up: %w", err)
	}
	err = g.measure(&r, func() (int, []uint32, error) {
		took, err := ask(g.Messages)
		return g.Messages, took, err
	})
	return r, err
}

// outcast measures how long it takes until a socket on the second node is ended, from the moment at which the first one is told
// to revoke its subject.
func (g *generator) outcast() (r Result, err error) {
	ended := make([]chan time.Time, g.Count)
	connections := make([]*connection, g.Count)
	defer g.closeAll(connections)
	if _, err := g.each(0, g.Count, func(i int) error {
		c, err := g.openAt(g.Cluster.Nodes[1].Address, i, g.token(i))
		if err != nil {
			return err
		}
		connections[i], ended[i] = c, make(chan time.Time, 1)
		go func() {
			for {
				if p, err := c.next(); err != nil || string(p) == "41" {
					ended[i] <- time.Now()
					return
				}
			}
		}()
		return nil
	}); err != nil {
		return r, err
	}
	time.Sleep(g.Settle)
	took := make([]uint32, g.Messages)
	for i := range took {
		start := time.Now()
		if _, err := g.command(fmt.Sprintf("/revoke?sub=user-%06d", i)); err != nil {
			return r, err
		}
		select {
		case at := <-ended[i]:
			took[i] = uint32(at.Sub(start).Microseconds())
		case <-time.After(g.Patience):
			return r, fmt.Errorf("the socket of revocation %d was not ended", i+1)
		}
		time.Sleep(time.Second / time.Duration(g.Rate))
	}
	r.Seconds = time.Since(g.zero).Seconds()
	r.percentiles(took)
	for i, done := range ended[g.Messages:] {
		select {
		case <-done:
			return r, fmt.Errorf("the socket of user %d was ended, and was not revoked", g.Messages+i)
		default:
		}
	}
	return r, nil
}
