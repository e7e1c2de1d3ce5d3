package replay

import (
	"slices"
	"sync"
	"time"

	"socketiojwt/engineio"
)

// A Session records what one peer was sent, across the connections that it loses. While the peer
// is connected, the caller serializes all calls except Missed, and those of Joined and Left among
// themselves. After Lose, only Keep, Missed, Plan, Resume and End may be called.
//
// Most events are sent to a peer in the order of the log, and high says how far it got. The
// others are extras: events of this peer only, and events of the log that were sent late, because
// two broadcasts at the same time reach sockets in any order.
type Session struct {
	log    *Log
	id     string
	limit  int    // bytes of extras
	serial uint64 // tells offsets of this session from those of others
	start  uint64 // last event before the session began

	mu    sync.Mutex // guards the fields below once the session is lost
	lost  bool
	ended bool

	high    uint64  // highest event of the log that was sent
	extras  []extra // in the order in which they were sent
	dropped uint64  // number of extras that are no longer kept
	floor   uint64  // high of the last dropped extra
	size    int     // of the extras

	rooms    map[string]struct{} // when the session was lost
	changes  []change            // of rooms, in the order of events
	settled  uint64              // event of the last dropped change
	lostSize int                 // bytes
	lostAt   uint64              // last event of the log when the session was lost
	quiet    uint64              // of the events from high to here, none was for the socket
}

// extra is an event that was sent when event high of the log was the highest sent before.
type extra struct {
	high    uint64
	late    uint64            // event of the log, or zero
	message *engineio.Message // of an event of this session only
	at      time.Duration
	size    int
}

// extraBytes is about what an extra keeps in addition to its message.
const extraBytes = 64

// change says that the socket joined or left a room after an event of the log.
type change struct {
	after  uint64
	room   string
	joined bool
}

// Bounds of what a session keeps, in addition to its bytes.
const (
	maxExtras  = 1024
	maxChanges = 128
)

// Sent says that an event of the log is sent to the peer.
func (s *Session) Sent(event uint64) {
	if event > s.high {
		s.high = event
		return
	}
	s.add(extra{late: event})
}

// SendOnly completes the message of an event that is sent to this peer only, and records it.
func (s *Session) SendOnly(d *Draft) {
	seal(s.log.block, d.Offset, offset{s.serial, s.dropped + uint64(len(s.extras)) + 1})
	s.add(extra{message: d.Message, size: d.Size})
}

// Missed says that an event of the log was for this peer, and that the connection was lost
// before it was sent. It may be called at any time.
func (s *Session) Missed(event uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost && !s.ended && event < s.high {
		s.add(extra{late: event})
	}
}

// add appends an extra, and drops the oldest ones if they exceed a bound.
func (s *Session) add(x extra) {
	if s.ended {
		return
	}
	x.high, x.at = s.high, time.Since(s.log.began)
	x.size += extraBytes
	s.extras = append(s.extras, x)
	s.size += x.size
	fits := s.log.budget.take(x.size)
	n := 0
	for left := s.size; n < len(s.extras) && (left > s.limit || len(s.extras)-n > maxExtras || !fits && left > 0); n++ {
		left -= s.extras[n].size
	}
	if !fits {
		s.log.budget.used.Add(int64(x.size)) // drop gives it back
	}
	s.drop(n)
}

// drop forgets the oldest n extras.
func (s *Session) drop(n int) {
	for i := range s.extras[:n] {
		s.log.budget.give(s.extras[i].size)
		s.size -= s.extras[i].size
		s.floor = s.extras[i].high
		s.extras[i] = extra{}
	}
	s.dropped += uint64(n)
	if s.extras = s.extras[n:]; len(s.extras) == 0 {
		s.extras = nil
	}
}

// Prune forgets the extras that are older than age.
func (s *Session) Prune(age time.Duration) {
	before := time.Since(s.log.began) - age
	n := 0
	for n < len(s.extras) && s.extras[n].at < before {
		n++
	}
	s.drop(n)
}

// Joined and Left say that the socket has joined or left a room.
func (s *Session) Joined(room string) { s.changed(room, true) }

// Left is described with Joined.
func (s *Session) Left(room string) { s.changed(room, false) }

func (s *Session) changed(room string, joined bool) {
	s.log.mu.Lock()
	last, first := s.log.next-1, s.log.first
	s.log.mu.Unlock()
	if last == s.start { // the session has seen no event yet
		return
	}
	n := 0
	for n < len(s.changes) && s.changes[n].after < first { // no event that is kept is older
		n++
	}
	if n == 0 && len(s.changes) == maxChanges {
		n, s.settled = 1, s.changes[0].after
	}
	s.changes = append(slices.Delete(s.changes, 0, n), change{last, room, joined})
}

// Lose says that the connection of the socket, which was in these rooms, is lost. The session
// keeps the map. The rules of Record apply: the socket ceases to receive events at this moment.
// If the rooms do not fit into the budget, Lose reports false, and the session must be ended.
func (s *Session) Lose(rooms map[string]struct{}) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := lostBytes
	for room := range rooms {
		size += roomBytes + len(room)
	}
	if !s.log.budget.take(size) {
		return false
	}
	s.lost, s.rooms, s.lostSize = true, rooms, size
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.lostAt = s.log.next - 1
	s.quiet = s.lostAt
	for _, event := range s.log.flight { // it may be for the socket, and not be sent yet
		s.quiet = min(s.quiet, event-1)
	}
	return true
}

// lostBytes is about what a lost session keeps in addition to its events and rooms, and roomBytes
// what it keeps for a room in addition to its name.
const (
	lostBytes = 600
	roomBytes = 100
)

// Keep says that the caller keeps n more bytes of a lost session, until it is lost no more. If they
// do not fit into the budget, Keep reports false, and the session must be ended.
func (s *Session) Keep(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.lost || !s.log.budget.take(n) {
		return false
	}
	s.lostSize += n
	return true
}

// found says that the session is not lost any more. The caller holds mu.
func (s *Session) found() {
	s.log.budget.give(s.lostSize)
	s.lost, s.rooms, s.lostSize = false, nil, 0
}

// Rooms returns the rooms in which the socket was when its connection was lost.
func (s *Session) Rooms() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	rooms := make([]string, 0, len(s.rooms))
	for room := range s.rooms {
		rooms = append(rooms, room)
	}
	return rooms
}

// End forgets the session. Further calls do nothing.
func (s *Session) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.ended = true
	s.drop(len(s.extras))
	s.found()
	s.changes = nil
	s.log.end()
}
