package socketio

import (
	"sync/atomic"

	"socketiojwt/engineio"
	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio/internal/packet"
)

// An Event is an event that a peer emitted. Its methods may be called concurrently.
type Event struct {
	Arguments
	name     string
	socket   *Socket
	ackID    uint64
	size     int // bytes charged while it waits
	wantsAck bool
	tooLarge bool // its arguments were dropped
	acked    atomic.Bool

	// Most events need no other memory than that of the payload and of these.
	room [2][]byte // the name and the argument of most events
	task task      // of the event in the inbox of the socket
}

// Name returns the event's name.
func (e *Event) Name() string { return e.name }

// TooLarge reports whether the event was larger than what is kept of a message, so that its
// arguments were dropped. Only handlers of Socket.Intercept receive such events, so that a gate
// can refuse a token that is too large.
func (e *Event) TooLarge() bool { return e.tooLarge }

// WantsAck reports whether the peer waits for an acknowledgement.
func (e *Event) WantsAck() bool { return e.wantsAck }

// Ack acknowledges the event. It encodes args as Emit does. It may be called once, from any
// goroutine, also after the handler has returned. The second call returns ErrAckSent. If the
// peer does not wait for an acknowledgement, Ack does nothing.
func (e *Event) Ack(args ...any) error {
	return e.ack(args, e.socket.sendDirect)
}

// AckOnAdmission is Ack for an event of Socket.Intercept that leads to the admission of its
// socket. If the socket is not admitted yet, the peer receives the acknowledgement when it is,
// after the event of AdmitWith. If it is refused, the peer receives none.
func (e *Event) AckOnAdmission(args ...any) error {
	return e.ack(args, func(m *engineio.Message) error {
		s := e.socket
		now := s.look()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.state < stateAdmitted {
			s.keepWelcome(m)
			return nil
		}
		return s.sendAt(now, m)
	})
}

// ack acknowledges the event once, by send.
func (e *Event) ack(args []any, send func(*engineio.Message) error) error {
	if !e.wantsAck {
		return nil
	}
	m, err := encodeAck(e.socket.name, e.ackID, args)
	if err != nil {
		return err
	}
	if e.acked.Swap(true) {
		return ErrAckSent
	}
	return send(m)
}

// parseEvent parses an EVENT or BINARY_EVENT. It keeps the payload, because the handler runs
// later.
func parseEvent(s *Socket, p packet.Packet, attachments [][]byte, maxName, maxDepth int) (*Event, error) {
	e := &Event{socket: s, ackID: p.AckID, wantsAck: p.HasAck}
	args, err := splitArguments(e.room[:0], p.Payload, attachments, maxDepth)
	if err != nil || len(args.values) == 0 {
		return nil, packet.ErrMalformed
	}
	if r := s.routeOf(args.values[0]); r.handler != nil {
		e.name, e.task.handler = r.name, r.handler // so that the name needs no memory
	} else if e.name, err = eventName(args.values[0], maxName); err != nil {
		return nil, err
	}
	e.Arguments = args.Drop(1)
	e.size = e.Arguments.size() + len(e.name) + 128
	return e, nil
}

// routeOf returns the route of an event from its name as JSON, if that is a string as programs write it.
func (s *Socket) routeOf(name []byte) route {
	if plain, ok := wirejson.Plain(name); ok && s.namespace != nil {
		return s.namespace.table.routes[string(plain)]
	}
	return route{}
}

// eventName reads the first member of an EVENT. It is a string that is not reserved, or a
// number, whose name is its digits.
func eventName(value []byte, maxName int) (string, error) {
	var name string
	switch c := value[0]; {
	case c == '"':
		ok := len(value) <= 2+6*maxName
		if ok {
			name, ok = wirejson.UnquotePeer(value)
		}
		if !ok {
			return "", packet.ErrMalformed
		}
	case c == '-' || c >= '0' && c <= '9':
		name = string(value)
	default:
		return "", packet.ErrMalformed
	}
	if len(name) > maxName || packet.Reserved(name) {
		return "", packet.ErrMalformed
	}
	return name, nil
}

// receive passes an event to the handler that may see it in the socket's state. It runs on the
// session's reader and never waits.
func (s *Socket) receive(e *Event) {
	s.mu.Lock()
	s.counts().received.Add(1)
	result, dropped := taken, uint64(0)
	switch {
	case s.state != stateHeld && s.state != stateAdmitted, s.renewing: // ended meanwhile
	case s.conn.draining(): // Shutdown: running handlers finish, and no others start
	case s.interceptorOf(e.name) != nil:
		if result = s.wait(e); result != taken {
			break
		}
		if s.intercepted == nil {
			s.intercepted = new(intercepted)
			s.conn.server.running.add(1)
			go s.runIntercepts()
		}
		s.intercepted.events = append(s.intercepted.events, e)
	case s.state == stateHeld && s.arrival.early.options.Drop:
		total := s.counts().dropped.Add(1)
		if !s.arrival.early.dropped { // a peer must not fill the log
			s.arrival.early.dropped, dropped = true, total
		}
	case s.state == stateHeld:
		result = s.keepEarly(e)
	default:
		if result = s.wait(e); result == taken {
			if s.queue(e.asTask()) {
				s.conn.session.AfterMessages((*worker)(s))
			}
		}
	}
	s.mu.Unlock()
	switch {
	case !s.conn.charged(result, "too many events wait"):
	case dropped > 0:
		s.logger().InfoContext(s.Context(), "socketio: event before admission dropped", "dropped", dropped)
	}
}

// wait charges an event that waits for its handler. The caller holds mu.
func (s *Socket) wait(e *Event) charged {
	result := s.conn.ledger().event(e.size)
	if result == taken {
		s.inboxBytes += e.size
	}
	return result
}
