package socketio

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"time"
	"weak"

	"socketiojwt/engineio"
	"socketiojwt/socketio/internal/replay"
)

// Remains describes what the server keeps for its connections. It returns "" if that is
// nothing.
func (srv *Server) Remains() string {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	text := ""
	note := func(what string, n int) {
		if n != 0 {
			text += fmt.Sprintf("%d %s; ", n, what)
		}
	}
	note("connections", len(srv.conns))
	for _, rule := range srv.dynamic {
		note("namespaces of "+rule.name, len(rule.listed))
	}
	for name, n := range srv.namespaces {
		if n.rule != nil {
			note("references to "+name, n.refs)
		}
		n.local.mu.RLock()
		note("sockets in "+name, len(n.local.byID))
		note("rooms in "+name, len(n.local.room))
		n.local.mu.RUnlock()
	}
	srv.running.mu.Lock()
	note("goroutines", srv.running.n)
	srv.running.mu.Unlock()
	note("bytes of connections without an admission", int(srv.newBytes.Load()))
	return text
}

// Receive handles a packet as the session's reader does.
func (s *Socket) Receive(packet string) { s.conn.Message([]byte(packet), false) }

// TimerRuns reports whether the connection's timer for joining a namespace is running.
func (s *Socket) TimerRuns() bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.conn.timer != nil
}

// Late receives an event that was being read while the socket ended.
func (s *Socket) Late(event string) { s.receive(&Event{name: event, socket: s, size: 1}) }

// LateJoin is a Join that found the socket admitted, but runs after the socket has ended.
func (s *Socket) LateJoin(rooms ...string) error { return s.namespace.local.join(s, rooms, 0) }

// MostKept returns the largest number of bytes in the ledger of a connection.
func (srv *Server) MostKept() (most int) {
	for _, c := range srv.connections() {
		c.accounts.mu.Lock()
		most = max(most, c.accounts.handshakes+c.accounts.events)
		c.accounts.mu.Unlock()
	}
	return most
}

// Deadlines returns the number of deadlines that are set.
func (srv *Server) Deadlines() int { return srv.deadlines.Len() }

// EmitOnClosedSession emits after the session has closed and before the socket knows.
func (s *Socket) EmitOnClosedSession(event string) error {
	m, _, err := encodeEvent(s.name, 0, false, event, nil)
	if err != nil {
		return err
	}
	now := s.look()
	s.mu.Lock() // so that the end of the session waits
	defer s.mu.Unlock()
	s.conn.session.Close("test")
	return s.sendAt(now, m)
}

// MakesPacket reports whether a broadcast to the selected sockets of this node makes a packet.
func (n *Namespace) MakesPacket(to Selector) bool {
	o := outgoing{event: "e", body: body{array: []byte(`["e"]`)}}
	n.target.send(&o, to)
	return o.made != nil
}

// Steps returns the number of visits of names and sockets needed to select the sockets in any
// of the rooms, the most of them while the lock of the listing was held, and the number of selected
// sockets.
func (n *Namespace) Steps(to Selector) (steps, locked, selected int) {
	chosen := selection{local: n.local}
	chosen.run(to, nil)
	return chosen.steps, chosen.longest, len(chosen.list)
}

// SelectInParts selects sockets by many names, and calls between each time it has let the lock of the listing go.
func (n *Namespace) SelectInParts(to Selector, between func()) []*Socket {
	chosen := selection{local: n.local, to: to}
	p := newLookup(n.local, to, nil)
	chosen.begin(p, nil)
	for between(); chosen.part(p); between() {
	}
	chosen.list, chosen.except = p.list, p.except
	chosen.filter()
	return chosen.list
}

// DuringSelection calls f while a selection by many names has begun and has not looked up any.
func (n *Namespace) DuringSelection(to Selector, f func()) {
	chosen := selection{local: n.local, to: to}
	chosen.begin(newLookup(n.local, to, nil), nil)
	f()
	n.local.mu.Lock()
	defer n.local.mu.Unlock()
	n.local.lookup = nil
}

// WhileListingIsLocked calls f while the lock of the namespace's listing is held.
func (n *Namespace) WhileListingIsLocked(f func()) {
	n.local.mu.Lock()
	defer n.local.mu.Unlock()
	f()
}

// AddMembers admits sockets to "/" whose sessions have closed. With Options.Recovery they can be
// recovered.
func (srv *Server) AddMembers(n int) []*Socket {
	c := &conn{server: srv, session: closedSession(), ctx: context.Background()}
	sockets := make([]*Socket, n)
	for i := range sockets {
		sockets[i] = newSocket(c, "/", nil)
		sockets[i].SetRecoveryKey("key")
		sockets[i].namespace, sockets[i].state = srv.Namespace, stateAdmitted
		srv.local.add(sockets[i])
	}
	return sockets
}

// Count adds delta to the number of admitted sockets of a namespace of the rule.
func (r *Rule) Count(name string, delta int) {
	n, err := r.server.child(r, name)
	if err != nil {
		panic(err)
	}
	r.server.count(n, delta)
	if delta < 0 {
		r.server.release(n) // the reference of the call that has admitted the socket
		r.server.release(n)
	}
}

