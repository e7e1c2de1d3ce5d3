package webtransport

import (
	"errors"
	"net/netip"
	"sync"
	"time"
)

// connections counts QUIC connections, from their first packet with a verified address. A
// bound below zero is none.
type connections struct {
	max           int
	maxPerAddress int
	maxIdle       int           // of one address, without a session
	timeout       time.Duration // of a connection without a session

	mu        sync.Mutex
	total     int
	byNetwork map[netip.Prefix]*counts // those with a connection
}

// counts has the connections of one address.
type counts struct {
	all  int
	idle int // without a session
}

// connection is a QUIC connection. Its table's mu guards what can change.
type connection struct {
	table   *connections
	network netip.Prefix // not valid if the connection does not count for an address

	timer   *time.Timer // closes the connection if it has no session; nil until it is accepted
	busy    bool        // serves a request
	session bool        // which has begun a session
	gone    bool
}

var (
	errTooMany    = errors.New("too many connections")
	errTooManyOf  = errors.New("too many connections of its address")
	errTooManyNew = errors.New("too many connections of its address without a session")
)

// add counts a connection from network, unless there are too many. The caller calls remove
// when the connection has ended.
func (t *connections) add(network netip.Prefix) (*connection, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.max >= 0 && t.total >= t.max {
		return nil, errTooMany
	}
	if network.IsValid() {
		n := t.byNetwork[network]
		if n == nil {
			n = &counts{}
		}
		switch {
		case t.maxPerAddress >= 0 && n.all >= t.maxPerAddress:
			return nil, errTooManyOf
		case t.maxIdle >= 0 && n.idle >= t.maxIdle:
			return nil, errTooManyNew
		}
		n.all++
		n.idle++
		t.byNetwork[network] = n
	}
	t.total++
	return &connection{table: t, network: network}, nil
}

// remove stops counting c.
func (c *connection) remove() {
	t := c.table
	t.mu.Lock()
	defer t.mu.Unlock()
	c.gone = true
	t.total--
	if c.timer != nil {
		c.timer.Stop()
	}
	n := t.byNetwork[c.network]
	if n == nil {
		return
	}
	n.all--
	if !c.session {
		n.idle--
	}
	if n.all == 0 {
		delete(t.byNetwork, c.network)
	}
}

// start begins the time in which c must begin a session. If it does not, close is called.
func (c *connection) start(close func()) {
	c.table.mu.Lock()
	defer c.table.mu.Unlock()
	if !c.gone {
		c.timer = time.AfterFunc(c.table.timeout, close)
	}
}

// begin reports whether c may serve a request. If so, the caller calls end.
func (c *connection) begin() bool {
	c.table.mu.Lock()
	defer c.table.mu.Unlock()
	ok := !c.busy
	c.busy = true
	return ok
}

// admitted notes that the request has begun a session.
func (c *connection) admitted() {
	c.table.mu.Lock()
	defer c.table.mu.Unlock()
	if c.gone {
		return
	}
	c.session = true
	c.timer.Stop()
	if n := c.table.byNetwork[c.network]; n != nil {
		n.idle--
	}
}

// end notes the end of the request and its session. The connection is closed if it has no
// other session in time, or at once if its address has enough connections without a session.
func (c *connection) end() {
	c.table.mu.Lock()
	defer c.table.mu.Unlock()
	c.busy = false
	if c.gone || !c.session {
		return
	}
	c.session = false
	wait := c.table.timeout
	if n := c.table.byNetwork[c.network]; n != nil {
		if n.idle++; c.table.maxIdle >= 0 && n.idle > c.table.maxIdle {
			wait = 0
		}
	}
	c.timer.Reset(wait)
}
