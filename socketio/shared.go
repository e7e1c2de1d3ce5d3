package socketio

import (
	"sync"

	"socketiojwt/engineio"
	"socketiojwt/socketio/internal/replay"
)

// This file sends the events of a log that the nodes of a cluster share: see Recorder. Each node
// sends them to its sockets in the order of the log, also those that it has recorded itself, so an
// offset says what a peer has received.

// shared is what a listing knows of the log of its namespace. It is written by the Recorder's
// calls, one at a time, which hold the lock of the listing for reading. Others hold it for writing.
type shared struct {
	at      replay.ID // the last event for which sockets were selected
	before  replay.ID // the event before it
	sending bool      // the event at is being sent
	tail    tail
	scans   scans

	// These are guarded by the lock for writing.
	gaps uint64    // events that were sent without having been recorded
	gap  replay.ID // the first place after the last one of them
}

// longestHead is about the length of the longest head of a packet.
const longestHead = 64

// placed is an event that has a place in the log.
type placed struct {
	id        replay.ID
	to        replay.Target
	namespace string
	body      body

	once    sync.Once
	message *engineio.Message
}

// packet returns the packet of the event with its offset.
func (p *placed) packet() *engineio.Message {
	p.once.Do(func() {
		offset := p.id.String()
		text, head := p.body.open(p.namespace, len(offset)+len(`,""]`))
		text = append(append(append(text, `,"`...), offset...), `"]`...)
		p.message = engineio.NewJSONMessage(head, text, p.body.attachments...)
	})
	return p.message
}

// size is about what is kept of the event.
func (p *placed) size() int {
	size := messageBytes + formsOfText*(len(p.body.array)+longestHead) + p.to.Size()
	for _, data := range p.body.attachments {
		size += formsOfText * len(data)
	}
	return size
}

// place returns the last place of the log up to which sockets of the listing were sent all events.
// The caller holds mu for writing.
func (l *listing) place(rec Recorder) replay.ID {
	id, _ := replay.ParseID(rec.Position(l.namespace.name))
	return replay.Later(l.shared.at, id)
}

// recorder returns the link to a Recorder if the event must be recorded by it.
func (b Broadcast) recorder(to Selector) *link {
	l := b.others(to)
	if l == nil || b.volatile || b.target.server.recorder() == nil {
		return nil
	}
	return l
}

// record records an event. It is sent when its place in the log is known.
func (t target) record(l *link, o *outgoing, to Selector, own *ownEmit) error {
	m := o.message()
	m.To = to
	t.address(&m)
	began := t.server.renewals.Load()
	return l.record(&m, func(offset string, err error) {
		defer l.recovered()
		id, ok := replay.ParseID(offset)
		switch {
		case err == nil && ok:
			t.sendPlaced(o, to, id, began, own)
		case own != nil:
			own.fail()
			t.each(func(n *Namespace) { n.local.gapped() })
		default:
			t.each(func(n *Namespace) {
				n.told(o, to, n.local.sendUnrecorded(o, to, began))
				n.local.gapped()
			})
		}
	})
}

// record hands an event to the recorder.
func (l *link) record(m *Message, done func(string, error)) (err error) {
	if l.closed.Load() {
		return ErrClosed
	}
	defer caught(&err)
	return l.recorder.Record(*m, done)
}

// sendPlaced sends an event of the log to the selected sockets of this node.
func (t target) sendPlaced(o *outgoing, to Selector, id replay.ID, began uint64, own *ownEmit) {
	t.each(func(n *Namespace) {
		p := &placed{id: id, to: replay.Target(to), namespace: n.name, body: o.body}
		reached := n.local.sendPlaced(p, to, began, own)
		if own == nil && (reached > 0 || !t.server.toOneSocket(n.name, to)) {
			n.told(o, to, reached)
		}
	})
}

// toOneSocket reports whether a selector selects one socket by its id. With a Recorder,
// Socket.Emit is such a broadcast, which does not concern the other nodes.
func (srv *Server) toOneSocket(namespace string, to Selector) bool {
	return !to.All && len(to.Rooms) == 1 && srv.ids.issued(namespace, to.Rooms[0])
}

func (l *listing) sendPlaced(p *placed, to Selector, began uint64, own *ownEmit) (sent int) {
	list := targets.Get().(*[]*Socket)
	defer targets.Put(list)
	chosen := selection{local: l, list: (*list)[:0]}
	chosen.run(to, func(Selector) {
		l.shared.before, l.shared.at, l.shared.sending = l.shared.at, p.id, true
		l.shared.tail.add(p)
	})
	*list = chosen.list
	var plain *engineio.Message
	l.eachOf(*list, func(s *Socket) {
		if s.sendPlaced(p, &plain, began, own) == nil {
			sent++
		}
	})
	clear(*list)
	l.mu.RLock()
	defer l.mu.RUnlock()
	l.shared.sending = false
	return sent
}

// sendPlaced queues an event of the log. Sockets that cannot be recovered get the packet plain,
// without an offset.
func (s *Socket) sendPlaced(p *placed, plain **engineio.Message, began uint64, own *ownEmit) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateAdmitted || s.renewing || s.renewed > began {
		return ErrClosed
	}
	x := s.recorded()
	if x == nil || x.recordedSession == nil {
		if *plain == nil {
			*plain = p.body.message(p.namespace, 0, false)
		}
		return s.putShared(*plain)
	}
	x.trail.Sent = p.id
	if own == nil || own.session != x {
		return s.conn.session.SendShared(p.packet())
	}
	if own.sent {
		return ErrClosed
	}
	own.sent = true
	err := s.conn.session.Send(p.packet())
	s.sendReady(x)
	return err
}

// gapped records that an event was sent to sockets of this node that is not in the log. What the
// peers of these sockets have received is known again from their next event on.
func (l *listing) gapped() {
	rec := l.namespace.server.recorder()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shared.gaps++
	l.shared.gap = l.place(rec).Next()
}

// lose makes the session of a socket that is being removed a lost one. It reports false if the
// session cannot be kept. The caller holds mu for writing, and the socket's.
func (l *listing) lose(x *session, rooms map[string]struct{}) bool {
	if x.recordedSession == nil {
		return x.events.Lose(rooms)
	}
	rec := l.namespace.server.recorder()
	var since string
	if x.epoch, since = rec.Epoch(l.namespace.name); x.epoch == "" {
		return false
	}
	quiet := l.place(rec)
	if l.shared.sending { // it may be for the socket, and not be sent yet
		position, _ := replay.ParseID(rec.Position(l.namespace.name))
		quiet = replay.Later(l.shared.before, position)
	}
	var gap replay.ID
	if x.gaps != l.shared.gaps || x.log != rec.Log(l.namespace.name) {
		began, _ := replay.ParseID(since)
		gap = replay.Later(l.shared.gap, began.Next())
	}
	x.trail.Lose(quiet, gap, rooms)
	return true
}
