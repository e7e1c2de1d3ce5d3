package socketio

import "slices"

// joining holds the rooms that sockets are to join.
type joining struct {
	rooms    []string // without repeats
	reserved []string // those of them that only one socket may join
}

// joining checks the rooms that sockets of the namespace are to join. It fails if the names, or
// their number, are not allowed for any socket. It takes linear time and no lock.
func (srv *Server) joining(namespace string, rooms []string) (j joining, err error) {
	opts := &srv.opts
	for _, room := range rooms {
		if len(room) > opts.MaxNameLength {
			return j, ErrRoomName
		}
	}
	most := opts.MaxRooms + 1 // a socket's own room is not counted
	j.rooms = firstDistinct(rooms, most+1)
	if len(j.rooms) > most {
		return j, ErrTooManyRooms
	}
	for _, room := range j.rooms {
		if srv.reserved(namespace, room) {
			j.reserved = append(j.reserved, room)
		}
	}
	return j, nil
}

// permits reports whether the socket may join the rooms.
func (j joining) permits(s *Socket) bool {
	return !slices.ContainsFunc(j.reserved, func(room string) bool { return room != s.ID() })
}

// selection collects the sockets that a Selector selects. The caller holds the lock of the
// listing.
type selection struct {
	local *listing
	to    Selector
	list  []*Socket
	// seen has the sockets that are in the list or excluded, if one of the lists of names is
	// long. For short lists it is nil, and the rooms of each socket are searched instead, which
	// allocates nothing.
	seen map[*Socket]struct{}
	// steps counts visits of names and sockets, so that tests can measure how the work grows.
	steps int
}

// selected appends each selected socket once.
func (l *listing) selected(list []*Socket, to Selector) []*Socket {
	chosen := selection{local: l, list: list}
	chosen.run(to, nil)
	return chosen.list
}

// run selects the sockets. It calls record, which may be nil, while no socket can come, leave or
// change its rooms.
func (c *selection) run(to Selector, record func(to Selector)) {
	to.Rooms, to.Except = distinct(to.Rooms), distinct(to.Except)
	c.to = to
	c.local.mu.RLock()
	defer c.local.mu.RUnlock()
	if record != nil {
		record(c.to)
	}
	if len(to.Rooms) > fewNames || len(to.Except) > fewNames {
		c.seen = make(map[*Socket]struct{})
		c.members(to.Except, func(s *Socket) { c.seen[s] = struct{}{} })
	}
	if to.All {
		for _, s := range c.local.byID {
			c.add(s, nil)
		}
		return
	}
	for i := range to.Rooms {
		c.members(to.Rooms[i:i+1], func(s *Socket) { c.add(s, to.Rooms[:i]) })
	}
}

// members calls f for each socket in each of the rooms.
func (c *selection) members(rooms []string, f func(*Socket)) {
	for _, room := range rooms {
		c.steps++
		if s := c.local.byID[room]; s != nil {
			f(s)
		}
		for s := range c.local.room[room] {
			f(s)
		}
	}
}

// add adds a socket unless it is excluded or in one of the earlier rooms.
func (c *selection) add(s *Socket, earlier []string) {
	c.steps++
	if c.seen == nil {
		if !c.inAny(s, earlier) && !c.inAny(s, c.to.Except) {
			c.list = append(c.list, s)
		}
		return
	}
	if _, seen := c.seen[s]; !seen {
		c.seen[s] = struct{}{}
		c.list = append(c.list, s)
	}
}

// inAny reports whether s is in any of a few rooms.
func (c *selection) inAny(s *Socket, rooms []string) bool {
	for _, room := range rooms {
		c.steps++
		if s.ID() == room {
			return true
		}
		if _, ok := c.local.room[room][s]; ok {
			return true
		}
	}
	return false
}

// join adds s to all of the rooms or to none. The names must differ. Renewed is s.renewed when
// the call was found allowed. The lock is held for at most Options.MaxRooms + 1 names.
func (l *listing) join(s *Socket, rooms []string, renewed uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byID[s.ID()] != s || s.renewed != renewed {
		return ErrClosed
	}
	if added := s.lacks(rooms); added > 0 && len(s.rooms)+added > l.namespace.server.opts.MaxRooms {
		return ErrTooManyRooms
	}
	l.enterAll(s, rooms, true)
	return nil
}

// assign is join for rooms of Assign. They are kept in s until it is listed.
func (l *listing) assign(s *Socket, rooms []string, renewed uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.renewed != renewed {
		return ErrClosed
	}
	if added := s.lacks(rooms); added > 0 && len(s.rooms)+added > 2*l.namespace.server.opts.MaxRooms {
		return ErrTooManyRooms
	}
	l.enterAll(s, rooms, l.byID[s.ID()] == s)
	if x := s.session.Load(); x != nil && x.begun() {
		x.assign(rooms)
	}
	return nil
}

// lacks returns how many of the rooms s is not in. The caller holds the listing's lock.
func (s *Socket) lacks(rooms []string) (n int) {
	for _, room := range rooms {
		if _, in := s.rooms[room]; !in && room != s.ID() {
			n++
		}
	}
	return n
}

// enterAll adds rooms to those of s, and s to the rooms if it is listed. The caller holds mu.
func (l *listing) enterAll(s *Socket, rooms []string, listed bool) {
	if s.rooms == nil {
		s.rooms = make(map[string]struct{}, len(rooms))
	}
	for _, room := range rooms {
		if room == s.ID() {
			continue
		}
		if _, in := s.rooms[room]; !in && listed {
			s.moved(room, true)
		}
		s.rooms[room] = struct{}{}
		if listed {
			l.enter(s, room)
		}
	}
}

// enter adds s, which is listed, to a room. The caller holds mu.
func (l *listing) enter(s *Socket, room string) {
	if l.room[room] == nil {
		l.room[room] = make(map[*Socket]struct{})
		l.changed(room, true)
	}
	l.room[room][s] = struct{}{}
}

// mostLeft bounds the number of names for which leaveAll holds the lock at a time.
const mostLeft = 1024

// leaveAll removes s from the rooms.
func (l *listing) leaveAll(s *Socket, rooms []string) {
	for some := range slices.Chunk(rooms, mostLeft) {
		l.leaveSome(s, some)
	}
}

func (l *listing) leaveSome(s *Socket, rooms []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	listed := l.byID[s.ID()] == s
	for _, room := range rooms {
		if _, in := s.rooms[room]; in {
			if listed {
				l.leave(s, room)
				s.moved(room, false)
			}
			delete(s.rooms, room)
		}
	}
}

func (l *listing) leave(s *Socket, room string) {
	delete(l.room[room], s)
	if len(l.room[room]) == 0 {
		delete(l.room, room)
		l.changed(room, false)
	}
}
