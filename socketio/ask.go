package socketio

import (
	"slices"

	"socketiojwt/engineio"
)

// ask is an event sent to sockets of this node that are asked to acknowledge it. It is used by
// one goroutine.
type ask struct {
	id      uint64
	replies chan reply // has room for all
	pending map[*Socket]struct{}
}

// ask sends an event to the selected sockets of this node and asks for acknowledgements, all
// with one ID. If m is not nil, it is the packet for the namespace of the target's name.
func (t target) ask(m *engineio.Message, o *outgoing, id uint64, to Selector) *ask {
	began := t.server.renewals.Load()
	var namespaces []*Namespace
	var lists [][]*Socket
	total := 0
	t.each(func(n *Namespace) {
		list := n.local.selected(nil, to)
		namespaces, lists = append(namespaces, n), append(lists, list)
		total += len(list)
	})
	a := &ask{id: id, replies: make(chan reply, total), pending: make(map[*Socket]struct{}, total)}
	for i, n := range namespaces {
		packet := m
		if packet == nil || n.name != t.name {
			packet = o.body.message(n.name, id, true)
		}
		sent := 0
		n.local.eachOf(lists[i], func(s *Socket) {
			if s.expectAck(id, a.replies) != nil {
				return
			}
			if s.send(packet, o.volatile, began) != nil {
				s.forgetAck(id)
				return
			}
			a.pending[s] = struct{}{}
			sent++
		})
		n.told(o, to, sent)
	}
	return a
}

// take records a reply, and reports whether it was expected. It was not if the event could not
// be sent to the socket, which has then ended.
func (a *ask) take(r reply) bool {
	_, awaited := a.pending[r.socket]
	delete(a.pending, r.socket)
	return awaited
}

// ids returns the IDs of the sockets whose replies are awaited, sorted.
func (a *ask) ids() []string {
	ids := make([]string, 0, len(a.pending))
	for s := range a.pending {
		ids = append(ids, s.ID())
	}
	slices.Sort(ids)
	return ids
}

// forget removes the pending acknowledgements from the sockets. Replies that arrived before can
// still be taken.
func (a *ask) forget() {
	for s := range a.pending {
		s.forgetAck(a.id)
	}
}
