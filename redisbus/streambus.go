package redisbus

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"sync"

	"socketiojwt/redisbus/internal/wire"
	"socketiojwt/socketio"
)

// A streamBus is a Bus on the streams wire. It is a socketio.Recorder.
type streamBus struct {
	*Bus
	streams streams
	readers map[string]*reader // by the name of the stream
	records *records
	awake   sync.Once // the records are kept from the first use on
	kept    bool      // they are; set by awake
}

var _ interface {
	socketio.Recorder
	socketio.RoomWatcher
	socketio.HealthReporter
} = (*streamBus)(nil)

// joinStreams makes the bus of a server that reads the streams.
func (b *Bus) joinStreams(ctx context.Context) (*streamBus, error) {
	s := &streamBus{Bus: b, streams: b.format.(streams), readers: make(map[string]*reader)}
	s.records = newRecords(s)
	for _, name := range s.streams.ReadNames() {
		r := &reader{bus: s, stream: name}
		if err := r.begin(ctx); err != nil {
			return nil, err
		}
		s.readers[name] = r
	}
	for _, r := range s.readers {
		go r.run(b.ctx)
	}
	return s, nil
}

// reader returns the reader of the stream of a namespace.
func (s *streamBus) reader(namespace string) *reader {
	return s.readers[s.streams.Stream(namespace)]
}

var errRule = errors.New("redisbus: an event for all namespaces of a rule cannot be recorded if Options.Streams is more than 1")

// Record adds m to the stream of its namespace.
func (s *streamBus) Record(m socketio.Message, done func(offset string, err error)) error {
	s.keepRecords()
	stream := s.streams.Stream(m.Namespace)
	var fields []string
	var err error
	switch {
	case m.Namespace != "":
		fields, err = s.streams.Entry(&m)
	case len(s.readers) > 1:
		err = errRule
	default:
		fields, err = s.ownFields(stream, &m)
	}
	switch {
	case errors.Is(err, wire.ErrNobody):
		done(s.Position(m.Namespace), nil)
		return nil
	case err != nil:
		return err
	}
	return s.records.add(stream, fields, done)
}

// ownFields returns the fields of an entry that only nodes of this module read.
func (s *streamBus) ownFields(stream string, m *socketio.Message) ([]string, error) {
	p, err := s.writeOwn(stream, m)
	if err != nil {
		return nil, err
	}
	return []string{"uid", string(s.id), "nsp", "", "type", "go", fieldOwn, base64.StdEncoding.EncodeToString(p.payload)}, nil
}

// decodeOwn reads a message of our own nodes.
func (s *streamBus) decodeOwn(stream, payload string) (m socketio.Message, err error) {
	ours, err := s.own.decode(stream, payload)
	if err != nil || ours.what != ownMessage {
		return m, wire.ErrMalformed
	}
	if json.Unmarshal(ours.text, &m) != nil || m.From == "" || m.Kind != socketio.KindBroadcast || m.Request != "" {
		return m, wire.ErrMalformed
	}
	return m, nil
}

// Position returns the ID of the last entry that was delivered.
func (s *streamBus) Position(namespace string) string {
	s.keepRecords()
	return s.reader(namespace).position()
}

// keepRecords begins to keep records. It is called when the server first needs them, which is
// never if it does not recover sessions.
func (s *streamBus) keepRecords() {
	s.awake.Do(func() {
		s.kept = true
		go s.records.run(s.ctx)
	})
}

// Log identifies the server of Redis that has the stream: another server, or the same one after a
// restart, may have lost its latest entries.
func (s *streamBus) Log(namespace string) string { return s.reader(namespace).server() }

// Epoch returns the period in which all messages were recorded, and a place in the log at its
// beginning.
func (s *streamBus) Epoch(namespace string) (name, since string) {
	s.keepRecords()
	r := s.reader(namespace)
	return s.records.epoch(r.stream, r.server())
}

// Health is that of the Bus, and says whether the streams can be read.
func (s *streamBus) Health() socketio.BusHealth {
	h := s.Bus.Health()
	for _, r := range s.readers {
		r.mu.Lock()
		if r.failing != nil && h.Connected {
			h.Connected, h.Since, h.Err = false, r.since, r.failing
		}
		r.mu.Unlock()
	}
	return h
}

// Close leaves the cluster. The sessions of this node stay.
func (s *streamBus) Close(ctx context.Context) error {
	if s.awake.Do(func() {}); s.kept {
		if ctx.Err() == nil {
			_ = s.outbox.flush(ctx)
		}
		s.records.leave(ctx)
	}
	return s.Bus.Close(ctx)
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }
