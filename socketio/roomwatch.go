package socketio

import (
	"slices"
	"sync"
)

// roomChanges holds, by namespace, the rooms that have received their first socket on this node
// or lost their last one and that have not been reported to the bus.
type roomChanges struct {
	mu      sync.Mutex // taken after a listing's
	pending map[string]map[string]bool
	telling bool // a goroutine is reporting to the bus
}

// changed records a room that must be reported to the bus. The caller holds mu.
func (l *listing) changed(room string, opened bool) {
	if link := l.namespace.server.link.Load(); link != nil && link.watcher != nil {
		link.changed(l.namespace.name, room, opened)
	}
}

// changed records a room that must be reported to the bus. If a change is reversed before it
// was reported, neither is reported.
func (l *link) changed(namespace, room string, opened bool) {
	c := &l.changes
	c.mu.Lock()
	defer c.mu.Unlock()
	rooms := c.pending[namespace]
	if _, reversed := rooms[room]; reversed { // because opening and closing alternate
		if delete(rooms, room); len(rooms) == 0 {
			delete(c.pending, namespace) // peers choose the names of dynamic namespaces
		}
		return
	}
	if rooms == nil {
		rooms = make(map[string]bool)
		if c.pending == nil {
			c.pending = make(map[string]map[string]bool)
		}
		c.pending[namespace] = rooms
	}
	rooms[room] = opened
	if !c.telling {
		c.telling = true
		l.server.running.add(1)
		go l.tellRooms()
	}
}

// tellRooms reports changes to the bus until there are none. It holds no lock during a report,
// so that further changes can be recorded, and reports those together afterwards.
func (l *link) tellRooms() {
	defer l.server.running.add(-1)
	for {
		c := &l.changes
		c.mu.Lock()
		pending := c.pending
		c.pending = nil
		c.telling = len(pending) > 0
		c.mu.Unlock()
		if len(pending) == 0 {
			return
		}
		for namespace, rooms := range pending {
			l.tell(namespace, rooms)
		}
	}
}

// tellNamespaces reports the namespaces that are not dynamic, except "/" if it admits no socket.
func (l *link) tellNamespaces() {
	if l.watcher == nil {
		return
	}
	for _, n := range l.server.all() { // no dynamic one has sockets yet
		if n.table.admits() {
			l.tell(n.name, nil)
		}
	}
}

// mostTold bounds the rooms of one report, twice: those that were opened, and those that were closed. The bus may hold a lock
// for their time, which messages of other nodes wait for.
const mostTold = 256

func (l *link) tell(namespace string, rooms map[string]bool) {
	if l.closed.Load() {
		return
	}
	var opened, closed []string
	for room, open := range rooms {
		if open {
			opened = append(opened, room)
		} else {
			closed = append(closed, room)
		}
	}
	defer l.recovered()
	// Those that were opened first, so that the namespace is never without rooms in between.
	for ; len(opened) > mostTold; opened = opened[mostTold:] {
		l.watcher.Rooms(namespace, opened[:mostTold:mostTold], nil)
	}
	some := min(len(closed), mostTold)
	l.watcher.Rooms(namespace, opened, closed[:some:some])
	for some := range slices.Chunk(closed[some:], mostTold) {
		l.watcher.Rooms(namespace, nil, some)
	}
}
