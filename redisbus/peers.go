package redisbus

import (
	"slices"
	"strings"
	"sync"
	"time"

	"socketiojwt/socketio"
)

const (
	beatEvery = time.Second
	// A node is silent when it has sent nothing for silentAfter, during which silentBeats
	// heartbeats of this node have come back. The second condition holds for as long as this
	// node itself hears nothing.
	silentAfter = 3500 * time.Millisecond
	silentBeats = 4
	// leavesFor is how long a node that has left may still be subscribed to its channels.
	leavesFor = 2 * time.Second
	// forgetAfter is when a silent node is forgotten. Until then its subscriptions are known to
	// be those of a node that does not answer.
	forgetAfter = time.Minute
	// mostPeers bounds the nodes that are known, because anyone who can publish can invent some.
	mostPeers = 4096
	// longestID bounds the ID of a node.
	longestID = 64
)

// beat is the body of hello, beat and bye.
type beat struct {
	ID      socketio.NodeID `json:"id"`
	Name    string          `json:"name,omitempty"`
	Version string          `json:"v,omitempty"`
	Wire    string          `json:"wire,omitempty"`
	Since   time.Time       `json:"since"`
}

// valid reports whether the ID can be one: it becomes part of the name of a channel.
func (b *beat) valid() bool {
	return b.ID != "" && len(b.ID) <= longestID && !strings.ContainsAny(string(b.ID), "# \x00")
}

// A Node is another node of the cluster that runs this module.
type Node struct {
	ID socketio.NodeID
	// Name is Options.Name of the node. Any node may have any name.
	Name string
	// Version is the version of this module on the node, if known.
	Version string
	// Wire is the wire of the node. Nodes of different wires do not hear each other.
	Wire string
	// Since is when the node joined, by its own clock.
	Since time.Time
	// Seen is when the node was heard last, by the clock of this node. A node is listed for
	// about 3.5 seconds after that.
	Seen time.Time
}

// peers are the other nodes that have sent heartbeats.
type peers struct {
	mu    sync.Mutex
	byID  map[socketio.NodeID]*peer
	echo  time.Time // when a heartbeat of this node came back last
	began time.Time // when echoes were first expected
	said  time.Time // when the heartbeat was sent whose echo is awaited; zero if none is
	delay time.Duration
}

type peer struct {
	Node
	unheard int  // times in a row that it was not subscribed to its own channel
	missed  int  // heartbeats of this node that have come back since this one was heard
	silent  bool // it is not expected to answer
	left    time.Time
}

// heard records a heartbeat. It reports whether the node is new, or was silent.
func (p *peers) heard(b *beat) (isNew bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := p.byID[b.ID]
	if x == nil {
		if len(p.byID) >= mostPeers {
			return false
		}
		if p.byID == nil {
			p.byID = make(map[socketio.NodeID]*peer)
		}
		x = &peer{silent: true}
		x.ID = socketio.NodeID(strings.Clone(string(b.ID)))
		p.byID[x.ID] = x
	}
	if isNew = x.silent; isNew {
		x.unheard = 0
	}
	x.Node = Node{ID: x.ID, Name: short(b.Name), Version: short(b.Version), Wire: short(b.Wire), Since: b.Since, Seen: time.Now()}
	x.missed, x.silent, x.left = 0, false, time.Time{}
	return isNew
}

// short returns the beginning of a text from the wire, without keeping the rest in memory.
func short(text string) string { return strings.Clone(text[:min(len(text), longestID)]) }

// left records that a node has left. It reports whether it was there.
func (p *peers) left(id socketio.NodeID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := p.byID[id]
	if x == nil || x.silent {
		return false
	}
	x.silent, x.left = true, time.Now()
	return true
}

// subscribed records whether a node is subscribed to its own channel. It reports whether the
// node has vanished: it was not subscribed twice in a row, and is not expected to answer.
func (p *peers) subscribed(id socketio.NodeID, is bool) (vanished bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := p.byID[id]
	switch {
	case x == nil || x.silent:
		return false
	case is:
		x.unheard = 0
		return false
	}
	x.unheard++
	x.silent = x.unheard >= 2
	return x.silent
}

// echoed records that a heartbeat of this node has come back. It returns the nodes that have
// become silent.
func (p *peers) echoed() (silent []socketio.NodeID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.echo = now
	if !p.said.IsZero() {
		p.delay, p.said = now.Sub(p.said), time.Time{}
	}
	for id, x := range p.byID {
		x.missed++
		since := now.Sub(x.Seen)
		switch {
		case x.silent && since > forgetAfter:
			delete(p.byID, id)
		case !x.silent && x.missed >= silentBeats && since > silentAfter:
			x.silent = true
			silent = append(silent, id)
		}
	}
	return silent
}

// saying records that a heartbeat is being sent.
func (p *peers) saying() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said = time.Now()
}

// took returns how long the last heartbeat took to come back; zero if none has.
func (p *peers) took() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.delay
}

// expect begins the wait for echoes.
func (p *peers) expect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.began = time.Now()
}

// deaf returns how long no heartbeat of this node has come back.
func (p *peers) deaf() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.echo
	if last.Before(p.began) {
		last = p.began
	}
	return time.Since(last)
}

// known returns the nodes that have been heard. Those of silent are not expected to answer.
func (p *peers) known() (there []Node, silent []socketio.NodeID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, x := range p.byID {
		if x.silent {
			silent = append(silent, id)
		} else {
			there = append(there, x.Node)
		}
	}
	slices.SortFunc(there, func(a, b Node) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return there, silent
}

// listening returns the number of nodes that have been heard and have not vanished. A silent one
// may still be subscribed to its channels, and one that has left is until Redis notices that the
// connection was closed.
func (p *peers) listening() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.byID {
		if x.unheard < 2 && (x.left.IsZero() || time.Since(x.left) < leavesFor) {
			n++
		}
	}
	return n
}

// others returns the number of nodes that are there and have another wire.
func (p *peers) others(wire string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.byID {
		if !x.silent && x.Wire != wire {
			n++
		}
	}
	return n
}

// count returns the number of nodes that are there.
func (p *peers) count() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.byID {
		if !x.silent {
			n++
		}
	}
	return n
}
