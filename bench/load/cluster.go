package load

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// A Node is one server of a cluster.
type Node struct {
	Address  string // host:port of the server
	Commands string // host:port of the commands of the bench
	PID      int
}

// Cluster is the servers of the modes Publish, Across, Fetch and Outcast. The first one sends and asks.
type Cluster struct {
	Nodes    [3]Node
	Used     int    // how many of Nodes there are
	Measured int    // the one whose CPU time and memory are measured
	Redis    string // host:port
	RedisPID int
	MayLose  bool // a message that does not arrive is counted, instead of making the run void
}

// A member is a connection to the second node that counts the broadcasts that arrive.
type member struct {
	*connection
	delivered atomic.Int64
	disorder  atomic.Bool // one came twice, or after a later one
}

// read counts the broadcasts until the connection ends. Each must have a greater number than the one before.
func (m *member) read() {
	for last := int64(-1); ; {
		p, err := m.next()
		if err != nil {
			return
		}
		n, ok := sentAt(p)
		switch {
		case !ok:
			continue
		case n <= last:
			m.disorder.Store(true)
		}
		last = n
		m.delivered.Add(1)
	}
}

// publish measures what a broadcast to a room costs a node: the first one, which sends it and has no member of the room, or the
// second one, which has Count.
func (g *generator) publish() (r Result, err error) {
	members, err := g.members(g.Count)
	defer closeMembers(members)
	if err != nil {
		return r, err
	}
	outsider, err := g.openAt(g.Cluster.Nodes[1].Address, g.Count, g.token(g.Count))
	if err != nil {
		return r, err
	}
	single := &member{connection: outsider}
	defer single.close()
	g.PID = g.Cluster.Nodes[g.Cluster.Measured].PID
	g.Debug = g.Cluster.Nodes[g.Cluster.Measured].Commands
	time.Sleep(g.Settle)
	if _, err := g.deliver(members, g.Warm); err != nil {
		return r, fmt.Errorf("warming up: %w", err)
	}
	published, err := g.published()
	if err != nil {
		return r, err
	}
	redis, err := readCounters(g.Cluster.RedisPID)
	if err != nil {
		return r, err
	}
	err = g.measure(&r, func() (int, []uint32, error) {
		lost, err := g.deliver(members, g.Messages)
		r.Lost = lost
		return g.Messages, nil, err
	})
	if err != nil {
		return r, err
	}
	r.Delivered = g.Messages*len(members) - r.Lost
	now, err := readCounters(g.Cluster.RedisPID)
	if err != nil {
		return r, err
	}
	r.RedisPer = (now.cpu - redis.cpu) * 1e6 / float64(g.Messages)
	after, err := g.published()
	if err == nil && after-published < g.Messages {
		err = fmt.Errorf("%d of %d broadcasts came to Redis", after-published, g.Messages)
	}
	if err != nil {
		return r, err
	}
	return r, g.joinLate(single)
}

// members opens connections to the second node that join the room.
func (g *generator) members(n int) ([]*member, error) {
	all := make([]*member, n)
	_, err := g.each(0, n, func(i int) error {
		c, err := g.openAt(g.Cluster.Nodes[1].Address, i, g.token(i))
		if err != nil {
			return err
		}
		all[i] = &member{connection: c}
		return all[i].enter()
	})
	if err == nil {
		for _, m := range all {
			go m.read() // ends when the connection is closed
		}
	}
	return all, err
}

func closeMembers(all []*member) {
	for _, m := range all {
		if m != nil {
			m.close()
		}
	}
}

// enter makes the member join the room.
func (m *member) enter() error {
	_ = m.SetDeadline(time.Now().Add(handshakeTime))
	defer func() { _ = m.SetDeadline(time.Time{}) }()
	if err := m.send(`420["join","room"]`); err != nil {
		return err
	}
	return m.expect(`430[]`)
}

// deliver makes the first node send broadcasts, waits until all members have them, and returns how many are missing.
func (g *generator) deliver(members []*member, messages int) (lost int, err error) {
	arrived := func() (n int) {
		for _, m := range members {
			n += int(m.delivered.Load())
		}
		return n
	}
	want := arrived() + messages*len(members)
	if _, err := g.command(fmt.Sprintf("/publish?messages=%d&rate=%d&padding=%d", messages, g.Rate, g.Padding)); err != nil {
		return 0, err
	}
	for deadline := time.Now().Add(g.Patience); arrived() < want && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	for _, m := range members {
		if m.disorder.Load() {
			return 0, errors.New("a message came twice, or after a later one")
		}
	}
	lost = want - arrived()
	if lost != 0 && !g.Cluster.MayLose {
		return lost, fmt.Errorf("%d of %d messages did not arrive", lost, messages*len(members))
	}
	return lost, nil
}

// joinLate lets a connection that was in no room join it, and sees that it received nothing before and one message after. So the
// second node was there and listened, also if it had no member of the room.
func (g *generator) joinLate(m *member) error {
	if err := m.enter(); err != nil {
		return fmt.Errorf("a socket outside the room: %w", err)
	}
	go m.read()
	time.Sleep(g.Settle) // the second node subscribes to the room
	if _, err := g.deliver([]*member{m}, 1); err != nil {
		return fmt.Errorf("a socket that joined the room later: %w", err)
	}
	return nil
}
