package sockettest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"socketiojwt/socketio"
	"socketiojwt/socketio/internal/packet"
)

// send encodes a packet and sends it.
func (p *Peer) send(text, binary packet.Type, ackID uint64, hasAck bool, args []any) error {
	array, attachments, err := socketio.EncodeArguments(args...)
	if err != nil {
		return fmt.Errorf("sockettest: %w", err)
	}
	head := packet.Packet{Type: text, Attachments: len(attachments), Namespace: p.namespace, AckID: ackID, HasAck: hasAck}
	if len(attachments) > 0 {
		head.Type = binary
	}
	return p.transport.send(append(head.AppendHead(nil), array...), attachments)
}

func (t *transport) send(text []byte, attachments [][]byte) error {
	t.write.Lock()
	defer t.write.Unlock()
	if t.trace != nil {
		t.trace(true, text, false)
	}
	err := t.conn.Send(text)
	for _, a := range attachments {
		if t.trace != nil {
			t.trace(true, a, true)
		}
		err = errors.Join(err, t.conn.SendBinary(a))
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return nil
}

// read takes packets until the transport ends.
func (t *transport) read() {
	defer close(t.done)
	err := t.readAll()
	t.mu.Lock()
	t.ended = fmt.Errorf("%w: %w", ErrClosed, err)
	peers := t.peers
	t.peers = nil
	t.mu.Unlock()
	for _, p := range peers {
		p.end(t.ended)
	}
}

func (t *transport) readAll() error {
	for {
		data, err := t.receive(false)
		if err != nil {
			return err
		}
		p, err := packet.Parse(data, packet.Limits{Attachments: math.MaxInt, Name: math.MaxInt})
		if err != nil {
			return err
		}
		var attachments [][]byte // grown, not made: the number is the server's word
		for len(attachments) < p.Attachments {
			data, err := t.receive(true)
			if err != nil {
				return err
			}
			attachments = append(attachments, data)
		}
		t.mu.Lock()
		peer := t.peers[p.Namespace]
		t.mu.Unlock()
		if peer == nil {
			continue // left meanwhile
		}
		if err := peer.handle(p, attachments); err != nil {
			return err
		}
	}
}

// receive returns the next message, which the caller may keep.
func (t *transport) receive(wantBinary bool) ([]byte, error) {
	data, binary, err := t.conn.Receive(context.Background()) // ended by Close
	if err != nil {
		return nil, err
	}
	if t.trace != nil {
		t.trace(false, data, binary)
	}
	if binary != wantBinary {
		return nil, errors.New("text and binary out of order")
	}
	return data, nil
}

// handle takes one packet. An error means that the server broke the protocol.
func (p *Peer) handle(pkt packet.Packet, attachments [][]byte) error {
	switch pkt.Type {
	case packet.Connect:
		var answer struct {
			SID string `json:"sid"`
		}
		if err := json.Unmarshal(pkt.Payload, &answer); err != nil || answer.SID == "" {
			return errors.New("malformed CONNECT answer")
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.id, p.joined = answer.SID, true
		p.wake()
		return nil
	case packet.ConnectError:
		var refusal struct {
			Message string          `json:"message"`
			Data    json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(pkt.Payload, &refusal); err != nil {
			return errors.New("malformed CONNECT_ERROR")
		}
		connectError := &socketio.ConnectError{Message: refusal.Message}
		if refusal.Data != nil {
			connectError.Data = refusal.Data
		}
		p.end(connectError)
		return nil
	case packet.Disconnect:
		p.end(ErrDisconnected)
		return nil
	}
	args, err := socketio.ParseArguments(pkt.Payload, attachments)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if pkt.Type == packet.Ack || pkt.Type == packet.BinaryAck {
		if answer, ok := p.acks[pkt.AckID]; ok {
			delete(p.acks, pkt.AckID)
			answer <- args
		}
	} else {
		e, err := newEvent(p, pkt, args)
		if err != nil {
			return err
		}
		p.events = append(p.events, e)
	}
	p.wake()
	return nil
}

func newEvent(p *Peer, pkt packet.Packet, args socketio.Arguments) (Event, error) {
	e := Event{peer: p, ackID: pkt.AckID, hasAck: pkt.HasAck}
	if err := args.Scan(&e.Name); err != nil {
		return e, errors.New("malformed EVENT")
	}
	e.Arguments = args.Drop(1)
	return e, nil
}
