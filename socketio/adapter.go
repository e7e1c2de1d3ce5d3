package socketio

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// An Adapter carries what concerns the sockets of one namespace to wherever they
// are: on this node, through the Local it was made with, and for adapters that
// join several nodes, on the others too. Its methods may be called concurrently.
type Adapter interface {
	// Broadcast sends an event to the sockets selected. It must not block on the
	// network.
	Broadcast(p Packet, to Selector) error
	// BroadcastWithAck sends an event and gathers the answers until all are
	// there or ctx ends; then it returns those it has with the context's cause.
	BroadcastWithAck(ctx context.Context, p Packet, to Selector) ([]Arguments, error)
	// FetchSockets describes the sockets selected.
	FetchSockets(ctx context.Context, to Selector) ([]SocketInfo, error)
	// SocketsJoin makes the sockets selected join rooms.
	SocketsJoin(ctx context.Context, to Selector, rooms []string) error
	// SocketsLeave makes the sockets selected leave rooms.
	SocketsLeave(ctx context.Context, to Selector, rooms []string) error
	// DisconnectSockets ends the sockets selected; with closeConnection, their
	// connections.
	DisconnectSockets(ctx context.Context, to Selector, closeConnection bool) error
	// Close ends the adapter, when the server or a dynamic namespace ends.
	Close() error
}

// SocketInfo describes a socket that may be on another node.
type SocketInfo struct {
	ID    string
	Rooms []string
}

// Local is the admitted sockets of a namespace on this node, and their rooms. It
// is the in-memory Adapter, and what other adapters act on.
type Local struct {
	namespace *Namespace

	mu   sync.RWMutex
	byID map[string]*Socket
	room map[string]map[*Socket]struct{}
}

var _ Adapter = (*Local)(nil)

// Namespace returns the name of the namespace.
func (l *Local) Namespace() string { return l.namespace.name }

// Broadcast encodes the event once and writes it to the sockets selected, from
// the calling goroutine.
func (l *Local) Broadcast(p Packet, to Selector) error {
	m, err := encodeEvent(l.namespace.name, 0, false, p.Event, p.Args)
	if err != nil {
		return err
	}
	sent := 0
	l.each(to, func(s *Socket) {
		if s.send(m, p.Volatile) == nil { // a socket that is closed or slow gets nothing
			sent++
		}
	})
	l.emitted(p, to, sent)
	return nil
}

// emitted tells the functions of OnEmit of a broadcast.
func (l *Local) emitted(p Packet, to Selector, recipients int) {
	if n := l.namespace; len(n.table.onEmit) > 0 {
		n.emitted(Emitted{Packet: p, To: to, Recipients: recipients})
	}
}

// BroadcastWithAck writes the event, with one acknowledgement id for all.
func (l *Local) BroadcastWithAck(ctx context.Context, p Packet, to Selector) ([]Arguments, error) {
	id := l.namespace.server.nextAck()
	m, err := encodeEvent(l.namespace.name, id, true, p.Event, p.Args)
	if err != nil {
		return nil, err
	}
	var waiting []*Socket
	var pending []chan Arguments
	l.each(to, func(s *Socket) {
		answer, err := s.expectAck(id)
		if err != nil {
			return
		}
		if s.send(m, p.Volatile) != nil {
			s.forgetAck(id)
			return
		}
		waiting, pending = append(waiting, s), append(pending, answer)
	})
	l.emitted(p, to, len(waiting))
	answers := make([]Arguments, 0, len(pending))
	for i, answer := range pending {
		select {
		case a, ok := <-answer:
			if ok {
				answers = append(answers, a)
			}
		case <-ctx.Done():
			for ; i < len(pending); i++ {
				waiting[i].forgetAck(id)
				select {
				case a, ok := <-pending[i]:
					if ok {
						answers = append(answers, a)
					}
				default:
				}
			}
			return answers, context.Cause(ctx)
		}
	}
	return answers, nil
}

// FetchSockets describes the sockets selected.
func (l *Local) FetchSockets(_ context.Context, to Selector) ([]SocketInfo, error) {
	sockets := l.sockets(to)
	infos := make([]SocketInfo, 0, len(sockets))
	for _, s := range sockets {
		if rooms := s.Rooms(); rooms != nil { // else it has left meanwhile
			infos = append(infos, SocketInfo{ID: s.id, Rooms: rooms})
		}
	}
	return infos, nil
}

// SocketsJoin makes the sockets selected join rooms.
func (l *Local) SocketsJoin(_ context.Context, to Selector, rooms []string) error {
	j, err := l.namespace.joining(rooms)
	if err != nil {
		return err
	}
	for _, s := range l.sockets(to) {
		// Few errors are possible, and there may be many sockets.
		if failed := s.join(j); failed != nil && !errors.Is(failed, ErrClosed) && !errors.Is(err, failed) {
			err = errors.Join(err, failed)
		}
	}
	return err
}

// SocketsLeave makes the sockets selected leave rooms.
func (l *Local) SocketsLeave(_ context.Context, to Selector, rooms []string) error {
	rooms = distinct(rooms)
	for _, s := range l.sockets(to) {
		s.Leave(rooms...)
	}
	return nil
}

// DisconnectSockets ends the sockets selected.
func (l *Local) DisconnectSockets(_ context.Context, to Selector, closeConnection bool) error {
	for _, s := range l.sockets(to) {
		if closeConnection {
			s.CloseConnection(nil)
		} else {
			s.Disconnect(nil)
		}
	}
	return nil
}

// Close does nothing.
func (l *Local) Close() error { return nil }

// targets are the snapshots that broadcasts run over, kept from one to the next.
var targets = sync.Pool{New: func() any { return new([]*Socket) }}

// each calls f for each socket selected whose deadline has not come, outside the
// lock.
func (l *Local) each(to Selector, f func(*Socket)) {
	list := targets.Get().(*[]*Socket)
	*list = l.selected((*list)[:0], to)
	var now int64
	for i, s := range *list {
		if i%clockEvery == 0 {
			now = l.namespace.server.clock()
		}
		if !s.over(now) {
			f(s)
		}
	}
	clear(*list)
	targets.Put(list)
}

// clockEvery is for how many sockets each reads the clock once: reading it costs
// about as much as writing to a socket's queue, and a broadcast to a thousand
// sockets takes less than a millisecond.
const clockEvery = 1024

// sockets returns the sockets selected whose deadline has not come.
func (l *Local) sockets(to Selector) []*Socket {
	now := l.namespace.server.clock()
	return slices.DeleteFunc(l.selected(nil, to), func(s *Socket) bool { return s.over(now) })
}
