package socketio

import (
	"bytes"

	"socketiojwt/engineio"
	"socketiojwt/socketio/internal/packet"
	"socketiojwt/socketio/internal/replay"
)

// This file sends events to sockets that may be recovered. The last argument of such an event is
// its offset, a string. The client sends the last offset that it has received when it connects
// again. It takes the last argument of any event for an offset if that is a string. So an event
// that is not recorded gets null as a further argument in that case.

// draft makes a packet with this body and room for an offset as the last argument.
func (b body) draft(namespace string) *replay.Draft {
	text, head := b.open(namespace, len(`,""]`)+replay.OffsetSize)
	text = append(text, `,"`...)
	at := len(text)
	text = append(text[:at+replay.OffsetSize], `"]`...)
	size := messageBytes + formsOfText*len(text)
	for _, data := range b.attachments {
		size += formsOfText * len(data)
	}
	m := engineio.NewJSONMessage(head, text, b.attachments...)
	return &replay.Draft{Message: m, Offset: text[at : at+replay.OffsetSize], Size: size}
}

// A message keeps its text, and its form for each transport.
const (
	messageBytes = 200
	formsOfText  = 3
)

// plain returns m, which has this body, or a packet without a string as its last argument.
func (b body) plain(m *engineio.Message, namespace string) *engineio.Message {
	if !bytes.HasSuffix(b.array, []byte(`"]`)) {
		return m
	}
	const more = `,null]`
	text, head := b.open(namespace, len(more))
	return engineio.NewJSONMessage(head, append(text, more...), b.attachments...)
}

// open returns the text of a packet with this body, up to the end of its last argument, and the
// length of the packet's head. It has capacity for more bytes.
func (b body) open(namespace string, more int) (text []byte, head int) {
	p := packet.Packet{Type: packet.Event, Attachments: len(b.attachments), Namespace: namespace}
	if len(b.attachments) > 0 {
		p.Type = packet.BinaryEvent
	}
	start := p.AppendHead(nil)
	text = make([]byte, 0, len(start)+len(b.array)+more)
	text = append(text, start...)
	return append(text, b.array[:len(b.array)-1]...), len(start)
}

// sendRecorded is send for a server with Options.Recovery. It records the event, unless it is
// volatile or no socket of the namespace can be recovered.
func (l *listing) sendRecorded(o *outgoing, to Selector) (sent int) {
	name := l.namespace.name
	if o.volatile || l.namespace.server.recorder() != nil {
		return l.sendUnrecorded(o, to, l.namespace.server.renewals.Load())
	}
	list := targets.Get().(*[]*Socket)
	defer targets.Put(list)
	var d *replay.Draft
	if l.events.Active() {
		d = o.body.draft(name) // before the lock is taken
	}
	var number uint64
	began := l.namespace.server.renewals.Load()
	chosen := selection{local: l, list: (*list)[:0]}
	chosen.run(to, func(to Selector) {
		if !l.events.Active() {
			d = nil
			return
		}
		if d == nil { // the first session has just begun
			d = o.body.draft(name)
		}
		number = l.events.Record(d, replay.Target(to))
	})
	*list = chosen.list
	l.eachOf(*list, func(s *Socket) {
		if s.sendMarked(o, d, number, began) == nil {
			sent++
		}
	})
	clear(*list)
	if d != nil {
		l.events.Done(number)
		l.namespace.server.recovery.wake()
	}
	return sent
}

// sendMarked queues an event of a broadcast. Sockets that may be recovered get the packet of the
// draft. It is nil if the event is not recorded.
func (s *Socket) sendMarked(o *outgoing, d *replay.Draft, number, began uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.recorded()
	switch {
	case s.renewing, s.renewed > began:
		return ErrClosed
	case s.state != stateAdmitted:
		if x != nil && d != nil {
			x.events.Missed(number)
		}
		return ErrClosed
	}
	if x != nil && d != nil {
		x.events.Sent(number)
		return s.conn.session.SendShared(d.Message)
	}
	return s.conn.session.SendShared(o.packetFor(s.namespace.name))
}

// sendUnrecorded is send for an event that is not recorded. Began is the server's number of
// renewals when the broadcast began.
func (l *listing) sendUnrecorded(o *outgoing, to Selector, began uint64) (sent int) {
	var plain *engineio.Message
	l.each(to, func(s *Socket) {
		packet := o.packetFor(l.namespace.name)
		if s.session.Load() != nil {
			if plain == nil {
				plain = o.body.plain(packet, l.namespace.name)
			}
			packet = plain
		}
		if s.send(packet, o.volatile, began) == nil {
			sent++
		}
	})
	return sent
}

// sendEvent queues an event for this socket, which may be held. If the socket may be recovered,
// the event is recorded or, if record is false, does not end with a string.
func (s *Socket) sendEvent(m *engineio.Message, b body, record bool) error {
	now := s.look()
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.recorded(); x != nil && s.state == stateAdmitted && !s.pastDeadline(now) {
		if !record || x.events == nil {
			return s.put(b.plain(m, s.name))
		}
		d := b.draft(s.name)
		x.events.SendOnly(d)
		s.conn.server.recovery.wake()
		m = d.Message
	}
	return s.sendAt(now, m)
}
