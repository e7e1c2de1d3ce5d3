package socketio

import (
	"context"
	"fmt"
	"slices"

	"socketiojwt/engineio"
)

// Emit sends an event to the peer. It never blocks. If the transport cannot take the event at
// once, the event waits in a queue. If the queue is full, the connection is closed and Emit
// returns ErrSlow. Arguments are encoded as by encoding/json. A []byte, at any depth, becomes a
// binary attachment, and a Raw is sent unchanged.
//
// Emit works for held and admitted sockets. For a connecting socket it returns ErrNotAdmitted,
// and for one that has ended ErrClosed. Emit may be called concurrently.
func (s *Socket) Emit(event string, args ...any) error {
	m, body, err := encodeEvent(s.name, 0, false, event, args)
	if err != nil {
		return fmt.Errorf("socketio: emit %q: %w", event, err)
	}
	err, recorded := s.emitRecorded(m, event, args, body)
	if !recorded {
		err = s.sendEvent(m, body, true)
	}
	if err != nil {
		return err
	}
	s.emitted(event, args)
	return nil
}

// EmitOnce is Emit for an event that must not be sent again to a recovered socket, because its
// content will be out of date: see Options.Recovery. It may be called concurrently.
func (s *Socket) EmitOnce(event string, args ...any) error {
	m, body, err := encodeEvent(s.name, 0, false, event, args)
	if err != nil {
		return fmt.Errorf("socketio: emit %q: %w", event, err)
	}
	if err := s.sendEvent(m, body, false); err != nil {
		return err
	}
	s.emitted(event, args)
	return nil
}

// EmitWithAck sends an event and waits for the peer's acknowledgement, until ctx or the socket
// ends. It may be called concurrently.
//
// A handler that waits delays the next events of its socket, because they are handled one at a
// time. To avoid that, wait on another goroutine:
//
//	s.Go(func(ctx context.Context) { answer, err := s.EmitWithAck(ctx, "question") ... })
func (s *Socket) EmitWithAck(ctx context.Context, event string, args ...any) (Arguments, error) {
	id := s.conn.server.nextAck()
	m, _, err := encodeEvent(s.name, id, true, event, args)
	if err != nil {
		return Arguments{}, fmt.Errorf("socketio: emit %q: %w", event, err)
	}
	answer := make(chan reply, 1)
	if err := s.expectAck(id, answer); err != nil {
		return Arguments{}, err
	}
	if err := s.sendDirect(m); err != nil {
		s.forgetAck(id)
		return Arguments{}, err
	}
	s.emitted(event, args)
	select {
	case r := <-answer:
		if r.ended {
			return Arguments{}, ErrClosed
		}
		return r.args, nil
	case <-ctx.Done():
		s.forgetAck(id)
		return Arguments{}, context.Cause(ctx)
	}
}

// sendDirect queues a packet for this socket, which may be held.
func (s *Socket) sendDirect(m *engineio.Message) error {
	now := s.look()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sendAt(now, m)
}

// sendAt is sendDirect at a time of the server's clock. The caller holds mu.
func (s *Socket) sendAt(now int64, m *engineio.Message) error {
	switch {
	case s.state == stateConnecting:
		return ErrNotAdmitted
	case s.state > stateAdmitted, s.pastDeadline(now):
		return ErrClosed
	}
	return s.put(m)
}

// send queues a packet of a broadcast. A socket that is not admitted, or has left or was
// renewed since the broadcast selected it, gets nothing. Began is the server's number of
// renewals when the broadcast began. The state is checked and the packet queued under one lock,
// so that nothing follows a DISCONNECT.
func (s *Socket) send(m *engineio.Message, volatile bool, began uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state != stateAdmitted, s.renewing, s.renewed > began:
		return ErrClosed
	case volatile:
		return s.conn.session.SendVolatile(m)
	}
	return s.putShared(m)
}

// To returns a broadcast to the sockets in any of the rooms, except this one.
func (s *Socket) To(rooms ...string) Broadcast { return s.Broadcast().To(rooms...) }

// Except returns a broadcast to all other sockets of the namespace, except those in any of the
// rooms.
func (s *Socket) Except(rooms ...string) Broadcast { return s.Broadcast().Except(rooms...) }

// Broadcast returns a broadcast to all other sockets of the namespace.
func (s *Socket) Broadcast() Broadcast { return s.namespace.Except(s.ID()) }

// Volatile returns a broadcast to this socket only. Its events are dropped if the socket cannot
// be written to at once, or is held.
func (s *Socket) Volatile() Broadcast { return s.namespace.To(s.ID()).Local().Volatile() }

