package redisbus

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
	most    int                          // bytes
	deliver func(letter)                 // may block
	batch   atomic.Pointer[func(func())] // of Bus.Batch; nil until that is called
	ended   func(from, until time.Time)  // is called at the end of an overflow

	mu       sync.Mutex
	lanes    map[string]*lane
	bytes    int
	closed   bool
	overflow time.Time // when the first message was dropped; zero if none was
	dropped  uint64
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
	if in.bytes+size > in.most && in.bytes > 0 {
		in.dropped++
		if in.overflow.IsZero() {
			in.overflow = time.Now()
		}
		return
	}
	in.bytes += size
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
		for some := range slices.Chunk(batch, maxTogether) {
			in.together(name, some)
		}
	}
}

// maxTogether bounds the messages that are delivered together.
const maxTogether = 64

// together delivers some messages of a lane. Those of a namespace are mostly events, and what they
// send is written together.
func (in *inbox) together(name string, letters []letter) {
	deliver := func() {
		for i := range letters {
			size := len(letters[i].payload) + letterBytes
			in.deliver(letters[i])
			in.delivered(size)
		}
	}
	if len(letters) > 1 && strings.HasPrefix(name, "/") {
		in.batched(deliver)
		return
	}
	deliver()
}

// batched runs f, which delivers several messages.
func (in *inbox) batched(f func()) {
	if batch := in.batch.Load(); batch != nil {
		(*batch)(f)
		return
	}
	f()
}

// delivered records that a message has been delivered. An overflow ends when half of the room
// is free again.
func (in *inbox) delivered(size int) {
	in.mu.Lock()
	in.bytes -= size
	from := in.overflow
	over := !from.IsZero() && in.bytes <= in.most/2
	if over {
		in.overflow = time.Time{}
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
