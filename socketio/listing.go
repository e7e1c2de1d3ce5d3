package socketio

import (
	"errors"
	"slices"
	"sync"

	"socketiojwt/engineio"
)

// listing is the admitted sockets of a namespace on this node, and their rooms. What a
// broadcast does, of this node or of another, it does to sockets that are listed.
type listing struct {
	namespace *Namespace

	mu   sync.RWMutex
	byID map[string]*Socket
	room map[string]map[*Socket]struct{}
}

func newListing(n *Namespace) *listing {
	return &listing{namespace: n, byID: make(map[string]*Socket), room: make(map[string]map[*Socket]struct{})}
}

// send writes a packet to the sockets selected, from the calling goroutine, and returns
// to how many.
func (l *listing) send(m *engineio.Message, to Selector, volatile bool) (sent int) {
	l.each(to, func(s *Socket) {
		if s.send(m, volatile) == nil { // a socket that is closed or slow gets nothing
			sent++
		}
	})
	return sent
}

// fetch appends descriptions of the sockets selected.
func (l *listing) fetch(infos []SocketInfo, to Selector) []SocketInfo {
	for _, s := range l.sockets(to) {
		if rooms := s.Rooms(); rooms != nil { // otherwise it has left meanwhile
			infos = append(infos, s.info(rooms))
		}
	}
	return infos
}

// joinAll makes the sockets selected join rooms. It adds their errors to err.
func (l *listing) joinAll(to Selector, j joining, err error) error {
	for _, s := range l.sockets(to) {
		// Few errors are possible, and there may be many sockets.
		if failed := s.join(j); failed != nil && !errors.Is(failed, ErrClosed) && !errors.Is(err, failed) {
			err = errors.Join(err, failed)
		}
	}
	return err
}

// targets are the snapshots that broadcasts run over, kept from one to the next.
var targets = sync.Pool{New: func() any { return new([]*Socket) }}

// each calls f for each socket selected whose deadline has not come, outside the
// lock.
func (l *listing) each(to Selector, f func(*Socket)) {
	list := targets.Get().(*[]*Socket)
	*list = l.selected((*list)[:0], to)
	l.eachOf(*list, f)
	clear(*list)
	targets.Put(list)
}

// eachOf calls f for each socket in the list whose deadline has not come.
func (l *listing) eachOf(list []*Socket, f func(*Socket)) {
	var now int64
	for i, s := range list {
		if i%clockEvery == 0 {
			now = l.namespace.server.clock()
		}
		if !s.over(now) {
			f(s)
		}
	}
}

// clockEvery is for how many sockets each reads the clock once: reading it costs
// about as much as writing to a socket's queue, and a broadcast to a thousand
// sockets takes less than a millisecond.
const clockEvery = 1024

// sockets returns the sockets selected whose deadline has not come.
func (l *listing) sockets(to Selector) []*Socket {
	now := l.namespace.server.clock()
	return slices.DeleteFunc(l.selected(nil, to), func(s *Socket) bool { return s.over(now) })
}