// Join makes the socket join all of the rooms or, if it fails, none. It returns ErrNotAdmitted
// before the socket is admitted, ErrClosed after it has ended, ErrTooManyRooms if it would
// exceed Options.MaxRooms, and ErrRoomName for a name longer than Options.MaxNameLength. It
// returns ErrReservedRoom for the id of another socket of the namespace, because the socket
// would otherwise receive messages for that one. The id stays reserved after that socket has
// left. Joining the socket's own id does nothing. Join may be called concurrently.
func (s *Socket) Join(rooms ...string) error {
	if s.namespace == nil { // the namespace is not known yet
		return ErrNotAdmitted
	}
	j, err := s.conn.server.joining(s.name, rooms)
	if err != nil {
		return err
	}
	return s.join(j)
}

// join is Join for rooms that have been checked.
func (s *Socket) join(j joining) error {
	now := s.look()
	s.mu.Lock()
	state, past, renewed := s.state, s.pastDeadline(now), s.renewed
	s.mu.Unlock()
	switch {
	case state < stateAdmitted:
		return ErrNotAdmitted
	case state > stateAdmitted, past:
		return ErrClosed
	}
	if !j.permits(s) {
		return ErrReservedRoom
	}
	return s.namespace.local.join(s, j.rooms, renewed)
}

// Assign makes the socket join rooms that follow from its admission, such as those of its
// user. Unlike Join it may be called before the socket is admitted, by connect middleware and
// while the socket is held. The socket is then in the rooms from the moment at which it is
// admitted, before functions of OnConnect run, so it misses no broadcast to them. Before that
// moment it is in no room.
//
// The rooms of one call may be up to Options.MaxRooms, however many rooms the program has
// joined, so that CanJoin tells whether Assign will succeed. They count for Join. In all a
// socket is in at most twice that number of rooms. Assign returns what Join does, except
// ErrNotAdmitted: it returns that only before the namespace is known, which is before connect
// middleware. It runs no code of the program, and does not look at the deadline of SetDeadline,
// so a caller may hold a lock that hooks of the socket take. It may be called concurrently.
func (s *Socket) Assign(rooms ...string) error {
	if s.namespace == nil {
		return ErrNotAdmitted
	}
	j, err := s.assignable(rooms)
	if err != nil {
		return err
	}
	s.mu.Lock()
	ended, renewed := s.state > stateAdmitted || s.renewing, s.renewed
	s.mu.Unlock()
	if ended {
		return ErrClosed
	}
	return s.namespace.local.assign(s, j.rooms, renewed)
}

// assignable checks the rooms of one call of Assign.
func (s *Socket) assignable(rooms []string) (joining, error) {
	j, err := s.conn.server.joining(s.name, rooms)
	switch {
	case err != nil:
	case !j.permits(s):
		err = ErrReservedRoom
	case len(j.rooms) > s.conn.server.opts.MaxRooms && !slices.Contains(j.rooms, s.ID()): // joining does not count the socket's own room
		err = ErrTooManyRooms
	}
	return j, err
}

// CanJoin returns the error that Join would return because of the names, or nil: ErrRoomName,
// ErrReservedRoom, and ErrTooManyRooms if there are more names than Options.MaxRooms. It does
// not look at the rooms that the socket is in, and at whether it is admitted or has ended. It
// may be called concurrently.
func (s *Socket) CanJoin(rooms ...string) error {
	_, err := s.assignable(rooms)
	return err
}

// Leave makes the socket leave rooms, including those of Assign. It cannot leave the room named
// by its own id.
func (s *Socket) Leave(rooms ...string) {
	if s.namespace != nil { // otherwise the namespace is not known yet, and the socket is in no room
		s.namespace.local.leaveAll(s, rooms)
	}
}

// Rooms returns the rooms that the socket is in, including the room of its own id. It returns
// nil before the socket is admitted and after it has ended.
func (s *Socket) Rooms() []string {
	if s.namespace == nil || s.pastDeadline(s.look()) {
		return nil
	}
	l := s.namespace.local
	l.mu.RLock()
	defer l.mu.RUnlock()
	if s.place == 0 {
		return nil
	}
	return s.roomNames()
}

// In reports whether the socket is in a room. It returns false before the socket is admitted
// and after it has ended. Every admitted socket is in the room of its own id.
func (s *Socket) In(room string) bool {
	if s.namespace == nil || s.pastDeadline(s.look()) {
		return false
	}
	l := s.namespace.local
	l.mu.RLock()
	defer l.mu.RUnlock()
	if s.place == 0 {
		return false
	}
	_, in := s.rooms[room]
	return in || room == s.ID()
}

// roomNames lists the rooms. The caller holds the listing's lock.
func (s *Socket) roomNames() []string {
	names := make([]string, 1, 1+len(s.rooms))
	names[0] = s.ID()
	for room := range s.rooms {
		names = append(names, room)
	}
	return names
}
