package socketio

import (
	"bytes"
	"sync/atomic"

	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio/internal/packet"
)

// An Event is what a peer emitted.
type Event struct {
	Arguments
	name     string
	socket   *Socket
	ackID    uint64
	wantsAck bool
	acked    atomic.Bool
	size     int // bytes it keeps while it waits
}

// Name returns the event's name.
func (e *Event) Name() string { return e.name }

// WantsAck reports whether the peer waits for an acknowledgement.
func (e *Event) WantsAck() bool { return e.wantsAck }

// Ack acknowledges the event, in the way of Emit. It may be called once, from
// any goroutine, also after the handler has returned; the second call returns
// ErrAckSent. When the peer does not wait for one it does nothing.
func (e *Event) Ack(args ...any) error {
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
	return e.socket.sendDirect(m)
}

// parseEvent takes an EVENT or BINARY_EVENT apart. It copies the payload, since
// the handler runs later.
func parseEvent(s *Socket, p packet.Packet, attachments [][]byte, maxName, maxDepth int) (*Event, error) {
	args, err := parseArguments(p.Payload, attachments, maxDepth)
	if err != nil || len(args.values) == 0 {
		return nil, packet.ErrMalformed
	}
	name, err := eventName(args.values[0], maxName)
	if err != nil {
		return nil, err
	}
	args = args.Drop(1)
	e := &Event{Arguments: args, name: name, socket: s, ackID: p.AckID, wantsAck: p.HasAck}
	e.size = args.size() + len(name) + 128
	return e, nil
}

// parseArguments takes the array of an EVENT or ACK apart.
func parseArguments(payload []byte, attachments [][]byte, maxDepth int) (Arguments, error) {
	if len(attachments) == 0 { // otherwise it was copied when the first packet came
		payload = bytes.Clone(payload)
	}
	return newArguments(payload, attachments, maxDepth)
}

// eventName reads the first member of an EVENT: a string that is not reserved,
// or a number, which counts by its digits.
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

// receive takes an event to whoever may see it in the socket's state. It runs on
// the session's reader and never waits.
func (s *Socket) receive(e *Event) {
	s.mu.Lock()
	full, dropped := false, uint64(0)
	switch k := s.intercepts; {
	case s.state != stateHeld && s.state != stateAdmitted: // ended meanwhile
	case s.conn.server.draining.Load(): // Shutdown: what runs finishes, nothing new begins
	case k.handler(e.name) != nil:
		if full = s.inboxFull(e); full {
			break
		}
		k.inbox = append(k.inbox, e)
		if !k.working {
			k.working = true
			s.conn.server.running.add(1)
			go s.runIntercepts()
		}
	case s.state == stateHeld && s.early.options.Drop:
		total := s.conn.server.droppedEarly.Add(1)
		if !s.early.dropped { // a peer must not fill the log
			s.early.dropped, dropped = true, total
		}
	case s.state == stateHeld:
		full = !s.keepEarly(e)
	default:
		if full = s.inboxFull(e); !full {
			s.post(task{event: e})
		}
	}
	s.mu.Unlock()
	switch {
	case full:
		s.conn.violation("too many events wait")
	case dropped > 0:
		s.logger().Info("socketio: events before admission are dropped", "dropped", dropped)
	}
}

// inboxFull counts an event that waits for its handler, and reports true when
// there is no room. A single event always has some. The caller holds mu.
func (s *Socket) inboxFull(e *Event) bool {
	if s.inboxBytes > 0 && s.inboxBytes+e.size > s.conn.server.opts.MaxInbox {
		return true
	}
	s.inboxBytes += e.size
	return false
}
