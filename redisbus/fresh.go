package redisbus

import (
	"errors"
	"sync"
	"time"

	"socketiojwt/socketio"
)

// With Options.Key, a message of our own nodes is accepted once. This file recognizes a message that
// was recorded and is published again.
//
// A node numbers its messages, and others remember which numbers they have received. A node that
// has just started cannot know them. Therefore it accepts messages on the channel of all nodes only
// from senders that have made themselves known on its own channel. The name of that channel is
// random and part of what is authenticated, so a message for it cannot have been recorded before the
// node started. It says which numbers have been used by then. A sender that is not known is asked to
// make itself known.

var errReplayed = errors.New("message of our own nodes that was received before")

// ErrUnknownNode is the Cause of a Gap if, with Options.Key, messages of a node arrived before this
// node knew it, because it started while this node was slow.
var ErrUnknownNode = errors.New("redisbus: messages arrived before their sender was known")

// A stamp says which message of its sender a message is.
type stamp struct {
	from socketio.NodeID
	// used are how many messages the sender has made: heartbeats and the like, and others. The
	// first of its class is number 1.
	used [classes]uint64
	at   uint64 // milliseconds, by the clock of the sender
}

// Messages are numbered by class, because those of the first overtake the others.
const (
	classPresence = iota
	classMessage
	classes
)

func classOf(what byte) int {
	if what == ownMessage {
		return classMessage
	}
	return classPresence
}

const (
	// windowSize is by how many numbers a message may be late, because another was sent on a
	// different connection or by a different goroutine.
	windowSize = 4096
	// mostSpeakers bounds the nodes that are known. All nodes that have ever been there are among
	// them.
	mostSpeakers = mostPeers
	// mostUnknown bounds the senders that are asked to make themselves known in askAgain.
	mostUnknown = 256
	askAgain    = time.Second
)

// A window is the numbers that were received on a channel.
type window struct {
	highest uint64
	seen    []uint64 // bits of the last windowSize numbers; nil before the first
}

// take records a number. It reports false if the number was received before, or is too old to know.
func (w *window) take(n uint64) bool {
	if n == 0 || n+windowSize <= w.highest {
		return false
	}
	if w.seen == nil {
		w.seen = make([]uint64, windowSize/64)
	}
	if n > w.highest+windowSize {
		clear(w.seen)
		w.highest = n - 1
	}
	for ; w.highest < n; w.highest++ {
		word, bit := place(w.highest + 1)
		w.seen[word] &^= bit
	}
	word, bit := place(n)
	taken := w.seen[word]&bit == 0
	w.seen[word] |= bit
	return taken
}

// skip makes take refuse all numbers up to n.
func (w *window) skip(n uint64) {
	w.highest = n
	w.seen = make([]uint64, windowSize/64)
	for i := range w.seen {
		w.seen[i] = ^uint64(0)
	}
}

func place(n uint64) (word int, bit uint64) {
	return int(n % windowSize / 64), 1 << (n % 64)
}

// A speaker is a node that has made itself known.
type speaker struct {
	all, mine [classes]window
	heard     time.Time
	at        uint64 // the latest of its stamps
}

// speakers are the nodes that have made themselves known.
type speakers struct {
	mu    sync.Mutex
	known map[socketio.NodeID]*speaker
	// forgotten is the latest stamp of the senders that were forgotten. Unknown senders with older
	// stamps may be one of them.
	forgotten uint64
	asked     map[socketio.NodeID]bool // since askedAt
	askedAt   time.Time
	// dropped are unknown senders, and when the first of their messages, except heartbeats and the
	// like, was dropped. If there are mostUnknown, any other sender may be one.
	dropped map[socketio.NodeID]time.Time
}

// add adds a sender whose messages on the channel of all nodes count if they are later than the
// stamp. The caller holds mu, or nothing else uses s.
func (s *speakers) add(from stamp) *speaker {
	if len(s.known) >= mostSpeakers {
		s.forget()
	}
	if s.known == nil {
		s.known = make(map[socketio.NodeID]*speaker)
	}
	x := &speaker{}
	for class := range x.all {
		x.all[class].skip(from.used[class])
	}
	s.known[from.from] = x
	return x
}

// forget forgets the sender that was not heard for the longest time. The caller holds mu.
func (s *speakers) forget() {
	var oldest socketio.NodeID
	for id, x := range s.known {
		if oldest == "" || x.heard.Before(s.known[oldest].heard) {
			oldest = id
		}
	}
	// A clock that was ahead must not make this node refuse all nodes that come later.
	s.forgotten = max(s.forgotten, min(s.known[oldest].at, uint64(max(time.Now().UnixMilli(), 0))))
	delete(s.known, oldest)
}

// accept reports whether a message is accepted, and whether its sender must make itself known. The
// message arrived on the channel of this node, or else on that of all nodes. Since is zero unless
// messages of the sender, which is known now, were dropped from then on.
func (s *speakers) accept(m stamp, class int, mine bool) (accepted, unknown bool, since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.known[m.from]
	switch {
	case x != nil:
	case m.at <= s.forgotten:
		return false, false, since
	case !mine:
		if class == classMessage {
			s.drop(m.from)
		}
		return false, true, since
	default:
		x = s.add(m)
		since = s.droppedOf(m.from)
	}
	w := &x.all[class]
	if mine {
		w = &x.mine[class]
	}
	if !w.take(m.used[class]) {
		return false, false, since
	}
	x.heard, x.at = time.Now(), max(x.at, m.at)
	return true, false, since
}

// drop notes that a message of an unknown sender is dropped. The caller holds mu.
func (s *speakers) drop(id socketio.NodeID) {
	if _, ok := s.dropped[id]; ok || len(s.dropped) >= mostUnknown {
		return
	}
	if s.dropped == nil {
		s.dropped = make(map[socketio.NodeID]time.Time)
	}
	s.dropped[id] = time.Now()
}

// droppedOf returns when messages of a sender that is known now began to be dropped, or zero. The
// caller holds mu.
func (s *speakers) droppedOf(id socketio.NodeID) time.Time {
	since, ok := s.dropped[id]
	delete(s.dropped, id)
	if !ok && len(s.dropped) >= mostUnknown {
		return time.Now()
	}
	return since
}

// mayAsk reports whether to ask a sender to make itself known, and records that it is asked.
func (s *speakers) mayAsk(id socketio.NodeID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.askedAt) > askAgain {
		s.asked, s.askedAt = make(map[socketio.NodeID]bool), now
	}
	if s.asked[id] || len(s.asked) >= mostUnknown {
		return false
	}
	s.asked[id] = true
	return true
}
