package socketio

// mostNames bounds the names that a selection looks up while it holds the lock. If their lists are long, they are fewer.
const mostNames = 256

// lookup looks up names in parts, between which others may join and leave rooms. It finds the sockets of all names as they
// were when it began, because it notes how those of the names that it has not looked up change (listing.changing).
type lookup struct {
	local    *listing
	names    []string         // without repeats, those of Selector.Except first
	excepted int              // how many names are of Selector.Except
	place    map[string]int32 // of each name in the list
	next     int              // names before this one have been looked up
	changes  map[int]changes  // of later names

	list, except []*Socket // the sockets that were found; nil for some that were not there when the lookup began
}

// changes are the sockets of a name that have changed since a lookup began: true for those that were there and are not any
// more, and false for those that were not there and are now.
type changes map[*Socket]bool

func newLookup(l *listing, to Selector, list []*Socket) *lookup {
	n := len(to.Except) + len(to.Rooms)
	p := &lookup{local: l, list: list, names: make([]string, 0, n), place: make(map[string]int32, n), changes: make(map[int]changes)}
	p.add(to.Except)
	p.excepted = len(p.names)
	p.add(to.Rooms) // a socket in a room of both is excepted
	return p
}

func (p *lookup) add(names []string) {
	for _, name := range names {
		if _, known := p.place[name]; !known {
			p.place[name] = int32(len(p.names))
			p.names = append(p.names, name)
		}
	}
}

// copyParts is copyLists for many names, which may have repeats, and for long lists. The sockets need a filter.
func (c *selection) copyParts(to Selector, record func(to Selector)) {
	p := newLookup(c.local, to, c.list)
	c.to = Selector{All: to.All, Rooms: p.names[p.excepted:], Except: p.names[:p.excepted:p.excepted]}
	// Others that select by so many names wait, so that a change of a room concerns one lookup at most.
	c.local.many.Lock()
	defer c.local.many.Unlock()
	c.begin(p, record)
	for c.part(p) {
	}
	c.list, c.except = p.list, p.except
}

// begin fixes the moment for which p finds sockets.
func (c *selection) begin(p *lookup, record func(to Selector)) {
	c.lock()
	defer c.unlock()
	if record != nil {
		record(c.to)
	}
	if c.to.All {
		p.list = append(p.list, c.local.all...)
		c.count(len(c.local.all) / perStep)
	}
	c.local.lookup = p
}

// part looks up some of the names, and reports whether there are more.
func (c *selection) part(p *lookup) (more bool) {
	c.lock()
	defer c.unlock()
	for end := min(p.next+mostNames, len(p.names)); p.next < end && c.held < mostSteps; p.next++ {
		changed := len(p.changes[p.next])
		c.count(1 + changed + p.find(p.next)/perStep)
	}
	if p.next < len(p.names) {
		return true
	}
	c.local.lookup = nil
	return false
}

// find copies the list of sockets of a name, and undoes what has changed. It returns their number. The lock is held.
func (p *lookup) find(i int) int {
	list := &p.list
	if i < p.excepted {
		list = &p.except
	}
	name, first := p.names[i], len(*list)
	*list = p.local.appendMembers(*list, name)
	for s, left := range p.changes[i] {
		if left {
			*list = append(*list, s)
		} else {
			(*list)[first+p.local.indexOf(s, name)] = nil
		}
	}
	delete(p.changes, i)
	return len(*list) - first
}

// appendMembers appends the sockets of a room, or the socket with that id. The caller holds mu.
func (l *listing) appendMembers(list []*Socket, room string) []*Socket {
	if s := l.byID[room]; s != nil {
		list = append(list, s)
	}
	return append(list, l.room[room]...)
}

// indexOf returns the index of a socket in the list of appendMembers. The caller holds mu.
func (l *listing) indexOf(s *Socket, room string) int {
	switch l.byID[room] {
	case s:
		return 0
	case nil:
		return int(s.rooms[room]) - 1
	}
	return int(s.rooms[room])
}

// changing must be called when a socket joins or leaves a room, or its own id is listed or not any more. The caller holds mu
// for writing.
func (l *listing) changing(s *Socket, room string, leaves bool) {
	p := l.lookup
	if p == nil {
		return
	}
	place, ok := p.place[room]
	i := int(place)
	if !ok || i < p.next {
		return
	}
	if _, changed := p.changes[i][s]; changed { // back
		delete(p.changes[i], s)
		return
	}
	if p.changes[i] == nil {
		p.changes[i] = make(changes)
	}
	p.changes[i][s] = leaves
}
