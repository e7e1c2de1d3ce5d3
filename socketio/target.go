package socketio

import "socketiojwt/engineio"

// target says in which namespaces the sockets are that a broadcast addresses: in one, in
// all of a rule, or in that of a name, which this node may not have.
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

// address makes m concern the target.
func (t target) address(m *Message) {
	if t.rule != nil {
		m.Rule = t.rule.name
		return
	}
	m.Namespace = t.name
}

// targetOf returns the target of a message. A namespace or rule that this node does not
// have is one without sockets.
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

// send sends an event to the sockets selected on this node, and returns to how many. The
// packet is m for the namespace of the target's name, if it is not nil.
func (t target) send(m *engineio.Message, o *outgoing, to Selector) (sent int) {
	t.each(func(n *Namespace) {
		packet := m
		if packet == nil || n.name != t.name {
			packet = o.body.message(n.name, 0, false)
		}
		reached := n.local.send(packet, to, o.volatile)
		n.told(o, to, reached)
		sent += reached
	})
	return sent
}

// told counts a broadcast and tells the functions of OnEmit of it.
func (n *Namespace) told(o *outgoing, to Selector, recipients int) {
	n.server.countBroadcast(recipients)
	if len(n.table.onEmit) > 0 {
		n.emitted(Emitted{Packet: o.packet(), To: to, Local: o.local, Recipients: recipients})
	}
}

// fetch describes the sockets selected on this node.
func (t target) fetch(to Selector) []SocketInfo {
	infos := []SocketInfo{}
	t.each(func(n *Namespace) { infos = n.local.fetch(infos, to) })
	return infos
}

// join makes the sockets selected on this node join rooms. It returns an error that
// concerns the names alone at once, and others when all sockets were asked to join.
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

// leave makes the sockets selected on this node leave rooms.
func (t target) leave(to Selector, rooms []string) {
	rooms = distinct(rooms)
	t.each(func(n *Namespace) {
		for _, s := range n.local.sockets(to) {
			s.Leave(rooms...)
		}
	})
}

// disconnect ends the sockets selected on this node.
func (t target) disconnect(to Selector, how error) {
	t.each(func(n *Namespace) {
		for _, s := range n.local.sockets(to) {
			s.Disconnect(how)
		}
	})
}
