package denyredis

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/auth"
)

// What nodes write about themselves, and how long a silent node is known.
const (
	beatEvery = time.Second
	lives     = 3500 * time.Millisecond // since the last change
	keepPeer  = 5 * time.Minute
	keepNodes = 10 * time.Minute // after the last node has ended
	// A node tells numbers of sockets for keepCount, but at least the last leastCounts and at most
	// mostCounts, which are some 30 KB.
	keepCount   = 30 * time.Second
	leastCounts = 64
	mostCounts  = 1024
)

// state is what a node writes about itself, once a second and when another node waits for it.
type state struct {
	Boot string `json:"boot"`
	Beat uint64 `json:"beat"`
	// Counts has the numbers of sockets that ended, by the position of the record.
	Counts map[string]int `json:"counts,omitempty"`
	Left   bool           `json:"left,omitempty"` // the node was closed
}

// A peer is another node, as this one has seen it last.
type peer struct {
	sealed string
	state  state
	seen   time.Time // when sealed changed
	failed error     // why sealed could not be opened
}

func (p *peer) lives(now time.Time) bool { return !p.state.Left && now.Sub(p.seen) < lives }

// counted says when the number of sockets of a record was counted.
type counted struct {
	key string
	at  time.Time
}

// count keeps the number of sockets that a record has ended. A record that is read again, because
// others were lost, keeps the first number. The caller holds mu.
func (d *Denylist) count(at position, ended int) {
	key := at.String()
	if _, ok := d.counts[key]; ok {
		return
	}
	d.counts[key] = ended
	d.counted = append(d.counted, counted{key, time.Now()})
	d.forgetCounts()
}

// forgetCounts forgets the numbers that no node is likely to wait for. The caller holds mu.
func (d *Denylist) forgetCounts() {
	n := len(d.counted)
	old := 0
	for n-old > mostCounts || n-old > leastCounts && time.Since(d.counted[old].at) > keepCount {
		delete(d.counts, d.counted[old].key)
		old++
	}
	d.counted = slices.Delete(d.counted, 0, old)
}

// beat writes the state of this node. It reads that of the others too if it is told to.
func (d *Denylist) beat(ctx context.Context, read bool) error {
	ctx, cancel := context.WithTimeout(ctx, d.pace.patience)
	defer cancel()
	commands, err := d.beatCommands()
	if err != nil {
		return err
	}
	if !read {
		commands = commands[1:]
	}
	results := d.client.DoMulti(ctx, commands...)
	return d.beaten(results)
}

// beatCommands returns the commands of a beat. The first one reads the states of all nodes.
func (d *Denylist) beatCommands() (rueidis.Commands, error) {
	d.mu.Lock()
	d.forgetCounts()
	s := state{Boot: d.boot, Beat: uint64(time.Now().UnixNano()), Counts: maps.Clone(d.counts)}
	d.mu.Unlock()
	sealed, err := d.sealer.seal(s, d.opts.Node)
	if err != nil {
		return nil, err
	}
	b, key := d.client.B(), d.nodesKey()
	return rueidis.Commands{
		b.Hgetall().Key(key).Build(),
		b.Hset().Key(key).FieldValue().FieldValue(d.opts.Node, sealed).Build(),
		b.Pexpire().Key(key).Milliseconds(keepNodes.Milliseconds()).Build(),
	}, nil
}

// beaten takes the results of a beat.
func (d *Denylist) beaten(results []rueidis.RedisResult) error {
	for _, r := range results {
		if err := r.Error(); err != nil {
			return err
		}
	}
	if len(results) < 3 {
		return nil
	}
	fields, err := results[0].AsStrMap()
	if err != nil {
		return err
	}
	silent := d.observe(fields)
	d.mu.Lock()
	d.written = true
	d.mu.Unlock()
	if len(silent) == 0 {
		return nil
	}
	return d.run(d.ctx, d.client.B().Hdel().Key(d.nodesKey()).Field(silent...).Build())
}

