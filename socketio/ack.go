package socketio

import (
	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio/internal/packet"
)

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

// receiveAck handles an ACK or BINARY_ACK of the peer. It reports false if the packet is malformed.
//
// It allocates nothing for an ACK that no call waits for. Otherwise a peer that sends only those would
// make the garbage collector run all the time, which stops all goroutines each time
// (docs/adr/0067-turns-and-rates-of-peers.md).
func (s *Socket) receiveAck(p packet.Packet, attachments [][]byte) (ok bool) {
	maxDepth := s.conn.server.opts.MaxDepth
	if !p.HasAck {
		return false
	}
	if len(attachments) == 0 && !s.expectsAck(p.AckID) {
		return wirejson.ValidPeerArray(p.Payload, maxDepth)
	}
	args, err := newArguments(s.conn.keptPayload(p, attachments), attachments, maxDepth)
	if err != nil {
		return false
	}
	s.acknowledged(p.AckID, args)
	return true
}

// expectsAck reports whether a call waits for an acknowledgement. The call registers it before it
// sends the event.
func (s *Socket) expectsAck(id uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, pending := s.acks[id]
	return pending
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
