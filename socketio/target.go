package socketio

import "socketiojwt/socketio/internal/replay"

// target says which namespaces a broadcast addresses: one, all of a rule, or the one of a name,
// which may not exist on this node.
type target struct {
	server    *Server
	namespace *Namespace
	rule      *Rule
	name      string
}

// each calls f for each of the target's namespaces on this node.
func (t target) each(f func(n *Namespace)) {
	switch {
	case t.namespace != nil:
		f(t.namespace)
	case t.rule != nil:
		for _, n := range t.rule.namespaces() {
			f(n)
		}
	default:
		if n := t.server.Lookup(t.name); n != nil {
			f(n)
		}
	}
}

// address makes m address the target.
func (t target) address(m *Message) {
	if t.rule != nil {
		m.Rule = t.rule.name
		return
	}
	m.Namespace = t.name
}

// targetOf returns the target of a message. If this node does not have the namespace or rule,
// the target has no sockets.
func (srv *Server) targetOf(m *Message) target {
	t := target{server: srv, name: m.Namespace}
	if m.Rule == "" {
		return t
	}
	t.name = ""
	srv.mu.Lock()
	defer srv.mu.Unlock()
	for _, r := range srv.dynamic {
		if r.name == m.Rule {
			t.rule = r
			break
		}
	}
	return t
}

// send sends an event to the selected sockets of this node, and returns the number of sockets for
// which it was queued or written.
func (t target) send(o *outgoing, to Selector) (sent int) {
	t.each(func(n *Namespace) {
		var reached int
		if n.local.events == nil {
			reached = n.local.send(o, to)
		} else {
			reached = n.local.sendRecorded(o, to)
		}
		n.told(o, to, reached)
		sent += reached
	})
	return sent
}

// sendReceived sends an event of another node to the sockets of this node.
func (t target) sendReceived(m *Message, o *outgoing) {
	if id, ok := replay.ParseID(m.Offset); ok && !m.Volatile && t.server.recorder() != nil {
		t.sendPlaced(o, m.To, id, t.server.renewals.Load(), nil)
		return
	}
	t.send(o, m.To)
}

// told counts a broadcast and calls the functions of OnEmit.
func (n *Namespace) told(o *outgoing, to Selector, recipients int) {
	n.countBroadcast(recipients)
	if len(n.table.onEmit) > 0 {
		n.emitted(Emitted{Packet: o.packet(), To: to, Local: o.local, Recipients: recipients})
	}
}

// fetch describes the selected sockets of this node.
func (t target) fetch(to Selector) []SocketInfo {
	infos := []SocketInfo{}
	t.each(func(n *Namespace) { infos = n.local.fetch(infos, to) })
	return infos
}

// join makes the selected sockets of this node join rooms. An error that concerns only the
// names is nameErr, and no socket is asked to join. Errors of sockets are err, after all were
// asked.
func (t target) join(to Selector, rooms []string) (nameErr, err error) {
	name := t.name
	if _, nameErr = t.server.joining(name, rooms); nameErr != nil {
		return nameErr, nil
	}
	t.each(func(n *Namespace) {
		j, _ := t.server.joining(n.name, rooms)
		err = n.local.joinAll(to, j, err)
	})
	return nil, err
}

// leave makes the selected sockets of this node leave rooms.
func (t target) leave(to Selector, rooms []string) {
	rooms = distinct(rooms)
	t.each(func(n *Namespace) {
		n.local.each(to, func(s *Socket) { s.Leave(rooms...) })
	})
}

// disconnect ends the selected sockets of this node.
func (t target) disconnect(to Selector, how error) {
	t.each(func(n *Namespace) {
		n.local.each(to, func(s *Socket) { s.Disconnect(how) })
	})
}