// Listed returns the names of the namespaces that a broadcast to the rule addresses.
func (r *Rule) Listed() (names []string) {
	for _, n := range r.namespaces() {
		names = append(names, n.name)
	}
	return names
}

// closedSession returns a session that has closed.
func closedSession() *engineio.Session {
	var session *engineio.Session
	engine, err := engineio.NewServer(func(s *engineio.Session, _ *http.Request) engineio.Conn {
		session = s
		return deaf{}
	}, engineio.Options{})
	if err != nil {
		panic(err)
	}
	engine.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/engine.io/?EIO=4&transport=polling", nil))
	session.Abort("test")
	return session
}

// deaf is a layer above a session that ignores everything.
type deaf struct{}

func (deaf) Message([]byte, bool)   {}
func (deaf) Closed(engineio.Reason) {}

// WhileLocked calls f while the socket's lock is held.
func (s *Socket) WhileLocked(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// Untold returns the number of namespaces with rooms that the bus has not been told of.
func (srv *Server) Untold() int {
	c := &srv.link.Load().changes
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.pending)
}

// Waiting returns the number of bytes that are charged for the socket's waiting events.
func (s *Socket) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inboxBytes
}

// LoseSession makes and loses a session with a key in "/", as if a socket had been admitted.
func (srv *Server) LoseSession(key string) {
	c := &conn{server: srv, session: lostSession, ctx: context.Background()}
	s := newSocket(c, "/", nil)
	s.namespace = srv.Namespace
	s.SetRecoveryKey(key)
	s.mu.Lock()
	s.state = stateAdmitted
	s.enter(nil, true)
	s.delist(ReasonTransportClose, 0)
	s.mu.Unlock()
	s.releaseNamespace()
}

var lostSession = closedSession()

// LostSessions returns the number of lost sessions, or of their keys if some are left over, and the
// bytes that are kept.
func (srv *Server) LostSessions() (sessions, bytes int) {
	r := srv.recovery
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(len(r.lost), len(r.byKey)), r.budget.Used()
}

// List lists the socket again, which was removed by Unlist.
func (s *Socket) List() { s.namespace.local.add(s) }

// Unlist removes the socket, of AddMembers, from the listing and from its rooms.
func (s *Socket) Unlist() { s.namespace.local.forget(s, false) }

// PruneSaved prunes saved sessions, each of another key, of which some are over. It adds one at each pause. It returns the
// number of pauses and of the sessions that are left.
func PruneSaved(over, kept int) (pauses, left int) {
	k := savedSessions{byKey: make(map[string][]savedSession)}
	now := time.Now()
	for i := range over + kept {
		until := now.Add(time.Hour)
		if i < over {
			until = now
		}
		key := strconv.Itoa(i)
		k.byKey[key] = []savedSession{{"pid", until}}
	}
	k.prune(func() {
		pauses++
		k.add("new "+strconv.Itoa(pauses), "pid", now.Add(time.Hour), 1)
	})
	return pauses, len(k.byKey)
}

// A TailSearch looks for what a peer has missed in the events that this node sends while the peer's session is restored.
type TailSearch struct {
	missed *missed
	sent   []*placed
}

var blank [1 << 20]byte

// SearchTail returns the search for a peer that was in the room "in". Events before the first one that is sent were read
// from the log.
func (n *Namespace) SearchTail() *TailSearch {
	m := &missed{listing: n.local, trail: &replay.Trail{Socket: "peer", Rooms: []string{"in"}}, until: replay.ID{Time: 1}}
	n.local.shared.tail.users++
	return &TailSearch{missed: m}
}

// Send sends an event with some bytes to rooms.
func (t *TailSearch) Send(bytes int, rooms ...string) {
	n := t.missed.listing.namespace
	p := &placed{id: replay.ID{Time: 2, Seq: uint64(len(t.sent))}, to: replay.Target{Rooms: rooms}, namespace: n.name, body: body{array: blank[:bytes]}}
	t.sent = append(t.sent, p)
	n.local.shared.tail.add(p)
}

// Kept returns how many of the events are kept.
func (t *TailSearch) Kept() int { return len(t.missed.listing.shared.tail.events) }

// Reachable forgets what was sent, and returns the bytes of the events that are still reachable, as a tail counts them.
func (t *TailSearch) Reachable() (size int) {
	var sent []weak.Pointer[placed]
	for _, p := range t.sent {
		sent = append(sent, weak.Make(p))
	}
	t.sent = nil
	runtime.GC()
	for _, w := range sent {
		if p := w.Value(); p != nil {
			size += p.size()
		}
	}
	return size
}

// CatchUp searches what was sent so far.
func (t *TailSearch) CatchUp() { t.missed.catchUpWithTail() }

// All searches the rest, with the lock of the listing, and returns the numbers of the events that the peer has missed.
func (t *TailSearch) All() (numbers []int, ok bool) {
	t.missed.listing.mu.Lock()
	defer t.missed.listing.mu.Unlock()
	messages, last, ok := t.missed.all()
	for _, m := range messages {
		numbers = append(numbers, slices.IndexFunc(t.sent, func(p *placed) bool { return p.message == m }))
	}
	if n := len(numbers); n > 0 && t.sent[numbers[n-1]].id != last {
		panic("last is not the place of the last message")
	}
	return numbers, ok
}
