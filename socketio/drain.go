package socketio

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// drainReserve is the part of the time of Shutdown's context that is left for what follows
	// the closing of the connections, such as last polls.
	drainReserve = 2 * time.Second
	// ackPatience is how long a connection whose turn has come waits for acknowledgements from
	// its peer, and for intercepted events. A peer that is reachable needs one round trip.
	ackPatience = 2 * time.Second
	// drainInterval is the time between two looks at the connections that were in use when their
	// turn came, and at most between two looks at the next turn.
	drainInterval = 50 * time.Millisecond
)

// drain closes the connections evenly within Options.ShutdownSpread. If ctx has a deadline, it
// leaves drainReserve or half of the time, whichever is less. A connection works as before until
// its turn comes. drain returns when all turns have come and the connections that are left are
// those for which Shutdown waits.
func (srv *Server) drain(ctx context.Context) {
	spread := srv.opts.ShutdownSpread
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		spread = min(spread, left-min(left/2, drainReserve))
	}
	d := newDrain(srv.turns(), max(spread, 0))
	timer := time.NewTimer(0)
	defer timer.Stop()
	for begun := time.Now(); !d.done(); {
		select {
		case <-timer.C:
			timer.Reset(d.advance(time.Since(begun)))
		case <-ctx.Done():
			return
		}
	}
}

// turns returns the connections in the order in which they are closed. Those without an admitted
// socket come first, so that their peers are admitted only once, by the server to which they move.
// The others follow in random order.
func (srv *Server) turns() []*conn {
	var outside, inside []*conn
	for _, c := range srv.connections() {
		c.mu.Lock()
		admitted := c.inside > 0
		c.mu.Unlock()
		if admitted {
			inside = append(inside, c)
		} else {
			outside = append(outside, c)
		}
	}
	rand.Shuffle(len(inside), func(i, j int) { inside[i], inside[j] = inside[j], inside[i] })
	return append(outside, inside...)
}

// A drain closes connections one after the other, at equal intervals. One goroutine drives it. The
// order is random, and clients reconnect after a random time, so the intervals need no jitter.
type drain struct {
	conns []*conn
	turn  int           // index of the next one
	step  time.Duration // between two turns
	look  time.Duration // when busy is looked at again
	busy  []busyConn
}

// busyConn is a connection that was in use when its turn came.
type busyConn struct {
	*conn
	use   use
	until time.Duration // the end of ackPatience
}

// use is what a connection is used for although its turn has come.
type use uint8

const (
	unused  use = iota
	asking      // the peer's acknowledgement is awaited, or an intercepted event is handled
	working     // a handler runs, for which Shutdown waits
)

func newDrain(conns []*conn, spread time.Duration) *drain {
	return &drain{conns: conns, step: spread / time.Duration(max(len(conns), 1))}
}

// due returns when the next turn comes, since the beginning.
func (d *drain) due() time.Duration { return d.step * time.Duration(d.turn+1) }

func (d *drain) done() bool {
	return d.turn == len(d.conns) && !slices.ContainsFunc(d.busy, func(b busyConn) bool { return b.use == asking })
}

// advance closes what can be closed at a time since the beginning, and returns how long to wait
// for the rest.
func (d *drain) advance(now time.Duration) (wait time.Duration) {
	if now >= d.look {
		d.lookAgain(now)
		d.look = now + drainInterval
	}
	for d.turn < len(d.conns) && (d.due() <= now || d.conns[d.turn].isClosed()) {
		c := d.conns[d.turn]
		if left := c.closeUnused(true); left != unused {
			d.busy = append(d.busy, busyConn{conn: c, use: left, until: now + ackPatience})
		}
		d.turn++
	}
	wait = d.look - now
	if d.turn < len(d.conns) {
		wait = min(wait, d.due()-now)
	}
	return max(wait, time.Millisecond)
}

// lookAgain closes the connections that are not in use any more.
func (d *drain) lookAgain(now time.Duration) {
	left := d.busy[:0]
	for _, b := range d.busy {
		if b.use = b.closeUnused(now < b.until); b.use != unused {
			left = append(left, b)
		}
	}
	clear(d.busy[len(left):])
	d.busy = left
}

// isClosed reports whether the connection is closing or closed already.
func (c *conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// closeUnused makes the connection accept no new sockets or events, and ends its sockets that are
// not in use. It closes the connection if none is left. Otherwise it returns what the connection
// is used for.
func (c *conn) closeUnused(patient bool) use {
	c.shuttingDown.Store(true)
	left := unused
	for _, s := range c.all() {
		left = max(left, s.endUnused(patient))
	}
	if left == unused {
		c.close(ReasonShutdown, nil)
	}
	return left
}

// endUnused ends the socket unless it is used. If patient is false, the use asking does not count.
func (s *Socket) endUnused(patient bool) use {
	s.mu.Lock()
	left := unused
	switch {
	case s.state == stateEnding: // it ends by itself, because its peer left
		left = working
	case s.state != stateAdmitted:
	case s.working:
		left = working
	case patient && (len(s.acks) > 0 || s.intercepted != nil):
		left = asking
	}
	s.mu.Unlock()
	if left == unused {
		s.end(ReasonShutdown, nil, nil)
	}
	return left
}
