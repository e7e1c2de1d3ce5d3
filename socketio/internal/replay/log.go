package replay

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"socketiojwt/engineio"
)

// A Budget bounds the bytes that all logs and sessions of a server keep. It may be used
// concurrently.
type Budget struct {
	max  int64
	used atomic.Int64
}

// NewBudget returns a budget of max bytes.
func NewBudget(max int) *Budget { return &Budget{max: int64(max)} }

// Used returns the bytes that are in use.
func (b *Budget) Used() int { return int(b.used.Load()) }

// take takes n bytes, and reports false if they exceed the budget.
func (b *Budget) take(n int) bool {
	if b.used.Add(int64(n)) > b.max {
		b.used.Add(-int64(n))
		return false
	}
	return true
}

func (b *Budget) give(n int) { b.used.Add(-int64(n)) }

// A Target says which sockets of a namespace an event was sent to: all, or those in any of the
// rooms, without those in the rooms of Except. The id of a socket is a room.
type Target struct {
	All    bool
	Rooms  []string
	Except []string
}

// nameBytes is about what the name of a room keeps in addition to its text.
const nameBytes = 16

// Size returns about how many bytes the names of the rooms keep.
func (to Target) Size() (size int) {
	for _, names := range [][]string{to.Rooms, to.Except} {
		for _, name := range names {
			size += nameBytes + len(name)
		}
	}
	return size
}

// A Draft is an event that is to be recorded. Its message ends with an offset, which is written
// when the event is recorded. Until then the message must not be sent.
type Draft struct {
	Message *engineio.Message
	Offset  []byte // OffsetSize bytes of the message's text
	Size    int    // bytes that the message keeps
}

// entry is an event of a log.
type entry struct {
	message *engineio.Message
	to      Target
	at      time.Duration
	size    int
}

// entryBytes is about what an entry keeps in addition to its message and the names of its rooms.
const entryBytes = 128

// A Log holds the recent events of a namespace. It may be used concurrently.
type Log struct {
	budget *Budget
	began  time.Time
	active atomic.Bool // users > 0

	mu      sync.Mutex
	block   cipher.Block // encrypts offsets; nil until the first session
	entries []entry      // the events from first to next-1
	size    int          // of the entries
	first   uint64
	next    uint64
	flight  []uint64 // events that are still being written to sockets
	users   int      // sessions
	serials uint64
}

// NewLog returns an empty log.
func NewLog(budget *Budget) *Log { return &Log{budget: budget, began: time.Now(), first: 1, next: 1} }

// Active reports whether the log has sessions, so that events must be recorded.
func (l *Log) Active() bool { return l.active.Load() }

// Record adds an event to the log, and completes its message. Between the choice of the sockets
// that receive the event and Record, no session may begin, and no socket of a session may join
// or leave a room. The caller then writes the message to the sockets and calls Done. An event
// that does not fit into the budget is not kept, and older ones are forgotten to make room.
func (l *Log) Record(d *Draft, to Target) (number uint64) {
	size := entryBytes + d.Size + to.Size()
	l.mu.Lock()
	defer l.mu.Unlock()
	number = l.next
	l.next++
	l.flight = append(l.flight, number)
	if l.users == 0 { // the last session has just ended
		l.forgetAll()
		return number
	}
	seal(l.block, d.Offset, offset{number, 0})
	for !l.budget.take(size) {
		if len(l.entries) == 0 {
			l.first = l.next
			return number
		}
		l.evict(1)
	}
	l.entries = append(l.entries, entry{d.Message, to, time.Since(l.began), size})
	l.size += size
	return number
}

// Done says that an event has been written to its sockets.
func (l *Log) Done(number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.flight, number); i >= 0 {
		l.flight = slices.Delete(l.flight, i, i+1)
	}
}

// Prune forgets the events that are older than age.
func (l *Log) Prune(age time.Duration) {
	for l.pruneSome(age) {
	}
}

// mostPruned bounds the events that Prune forgets at a time, because others wait in Record meanwhile.
const mostPruned = 1024

// pruneSome reports whether there may be more to forget.
func (l *Log) pruneSome(age time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := time.Since(l.began) - age
	n := 0
	for n < min(len(l.entries), mostPruned) && l.entries[n].at < before {
		n++
	}
	l.evict(n)
	return n == mostPruned
}

// Len returns the number of events that the log keeps.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries)
}

// evict forgets the oldest n events. The caller holds mu.
func (l *Log) evict(n int) {
	size := 0
	for i := range l.entries[:n] {
		size += l.entries[i].size
		l.entries[i] = entry{}
	}
	l.budget.give(size)
	l.size -= size
	l.first += uint64(n)
	if l.entries = l.entries[n:]; len(l.entries) == 0 {
		l.entries = nil
	}
}

// forgetAll forgets all events, because no session can need them. The caller holds mu.
func (l *Log) forgetAll() {
	l.budget.give(l.size)
	l.entries, l.size, l.first = nil, 0, l.next
}

// MaxSearched bounds the events of the log that are searched for one peer, so that a peer cannot
// make the server search a long log again and again.
const MaxSearched = 1 << 15

// since returns the events after number up to the last one. It reports false if one of them is
// no longer kept, or if they are more than MaxSearched. The caller holds mu.
func (l *Log) since(number uint64) (events []entry, ok bool) {
	if number+1 < l.first || number >= l.next || l.next-1-number > MaxSearched {
		return nil, false
	}
	return slices.Clone(l.entries[number+1-l.first:]), true
}

// Begin begins the session of a socket with this id. Limit bounds the bytes that it keeps.
func (l *Log) Begin(id string, limit int) *Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.block == nil {
		var key [16]byte
		_, _ = rand.Read(key[:])           // never fails
		l.block, _ = aes.NewCipher(key[:]) // fails only for other lengths of a key
	}
	l.users++
	l.serials++
	l.active.Store(true)
	last := l.next - 1
	return &Session{log: l, id: id, limit: limit, serial: l.serials, start: last, high: last}
}

// end forgets a session.
func (l *Log) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users--; l.users == 0 {
		l.active.Store(false)
		l.forgetAll()
	}
}
