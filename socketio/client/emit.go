package client

import (
	"context"
	"fmt"

	"socketiojwt/socketio"
	"socketiojwt/socketio/internal/packet"
)

// Emit sends an event, as Socket.Emit of package socketio does: arguments are encoded as
// by encoding/json, a []byte, at any depth, becomes a binary attachment, and a
// socketio.Raw is passed on as it is.
//
// While the socket is not connected, or Options.MaxQueued is full, Emit waits until ctx
// ends. It returns when the event is queued, and the event may still be lost with the
// transport. It returns an error that says how the socket ended if it has.
func (s *Socket) Emit(ctx context.Context, event string, args ...any) error {
	text, attachments, err := s.encodeEvent(0, false, event, args)
	if err != nil {
		return err
	}
	var l *link
	for {
		if l, err = s.connected(ctx, l); err != nil {
			return err
		}
		if err = s.queue(ctx, l, text, attachments); !isLost(err) {
			return err
		}
	}
}

// EmitWithAck is Emit, and waits for the acknowledgement of the server until ctx ends.
// If the transport is lost after the event was sent, the error is ErrConnectionLost.
func (s *Socket) EmitWithAck(ctx context.Context, event string, args ...any) (socketio.Arguments, error) {
	id := s.newAck()
	text, attachments, err := s.encodeEvent(id, true, event, args)
	if err != nil {
		return socketio.Arguments{}, err
	}
	var l *link
	for {
		if l, err = s.connected(ctx, l); err != nil {
			return socketio.Arguments{}, err
		}
		answer := s.expectAck(l, id)
		if answer == nil {
			continue
		}
		switch err := s.queue(ctx, l, text, attachments); {
		case err == nil:
			return s.awaitAck(ctx, id, answer)
		case !isLost(err):
			s.forgetAck(id)
			return socketio.Arguments{}, err
		}
		s.forgetAck(id)
	}
}

// askBy is EmitWithAck by one connection. If the socket is not connected by it, the error is
// ErrConnectionLost.
func (s *Socket) askBy(ctx context.Context, l *link, event string, args ...any) (socketio.Arguments, error) {
	id := s.newAck()
	text, attachments, err := s.encodeEvent(id, true, event, args)
	if err != nil {
		return socketio.Arguments{}, err
	}
	answer := s.expectAck(l, id)
	if answer == nil {
		return socketio.Arguments{}, ErrConnectionLost
	}
	if err := s.queue(ctx, l, text, attachments); err != nil {
		s.forgetAck(id)
		if isLost(err) {
			err = ErrConnectionLost
		}
		return socketio.Arguments{}, err
	}
	return s.awaitAck(ctx, id, answer)
}

// connected waits until the socket is connected by a link other than lost, which cannot
// send any more.
func (s *Socket) connected(ctx context.Context, lost *link) (l *link, err error) {
	err = s.wait(ctx, func() bool {
		l = s.link
		return l != nil && l != lost
	})
	return l, err
}

// queue queues a packet for as long as the socket is connected by l, and waits for room.
// That the socket is still connected and that the packet is queued is one step: a packet
// after DISCONNECT would break the protocol.
func (s *Socket) queue(ctx context.Context, l *link, text []byte, attachments [][]byte) error {
	l.trace(text, attachments)
	for {
		queued, err := s.tryQueue(l, text, attachments)
		if queued || err != nil {
			return err
		}
		if err := l.conn.AwaitRoom(ctx); err != nil {
			return err
		}
	}
}

func (s *Socket) tryQueue(l *link, text []byte, attachments [][]byte) (queued bool, err error) {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	if s.link != l {
		return false, errNotJoined
	}
	return l.conn.TrySend(text, attachments...)
}

func (s *Socket) newAck() uint64 {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	s.lastAck++
	return s.lastAck - 1
}

// expectAck returns where the acknowledgement will be. The channel is closed when none
// can come any more. It returns nil if the socket is not connected by l.
func (s *Socket) expectAck(l *link, id uint64) chan socketio.Arguments {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	if s.link != l {
		return nil
	}
	if s.acks == nil {
		s.acks = make(map[uint64]chan socketio.Arguments)
	}
	answer := make(chan socketio.Arguments, 1)
	s.acks[id] = answer
	return answer
}

func (s *Socket) forgetAck(id uint64) {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	delete(s.acks, id)
}

func (s *Socket) awaitAck(ctx context.Context, id uint64, answer chan socketio.Arguments) (socketio.Arguments, error) {
	select {
	case args, ok := <-answer:
		if ok {
			return args, nil
		}
		s.client.mu.Lock()
		defer s.client.mu.Unlock()
		if s.ended != nil {
			return socketio.Arguments{}, s.ended
		}
		return socketio.Arguments{}, ErrConnectionLost
	case <-ctx.Done():
		s.forgetAck(id)
		return socketio.Arguments{}, context.Cause(ctx)
	}
}

// encodeEvent makes an EVENT or BINARY_EVENT packet.
func (s *Socket) encodeEvent(ackID uint64, wantsAck bool, event string, args []any) (text []byte, attachments [][]byte, err error) {
	if event == "" || packet.Reserved(event) {
		err = socketio.ErrEventName
	} else {
		text, attachments, err = s.encode(packet.Event, packet.BinaryEvent, ackID, wantsAck, append([]any{event}, args...))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("socketio client: emit %q: %w", event, err)
	}
	return text, attachments, nil
}

// encode makes a packet of the type text, or of the type binary if it has attachments.
func (s *Socket) encode(text, binary packet.Type, ackID uint64, hasAck bool, args []any) ([]byte, [][]byte, error) {
	array, attachments, err := socketio.EncodeArguments(args...)
	if err != nil {
		return nil, nil, err
	}
	head := packet.Packet{Type: text, Attachments: len(attachments), Namespace: s.name, AckID: ackID, HasAck: hasAck}
	if len(attachments) > 0 {
		head.Type = binary
	}
	return append(head.AppendHead(nil), array...), attachments, nil
}
