package socketio

import (
	"slices"

	"socketiojwt/engineio"
)

// ask is an event that was sent to sockets of this node, which are asked to acknowledge
// it. One goroutine uses it.
type ask struct {
	id      uint64
	replies chan reply // has room for all
	pending map[*Socket]struct{}
}

// ask sends an event to the sockets selected on this node, and asks for acknowledgements
// with one ID. The packet is m for the namespace of the target's name, if it is not nil.
func (t target) ask(m *engineio.Message, o *outgoing, id uint64, to Selector) *ask {
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
			if s.send(packet, o.volatile) != nil {
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

// take notes a reply, and reports whether it was awaited. It is not if the event could not
// be sent to the socket, which then has ended.
func (a *ask) take(r reply) bool {
	_, awaited := a.pending[r.socket]
	delete(a.pending, r.socket)
	return awaited
}

// ids returns the IDs of the sockets whose replies are awaited, sorted.
func (a *ask) ids() []string {
	ids := make([]string, 0, len(a.pending))
	for s := range a.pending {
		ids = append(ids, s.id)
	}
	slices.Sort(ids)
	return ids
}

// forget makes the sockets forget that they were asked. Replies that have come before
// can still be taken.
func (a *ask) forget() {
	for s := range a.pending {
		s.forgetAck(a.id)
	}
}
