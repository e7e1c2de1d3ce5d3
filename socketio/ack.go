package socketio

// expectAck registers an acknowledgement that is awaited. The channel gives it,
// or is closed when the socket ends. Whether the socket can be asked at all shows
// when the packet is queued.
func (s *Socket) expectAck(id uint64) (chan Arguments, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.acks) >= s.conn.server.opts.MaxPendingAcks {
		return nil, ErrTooManyAcks
	}
	if s.acks == nil {
		s.acks = make(map[uint64]chan Arguments, 1)
	}
	answer := make(chan Arguments, 1) // its sender does not wait
	s.acks[id] = answer
	return answer, nil
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
	if answer, ok := s.acks[id]; ok && !s.over(now) {
		delete(s.acks, id)
		answer <- args
	}
}

// failAcks tells all who wait that no answer will come. The caller holds mu.
func (s *Socket) failAcks() {
	for _, answer := range s.acks {
		close(answer)
	}
	s.acks = nil
}
