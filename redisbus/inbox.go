package redisbus

import (
	"errors"
	"sync"
	"time"

	"socketiojwt/socketio"
)

// ErrOverflow is the Cause of a Gap if messages of other nodes arrived faster than this node
// could deliver them, and some were dropped.
var ErrOverflow = errors.New("redisbus: messages arrived faster than they could be delivered")

// An inbox holds received messages until they are delivered. Messages of one lane are delivered
// in order, one after the other, by a goroutine that lives while the lane has messages. Lanes
// do not wait for each other.
type inbox struct {
	most    int                         // bytes
	deliver func(letter)                // may block
	ended   func(from, until time.Time) // is called at the end of an overflow

	mu      sync.Mutex
	lanes   map[string]*lane
	closed  bool
	dropped uint64
	// Each of these is bounded by most, so that a flood of events does not displace revocations or
	// replies.
	events, own, replies budget
}

// A budget is what waits in some of the lanes.
type budget struct {
	bytes    int
	overflow time.Time // when the first message was dropped; zero if none was
}

// budget returns the budget of a lane.
func (in *inbox) budget(lane string) *budget {
	switch lane {
	case laneOwn:
		return &in.own
	case laneReplies:
		return &in.replies
	}
	return &in.events
}

// A lane holds the messages of one namespace.
type lane struct{ letters []letter }

// A letter is a received message.
type letter struct {
	target  target
	payload string
	own     bool              // it arrived on a channel of our own nodes
	gone    *socketio.Message // instead of a payload
}

// letterBytes is what a letter takes beside its payload, roughly.
const letterBytes = 64

// put queues a message. It never blocks.
func (in *inbox) put(name string, l letter) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return
	}
	size := len(l.payload) + letterBytes
	// The number of those that say that a node is gone is bounded, and a caller waits for them.
	x := in.budget(name)
	if x.bytes+size > in.most && x.bytes > 0 && l.gone == nil {
		in.dropped++
		if x.overflow.IsZero() {
			x.overflow = time.Now()
		}
		return
	}
	x.bytes += size
	q := in.lanes[name]
	if q == nil {
		q = &lane{}
		if in.lanes == nil {
			in.lanes = make(map[string]*lane)
		}
		in.lanes[name] = q
		go in.work(name, q)
	}
	q.letters = append(q.letters, l)
}

// work delivers the messages of a lane until there are none.
func (in *inbox) work(name string, q *lane) {
	var batch []letter
	for {
		in.mu.Lock()
		if len(q.letters) == 0 || in.closed {
			delete(in.lanes, name)
			in.mu.Unlock()
			return
		}
		clear(batch)
		batch, q.letters = q.letters, batch[:0]
		in.mu.Unlock()
		for i := range batch {
			size := len(batch[i].payload) + letterBytes
			in.deliver(batch[i])
			in.delivered(name, size)
		}
	}
}

// delivered records that a message has been delivered. An overflow ends when half of the room
// is free again.
func (in *inbox) delivered(lane string, size int) {
	in.mu.Lock()
	x := in.budget(lane)
	x.bytes -= size
	from := x.overflow
	over := !from.IsZero() && x.bytes <= in.most/2
	if over {
		x.overflow = time.Time{}
	}
	in.mu.Unlock()
	if over {
		in.ended(from, time.Now())
	}
}

// overflows returns the number of messages that were dropped.
func (in *inbox) overflows() uint64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.dropped
}

// close drops the messages that wait. It does not wait for those being delivered.
func (in *inbox) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
}
