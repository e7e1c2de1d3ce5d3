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

// join adds s to all of the rooms or to none. The names must differ. Renewed is s.renewed when
// the call was found allowed. The lock is held for at most Options.MaxRooms + 1 names.
func (l *listing) join(s *Socket, rooms []string, renewed uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.place == 0 || s.renewed != renewed {
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
	l.enterAll(s, rooms, s.place > 0)
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
		s.rooms = make(places, len(rooms))
	}
	for _, room := range rooms {
		if _, in := s.rooms[room]; in || room == s.ID() {
			continue
		}
		s.rooms[room] = 0
		if listed {
			s.moved(room, true)
			l.enter(s, room)
		}
	}
}

// enter adds s, which is listed, to a room that it is not in. The caller holds mu.
func (l *listing) enter(s *Socket, room string) {
	l.changing(s, room, false)
	list := l.room[room]
	if list == nil {
		l.changed(room, true)
	}
	l.room[room] = append(list, s)
	s.rooms[room] = int32(len(list) + 1)
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
	listed := s.place > 0
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

// leave removes s, which is listed, from a room that it is in. The caller holds mu.
func (l *listing) leave(s *Socket, room string) {
	l.changing(s, room, true)
	list, last := without(l.room[room], s.rooms[room])
	last.rooms[room] = s.rooms[room]
	if len(list) > 0 {
		l.room[room] = list
		return
	}
	delete(l.room, room)
	l.changed(room, false)
}

// without moves the last element of the list to the place of the one that leaves, and returns the
// shorter list and that element. A place is an index plus one. A list that has become much shorter is
// copied, so that its memory can be freed.
func without[T any](list []*T, place int32) ([]*T, *T) {
	end := len(list) - 1
	last := list[end]
	list[place-1], list[end] = last, nil
	list = list[:end]
	if cap(list) > 64 && len(list) < cap(list)/4 {
		list = append(make([]*T, 0, 2*len(list)), list...)
	}
	return list, last
}
