package client

import (
	"context"
	"errors"
	"fmt"

	"socketiojwt/internal/engineclient"
	"socketiojwt/socketio"
	"socketiojwt/socketio/internal/packet"
)

// The names of the events that Receive returns beside those of the server, which cannot
// have these names.
const (
	// EventConnect: the socket is connected, at first or again. What the server keeps for
	// a socket, such as rooms, is gone after a connection was lost, unless Recovered returns
	// true.
	EventConnect = "connect"
	// EventDisconnect: the transport was lost, and the client opens another one. The
	// argument is a string: "transport close", "ping timeout" or "parse error". With
	// Options.Token, it is "io server disconnect" if the server has ended the socket because
	// its token had expired or had not come in time, after which the client joins again.
	EventDisconnect = "disconnect"
)

// An Event is what the server emitted, or EventConnect or EventDisconnect. Its methods
// may be called concurrently.
type Event struct {
	socketio.Arguments
	// Name is the event's name.
	Name string

	socket *Socket
	link   *link // by which it came
	ackID  uint64
	hasAck bool
	acked  bool // guarded by Client.mu
	size   int  // bytes that it counts while it waits
}

// eventSize is what an event keeps beside the packet.
const eventSize = 256

// WantsAck reports whether the server waits for an acknowledgement.
func (e *Event) WantsAck() bool { return e.hasAck }

// Ack acknowledges the event, with arguments as those of Emit. It may be called once,
// and the second call returns socketio.ErrAckSent. If the connection by which the event
// came was lost, it returns ErrConnectionLost. If the server does not wait for an
// acknowledgement, it does nothing. ctx bounds how long it waits for room in the queue.
func (e *Event) Ack(ctx context.Context, args ...any) error {
	if !e.hasAck {
		return nil
	}
	s := e.socket
	text, attachments, err := s.encode(packet.Ack, packet.BinaryAck, e.ackID, true, args)
	if err != nil {
		return fmt.Errorf("socketio client: acknowledge %q: %w", e.Name, err)
	}
	if err := e.ackOnce(); err != nil {
		return err
	}
	if err := s.queue(ctx, e.link, text, attachments); !isLost(err) {
		return err
	}
	return ErrConnectionLost
}

// ackOnce fails if the event cannot be acknowledged.
func (e *Event) ackOnce() error {
	s := e.socket
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	switch {
	case e.acked:
		return socketio.ErrAckSent
	case s.ended != nil:
		return s.ended
	case s.link != e.link:
		return ErrConnectionLost
	}
	e.acked = true
	return nil
}

// Receive returns the next event, in the order in which the server emitted them. Events
// that came before the socket ended are returned before the error, which says how it
// ended: ErrDisconnected, ErrClosed, or a *ConnectError when the server refused the
// socket after the connection was restored. If ctx ends first, it returns its cause.
//
// A program must call Receive, even if it only emits: see Options.MaxPending.
func (s *Socket) Receive(ctx context.Context) (*Event, error) {
	var e *Event
	err := s.wait(ctx, func() bool {
		if len(s.events) == 0 {
			return false
		}
		e, s.events = s.events[0], s.events[1:]
		s.pending -= e.size
		if s.ended == nil {
			s.client.pending -= e.size
		}
		return true
	})
	return e, err
}

// push keeps an event for Receive. The caller holds mu.
func (s *Socket) push(e *Event) {
	if n := len(s.events); e.Name == EventDisconnect && n > 1 && s.events[n-1].Name == EventConnect && s.events[n-2].Name == EventDisconnect {
		// Otherwise a flapping connection would fill the queue of a program that does
		// not receive.
		s.events[n-2] = e
		s.events = s.events[:n-1]
		s.pending -= eventSize
		s.client.pending -= eventSize
		return
	}
	s.events = append(s.events, e)
	s.pending += e.size
	s.client.pending += e.size
	s.wake()
}

// disconnected makes the event that reports that the transport was lost for err.
func disconnected(s *Socket, err error) *Event {
	reason := `["transport close"]`
	switch {
	case errors.Is(err, ErrDisconnected):
		reason = `["io server disconnect"]`
	case errors.Is(err, errProtocol):
		reason = `["parse error"]`
	case errors.Is(err, engineclient.ErrSilent):
		reason = `["ping timeout"]`
	}
	args, _ := socketio.ParseArguments([]byte(reason), nil) // cannot fail
	return &Event{Name: EventDisconnect, Arguments: args, socket: s, size: eventSize}
}
