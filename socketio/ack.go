package socketio

// reply is the outcome of one event that asks for an acknowledgement.
type reply struct {
	socket *Socket
	args   Arguments
	ended  bool // the socket ended without answering
}

// expectAck registers an acknowledgement to wait for. One reply will be sent to replies, which
// must have room for it. Whether the socket can be asked at all is checked when the packet is
// queued.
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
	s.conn.server.figures.pendingAcks.Add(1)
	return nil
}

// forgetAck stops waiting for an acknowledgement.
func (s *Socket) forgetAck(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropAck(id)
}

// dropAck removes an acknowledgement. The caller holds mu.
func (s *Socket) dropAck(id uint64) {
	if _, pending := s.acks[id]; pending {
		delete(s.acks, id)
		s.conn.server.figures.pendingAcks.Add(-1)
	}
}

// acknowledged passes an acknowledgement to the call that waits for it. It runs on the
// session's reader, because the waiting call may be a handler. An unknown id is ignored,
// because the call may have given up.
func (s *Socket) acknowledged(id uint64, args Arguments) {
	now := s.look()
	s.mu.Lock()
	defer s.mu.Unlock()
	if replies, ok := s.acks[id]; ok && !s.pastDeadline(now) {
		s.dropAck(id)
		replies <- reply{socket: s, args: args}
	}
}

// failAcks tells all waiting calls that no answer will come. The caller holds mu.
func (s *Socket) failAcks() {
	for _, replies := range s.acks {
		replies <- reply{socket: s, ended: true}
	}
	s.conn.server.figures.pendingAcks.Add(-int64(len(s.acks)))
	s.acks = nil
}
