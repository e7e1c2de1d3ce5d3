package socketio

// selection collects the sockets that a Selector selects, as they are at one moment. It holds the lock of the listing only
// while it looks up some names, copies some lists of sockets, or visits a few sockets. It visits many sockets
// afterwards. Otherwise others could not join or leave rooms for milliseconds while a broadcast to many sockets begins.
type selection struct {
	local  *listing
	to     Selector
	list   []*Socket
	except []*Socket // to be left out of the list

	// These count visits of names and sockets, and sockets of lists that are copied.
	steps   int
	locked  bool
	held    int // steps since the lock was taken
	longest int // the most of held
}

// selected appends each selected socket once.
func (l *listing) selected(list []*Socket, to Selector) []*Socket {
	chosen := selection{local: l, list: list}
	chosen.run(to, nil)
	return chosen.list
}

// run selects the sockets. It calls record, which may be nil, while no socket can come, leave or
// change its rooms. The list must be empty.
func (c *selection) run(to Selector, record func(to Selector)) {
	if len(to.Rooms)+len(to.Except) <= mostNames {
		to.Rooms, to.Except = distinct(to.Rooms), distinct(to.Except)
		c.to = to
		switch copied, complete := c.copyLists(record); {
		case complete:
			return
		case copied:
			c.filter()
			return
		}
		clear(c.list)
		c.list = c.list[:0]
	}
	c.copyParts(to, record)
	c.filter()
}

// copyLists copies the lists of the rooms of the Selector. It reports false if they are too long, and
// whether the list of the selection needs no filter.
func (c *selection) copyLists(record func(to Selector)) (copied, complete bool) {
	c.lock()
	defer c.unlock()
	complete = c.copied() || c.visited()
	if !complete && !c.copyAll() {
		return false, false
	}
	if record != nil {
		record(c.to)
	}
	return true, complete
}

// copyAll copies all lists, or reports false if they are too long. The lock is held.
func (c *selection) copyAll() bool {
	if c.to.All {
		c.list = append(c.list, c.local.all...)
		c.count(len(c.local.all) / perStep)
	}
	return c.appendMembers(&c.list, c.to.Rooms) && c.appendMembers(&c.except, c.to.Except)
}

// copied selects all sockets, or those of one room, with at most one socket left out. It reports
// false if the Selector needs more than a copy of one list. The lock is held.
func (c *selection) copied() bool {
	l := c.local
	list, place := l.all, func(s *Socket) int32 { return s.place }
	switch {
	case len(c.to.Rooms) > 1 || len(c.to.Except) > 1:
		return false
	case len(c.to.Rooms) == 1:
		room := c.to.Rooms[0]
		list, place = l.room[room], func(s *Socket) int32 { return s.rooms[room] }
		if l.byID[room] != nil {
			return false
		}
	case !c.to.All:
		return true
	}
	at := int32(0)
	if len(c.to.Except) == 1 {
		except := c.to.Except[0]
		if len(l.room[except]) > 0 {
			return false
		}
		if s := l.byID[except]; s != nil {
			at = place(s)
		}
	}
	c.count(1 + len(list)/perStep)
	if at == 0 {
		c.list = append(c.list, list...)
	} else {
		c.list = append(append(c.list, list[:at-1]...), list[at:]...)
	}
	return true
}

const (
	// mostSteps bounds the visits of sockets and names while the lock is held. Only the copy of a single list may be longer.
	mostSteps = 1024
	// perStep is how many sockets of a list are copied in the time of a step.
	perStep = 64
)

// visited selects sockets of a few rooms by visiting their members, which allocates nothing. It
// reports false if these are too many. The lock is held.
func (c *selection) visited() bool {
	names := len(c.to.Rooms) + len(c.to.Except)
	if c.to.All || names > 2*fewNames {
		return false
	}
	members := 1 // a name may be the id of a socket
	for _, room := range c.to.Rooms {
		members += 1 + len(c.local.room[room])
	}
	if members*(names+1) > mostSteps {
		return false
	}
	for i, room := range c.to.Rooms {
		c.step()
		if s := c.local.byID[room]; s != nil {
			c.add(s, c.to.Rooms[:i])
		}
		for _, s := range c.local.room[room] {
			c.add(s, c.to.Rooms[:i])
		}
	}
	return true
}

// add adds a socket unless it is excepted or in one of the earlier rooms. The lock is held.
func (c *selection) add(s *Socket, earlier []string) {
	c.step()
	if !c.inAny(s, earlier) && !c.inAny(s, c.to.Except) {
		c.list = append(c.list, s)
	}
}

// inAny reports whether s is in any of the rooms. The lock is held.
func (c *selection) inAny(s *Socket, rooms []string) bool {
	for _, room := range rooms {
		c.step()
		if s.ID() == room {
			return true
		}
		if _, in := s.rooms[room]; in {
			return true
		}
	}
	return false
}

// appendMembers appends the sockets of the rooms, some of them several times. It reports false if they are
// too many. The lock is held.
func (c *selection) appendMembers(list *[]*Socket, rooms []string) bool {
	for _, room := range rooms {
		if c.held >= mostSteps {
			return false
		}
		n := len(*list)
		*list = c.local.appendMembers(*list, room)
		c.count(1 + (len(*list)-n)/perStep)
	}
	return true
}

// filter leaves out repeats, and the sockets that are excepted. The lock is not held.
func (c *selection) filter() {
	repeat := len(c.to.Rooms) > 1 // other lists have no repeats
	size := len(c.except)
	if repeat {
		size += len(c.list)
	}
	seen := make(map[*Socket]struct{}, size)
	for _, s := range c.except {
		c.step()
		seen[s] = struct{}{}
	}
	kept := c.list[:0]
	for i, s := range c.list {
		c.step()
		if i%clockEvery == clockEvery-1 {
			c.local.namespace.server.engine.Yield()
		}
		if _, known := seen[s]; known || s == nil {
			continue
		}
		if repeat {
			seen[s] = struct{}{}
		}
		kept = append(kept, s)
	}
	clear(c.list[len(kept):])
	c.list = kept
}

// step counts a visit of a name or a socket.
func (c *selection) step() { c.count(1) }

func (c *selection) count(n int) {
	c.steps += n
	if c.locked {
		c.held += n
		c.longest = max(c.longest, c.held)
	}
}

func (c *selection) lock() {
	c.local.mu.RLock()
	c.locked, c.held = true, 0
}

func (c *selection) unlock() {
	c.locked = false
	c.local.mu.RUnlock()
}
