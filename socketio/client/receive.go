package client

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/internal/packet"
)

// read handles packets until the link is lost, or the server breaks the protocol or a
// limit.
func (l *link) read() error {
	opts := l.client.opts
	for {
		text, err := l.receive(false)
		if err != nil {
			return err
		}
		p, err := packet.Parse(text, packet.Limits{Attachments: opts.MaxAttachments, Name: math.MaxInt})
		if err != nil {
			return fmt.Errorf("%w: %w", errProtocol, err)
		}
		var attachments [][]byte
		for size := len(text); len(attachments) < p.Attachments; {
			data, err := l.receive(true)
			if err != nil {
				return err
			}
			if size += len(data); size > opts.MaxPending {
				return fmt.Errorf("%w: too many bytes in a packet", errProtocol)
			}
			attachments = append(attachments, data)
		}
		if err := l.handle(p, attachments, len(text)); err != nil {
			return err
		}
	}
}

// receive returns the next message.
func (l *link) receive(wantBinary bool) ([]byte, error) {
	data, binary, err := l.conn.Receive(context.Background()) // ends with the connection
	if err != nil {
		return nil, err
	}
	if trace := l.client.opts.Trace; trace != nil {
		trace(false, data, binary)
	}
	if binary != wantBinary {
		return nil, fmt.Errorf("%w: text and binary out of order", errProtocol)
	}
	return data, nil
}

// handle handles one packet. Packets for a namespace that the client has left are
// dropped.
func (l *link) handle(p packet.Packet, attachments [][]byte, size int) error {
	switch p.Type {
	case packet.Connect:
		return l.connected(p)
	case packet.ConnectError:
		l.refused(p)
		return nil
	}
	c := l.client
	c.mu.Lock()
	s := c.sockets[p.Namespace]
	joined := s != nil && (s.link == l || s.asked == l && (p.Type == packet.Disconnect || s.session.pid != ""))
	if joined && p.Type == packet.Disconnect {
		s.disconnected(l)
	}
	c.mu.Unlock()
	if !joined || p.Type == packet.Disconnect {
		return nil
	}
	if manyArguments(p.Payload) {
		return fmt.Errorf("%w: too many arguments", errProtocol)
	}
	args, err := socketio.ParseArguments(p.Payload, attachments)
	if err != nil {
		return fmt.Errorf("%w: %w", errProtocol, err)
	}
	if p.Type == packet.Ack || p.Type == packet.BinaryAck {
		s.acknowledged(l, p, args)
		return nil
	}
	for _, data := range attachments {
		size += len(data)
	}
	return s.received(&Event{Arguments: args, socket: s, link: l, ackID: p.AckID, hasAck: p.HasAck, size: size + eventSize + 32*args.Len()})
}

// maxArguments bounds the arguments of a packet. Each takes 24 bytes beside its JSON, which
// may be a single digit.
const maxArguments = 10_000

// manyArguments reports whether a JSON array has more than maxArguments elements.
func manyArguments(array []byte) bool {
	depth, count, quoted := 0, 1, false
	for i := 0; i < len(array) && count <= maxArguments; i++ {
		switch c := array[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		case c == ',' && depth == 1:
			count++
		}
	}
	return count > maxArguments
}

// connected handles the answer to CONNECT.
func (l *link) connected(p packet.Packet) error {
	var answer struct {
		SID string `json:"sid"`
		PID string `json:"pid"`
	}
	if err := json.Unmarshal(p.Payload, &answer); err != nil || answer.SID == "" {
		return fmt.Errorf("%w: malformed answer to CONNECT", errProtocol)
	}
	c := l.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.unanswered[p.Namespace] { // Join gave up meanwhile
		delete(l.unanswered, p.Namespace)
		head := packet.Packet{Type: packet.Disconnect, Namespace: p.Namespace}.AppendHead(nil)
		// Queued under mu, so that no CONNECT comes before it.
		if queued, err := l.conn.TrySend(head); !queued && err == nil {
			c.running.Go(func() { l.leave(p.Namespace) })
		}
		return nil
	}
	s := c.sockets[p.Namespace]
	if s == nil || s.asked != l {
		return nil
	}
	s.id, s.link, s.asked, s.ever, s.failure = answer.SID, l, nil, true, nil
	s.backoff.reset()
	c.backoff.reset()
	s.keeper.connected()
	s.continues(answer.PID)
	s.push(&Event{Name: EventConnect, socket: s, link: l, size: eventSize})
	return nil
}

// refused handles CONNECT_ERROR.
func (l *link) refused(p packet.Packet) {
	var refusal struct {
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	_ = json.Unmarshal(p.Payload, &refusal) // it is a refusal, whatever it says
	told := &ConnectError{Message: refusal.Message}
	if refusal.Data != nil {
		told.Data = refusal.Data
		told.Temporary, told.RetryAfter = temporary(refusal.Data)
	}
	c := l.client
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(l.unanswered, p.Namespace)
	s := c.sockets[p.Namespace]
	switch {
	case s == nil || s.asked != l:
	case !told.Temporary || c.opts.NoReconnect:
		s.end(told)
	default:
		s.dropMissed()
		s.asked, s.failure, s.backoff.asked = nil, told, told.RetryAfter
		delay := s.backoff.next()
		c.running.Go(func() {
			if sleep(l.ctx, delay) {
				s.connect(l)
			}
		})
	}
}

// temporary reads whether a refusal is temporary, and when the server asks the client to
// come back.
func temporary(data json.RawMessage) (bool, time.Duration) {
	var told struct {
		Temporary  bool    `json:"temporary"`
		RetryAfter float64 `json:"retryAfter"` // seconds
	}
	if json.Unmarshal(data, &told) != nil || !told.Temporary || !(told.RetryAfter >= 0) {
		return told.Temporary, 0
	}
	return true, time.Duration(min(told.RetryAfter, maxRetryAfter.Seconds()) * float64(time.Second))
}

// maxRetryAfter bounds how long a server can keep a socket away.
const maxRetryAfter = 10 * time.Minute

// acknowledged hands an acknowledgement to the call that waits for it. Others are
// dropped: the call may have given up.
func (s *Socket) acknowledged(l *link, p packet.Packet, args socketio.Arguments) {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	if answer, ok := s.acks[p.AckID]; ok && p.HasAck && s.link == l {
		delete(s.acks, p.AckID)
		answer <- args
	}
}

// received keeps an event, whose name is its first argument: a string, or a number whose
// name is its digits.
func (s *Socket) received(e *Event) error {
	if e.Len() == 0 {
		return fmt.Errorf("%w: event without a name", errProtocol)
	}
	value := e.Args()[0].(socketio.Raw).JSON()
	if err := json.Unmarshal(value, &e.Name); err != nil {
		var number json.Number
		if json.Unmarshal(value, &number) != nil {
			return fmt.Errorf("%w: malformed name of an event", errProtocol)
		}
		e.Name = number.String()
	}
	if packet.Reserved(e.Name) {
		return fmt.Errorf("%w: reserved name of an event", errProtocol)
	}
	e.Arguments = e.Drop(1)
	s.keeper.heard(e)
	c := s.client
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case s.link != e.link && s.asked != e.link: // left meanwhile
	case c.pending > 0 && c.pending+e.size > c.opts.MaxPending:
		return ErrSlow
	case s.asked == e.link:
		s.missedOne(e)
	default:
		s.session.heard(e)
		s.push(e)
	}
	return nil
}
