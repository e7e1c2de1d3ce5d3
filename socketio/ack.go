package socketio

// reply is what becomes of an event that asks for an acknowledgement.
type reply struct {
	socket *Socket
	args   Arguments
	ended  bool // the socket has ended, and has not answered
}

// expectAck registers an acknowledgement that is awaited. One reply will be sent to
// replies, which must have room for it. Whether the socket can be asked at all shows
// when the packet is queued.
func (s *Socket) expectAck(id uint64, replies chan<- reply) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.acks) >= s.conn.server.opts.MaxPendingAcks {
		return ErrTooManyAcks
	}
	if s.acks == nil {
		s.acks = make(map[uint64]chan<- reply, 1)
	}
	s.acks[id] = replies
	return nil
}

// forgetAck gives up waiting.
func (s *Socket) forgetAck(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.acks, id)
}

// acknowledged hands an acknowledgement to the call that waits for it. It runs on the
// session's reader, since a handler may be what waits. An unknown id is
// ignored: it may have been given up.
func (s *Socket) acknowledged(id uint64, args Arguments) {
	now := s.look()
	s.mu.Lock()
	defer s.mu.Unlock()
	if replies, ok := s.acks[id]; ok && !s.over(now) {
		delete(s.acks, id)
		replies <- reply{socket: s, args: args}
	}
}

// failAcks tells all who wait that no answer will come. The caller holds mu.
func (s *Socket) failAcks() {
	for _, replies := range s.acks {
		replies <- reply{socket: s, ended: true}
	}
	s.acks = nil
}