// observe notes what the nodes say about themselves. It returns those that have been silent for
// long. A node that is not in fields, because Redis has lost them, is kept as long as a silent one:
// it may be frozen and still have its sockets.
func (d *Denylist) observe(fields map[string]string) (silent []string) {
	if d.namesake(fields[d.opts.Node]) {
		d.opts.Logger.Error("auth/denyredis: another node has the same name, so receipts do not say whether it has ended its sockets; give each node another Options.Node", "node", d.opts.Node)
	}
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, sealed := range fields {
		p := d.peers[name]
		switch {
		case name == d.opts.Node || name == "probe":
		case p == nil || p.sealed != sealed:
			d.peers[name] = d.opened(name, sealed, now)
		case now.Sub(p.seen) > keepPeer:
			silent = append(silent, name)
		}
	}
	for name, p := range d.peers {
		if _, there := fields[name]; !there && (p.failed != nil || now.Sub(p.seen) > keepPeer) {
			delete(d.peers, name)
		}
	}
	return silent
}

// namesake reports whether another node has the name of this one, which makes receipts wrong. It
// does so once. Sealed is what the node with the name says about itself, or empty.
func (d *Denylist) namesake(sealed string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	var s state
	if d.named || !d.written || d.sealer.open(sealed, d.opts.Node, &s) != nil || s.Boot == d.boot || s.Left {
		return false
	}
	d.named = true
	return true
}

// otherKey returns an error if another node has another key.
func (d *Denylist) otherKey() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, p := range d.peers {
		if p.failed != nil {
			return fmt.Errorf("what node %.100q says about itself cannot be read: %w; give all nodes the same Keys", name, p.failed)
		}
	}
	return nil
}

// opened returns what a node says about itself.
func (d *Denylist) opened(name, sealed string, now time.Time) *peer {
	p := &peer{sealed: sealed, seen: now}
	p.failed = d.sealer.open(sealed, name, &p.state)
	return p
}

// confirm waits until the other nodes that live have ended the sockets of a record. Nodes that
// are silent, or that do not say so in time, are missing.
func (d *Denylist) confirm(ctx context.Context, at position, wait time.Duration) (confirmed []auth.Confirmation, missing []string) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 25*time.Millisecond) {
		err := d.look(ctx, pause)
		var waiting bool
		confirmed, missing, waiting = d.confirmations(at)
		if err == nil && !waiting || ctx.Err() != nil || d.ctx.Err() != nil {
			return confirmed, missing
		}
	}
}

// A look is one read of what the nodes say about themselves, for all callers that wait for it.
type look struct {
	ended chan struct{} // closed when it has ended
	err   error
}

// look reads what the nodes say about themselves, after a pause. Callers share the next read, which begins
// after their calls. Otherwise hundreds of revocations at the same time would read so often that the nodes
// are late to answer them.
func (d *Denylist) look(ctx context.Context, pause time.Duration) error {
	d.mu.Lock()
	l, reads := d.next, d.next == nil
	if reads {
		l = &look{ended: make(chan struct{})}
		d.next = l
	}
	d.mu.Unlock()
	if !reads {
		select {
		case <-l.ended:
			return l.err
		case <-ctx.Done():
			return ctx.Err()
		case <-d.ctx.Done():
			return d.ctx.Err()
		}
	}
	select {
	case <-time.After(pause):
	case <-ctx.Done(): // the read fails, and another caller begins the next one
	case <-d.ctx.Done():
	}
	d.mu.Lock()
	d.next = nil
	d.mu.Unlock()
	var fields map[string]string
	if fields, l.err = d.client.Do(ctx, d.client.B().Hgetall().Key(d.nodesKey()).Build()).AsStrMap(); l.err == nil {
		d.observe(fields)
	}
	close(l.ended)
	return l.err
}

// confirmations returns which other nodes have ended the sockets of a record. Waiting says that
// one of the others lives.
func (d *Denylist) confirmations(at position) (confirmed []auth.Confirmation, missing []string, waiting bool) {
	now, key := time.Now(), at.String()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(d.peers)) {
		p := d.peers[name]
		if p.state.Left {
			continue
		}
		sockets, counted := p.state.Counts[key]
		// That the node has read as far as the record is not enough: it may not have been able to carry it
		// out, and after a failover a record may have the place of one that was lost.
		if p.failed == nil && counted {
			confirmed = append(confirmed, auth.Confirmation{Node: name, Sockets: sockets})
			continue
		}
		missing = append(missing, name)
		waiting = waiting || p.lives(now)
	}
	return confirmed, missing, waiting
}
