package socketio

// mostNames bounds the names that a selection looks up while it holds the lock. If their lists are long, they are fewer.
const mostNames = 256

// lookup looks up names in parts, between which others may join and leave rooms. It finds the sockets of all names as they
// were when it began, because a name is looked up early if its sockets are about to change (listing.changing).
type lookup struct {
	local    *listing
	names    []string         // without repeats, those of Selector.Except first
	excepted int              // how many names are of Selector.Except
	place    map[string]int32 // of each name in the list
	next     int              // names before this one have been looked up
	early    []bool           // names that have been looked up out of turn

	list, except []*Socket // the sockets that were found
}

func newLookup(l *listing, to Selector, list []*Socket) *lookup {
	n := len(to.Except) + len(to.Rooms)
	p := &lookup{local: l, list: list, names: make([]string, 0, n), place: make(map[string]int32, n)}
	p.add(to.Except)
	p.excepted = len(p.names)
	p.add(to.Rooms) // a socket in a room of both is excepted
	p.early = make([]bool, len(p.names))
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
		n := len(p.list) + len(p.except)
		if !p.early[p.next] {
			p.find(p.next)
		}
		c.count(1 + (len(p.list)+len(p.except)-n)/perStep)
	}
	if p.next < len(p.names) {
		return true
	}
	c.local.lookup = nil
	return false
}

// find copies the list of sockets of a name. The lock is held.
func (p *lookup) find(i int) {
	if i < p.excepted {
		p.except = p.local.appendMembers(p.except, p.names[i])
	} else {
		p.list = p.local.appendMembers(p.list, p.names[i])
	}
}

// appendMembers appends the sockets of a room, or the socket with that id. The caller holds mu.
func (l *listing) appendMembers(list []*Socket, room string) []*Socket {
	if s := l.byID[room]; s != nil {
		list = append(list, s)
	}
	return append(list, l.room[room]...)
}

// changing must be called before the sockets of a name change. The caller holds mu for writing.
func (l *listing) changing(room string) {
	p := l.lookup
	if p == nil {
		return
	}
	if i, ok := p.place[room]; ok && int(i) >= p.next && !p.early[i] {
		p.early[i] = true
		p.find(int(i))
	}
}
