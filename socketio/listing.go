package socketio

import (
	"errors"
	"slices"
	"sync"

	"socketiojwt/socketio/internal/replay"
)

// listing holds the admitted sockets of a namespace on this node, and their rooms. A broadcast,
// of this node or of another, applies to the sockets in it.
type listing struct {
	namespace *Namespace

	events *replay.Log // nil without Options.Recovery
	shared shared

	mu   sync.RWMutex
	byID map[string]*Socket
	all  []*Socket            // in no particular order; that of Socket.place is at index place-1
	room map[string][]*Socket // likewise, with the places in Socket.rooms; no list is empty

	many   sync.Mutex // held by a selection by very many names; taken before mu
	lookup *lookup    // of that selection; changed by it, which holds mu for reading
}

// places are the rooms of a socket, and its place in the list of each of them: its index plus 1.
// All are 0 until the socket is listed.
type places map[string]int32

// names returns the set of the rooms.
func (p places) names() map[string]struct{} {
	set := make(map[string]struct{}, len(p))
	for room := range p {
		set[room] = struct{}{}
	}
	return set
}

func newListing(n *Namespace) *listing {
	l := &listing{namespace: n, byID: make(map[string]*Socket), room: make(map[string][]*Socket)}
	if r := n.server.recovery; r != nil {
		l.events = replay.NewLog(r.budget)
	}
	return l
}

// add adds a socket that is being admitted, with the rooms of Assign. It is one step, so that
// no broadcast finds the socket without these rooms.
func (l *listing) add(s *Socket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list(s)
	s.beginSession()
}

// list is add for a caller that holds mu.
func (l *listing) list(s *Socket) {
	l.changing(s, s.ID(), false)
	l.byID[s.ID()] = s
	l.all = append(l.all, s)
	s.place = int32(len(l.all))
	l.changed(s.ID(), true)
	for room := range s.rooms {
		l.enter(s, room)
	}
}

// forget removes a socket from the listing and from its rooms. It returns the rooms, including
// the room of the socket's own id. If keeps is true, it tries to keep the session, to be recovered,
// and reports whether it did.
func (l *listing) forget(s *Socket, keeps bool) (rooms []string, kept bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rooms = s.roomNames()
	if s.place > 0 {
		l.changing(s, s.ID(), true)
		delete(l.byID, s.ID())
		l.changed(s.ID(), false)
		for room := range s.rooms {
			l.leave(s, room)
		}
		var last *Socket
		l.all, last = without(l.all, s.place)
		last.place, s.place = s.place, 0
	}
	kept = keeps && l.lose(s.session.Load(), s.rooms.names())
	s.rooms = nil
	return rooms, kept
}

// send writes an event to the selected sockets, on the calling goroutine, and returns the number
// of sockets for which it was queued or written.
func (l *listing) send(o *outgoing, to Selector) (sent int) {
	began := l.namespace.server.renewals.Load()
	l.each(to, func(s *Socket) {
		if s.send(o.packetFor(l.namespace.name), o.volatile, began) == nil { // a socket that is closed or slow gets nothing
			sent++
		}
	})
	return sent
}

// fetch appends descriptions of the selected sockets.
func (l *listing) fetch(infos []SocketInfo, to Selector) []SocketInfo {
	l.each(to, func(s *Socket) {
		if rooms := s.Rooms(); rooms != nil { // nil if the socket has left meanwhile
			infos = append(infos, s.info(rooms))
		}
	})
	return infos
}

// joinAll makes the selected sockets join rooms. It joins their errors to err.
func (l *listing) joinAll(to Selector, j joining, err error) error {
	l.each(to, func(s *Socket) {
		// Report each error once. There are few different ones, but possibly many sockets.
		if failed := s.join(j); failed != nil && !errors.Is(failed, ErrClosed) && !errors.Is(err, failed) {
			err = errors.Join(err, failed)
		}
	})
	return err
}

// targets pools the slices of sockets that broadcasts iterate over.
var targets = sync.Pool{New: func() any { return new([]*Socket) }}

// each calls f, without holding the lock, for each selected socket whose deadline has not
// passed.
func (l *listing) each(to Selector, f func(*Socket)) {
	list := targets.Get().(*[]*Socket)
	*list = l.selected((*list)[:0], to)
	l.eachOf(*list, f)
	clear(*list)
	targets.Put(list)
}

// eachOf calls f for each socket in the list whose deadline has not passed.
func (l *listing) eachOf(list []*Socket, f func(*Socket)) {
	var now int64
	for i, s := range list {
		if i%clockEvery == 0 {
			now = l.namespace.server.clock()
		}
		if !s.pastDeadline(now) {
			f(s)
		}
		if i%yieldEvery == 0 {
			l.namespace.server.engine.Yield()
		}
	}
}

// clockEvery is the number of sockets for which eachOf reads the clock once. Reading the clock
// costs about as much as writing to a socket's queue, and a broadcast to a thousand sockets
// takes less than a millisecond.
const clockEvery = 1024

// yieldEvery is the number of sockets after which eachOf may let other goroutines run.
const yieldEvery = 64

// sockets returns the selected sockets whose deadline has not passed.
func (l *listing) sockets(to Selector) []*Socket {
	now := l.namespace.server.clock()
	return slices.DeleteFunc(l.selected(nil, to), func(s *Socket) bool { return s.pastDeadline(now) })
}
