package redisbus

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/redisbus/internal/msgpack"
	"socketiojwt/socketio"
)

// Read reads the stream of the namespace, a page at a time.
func (s *streamBus) Read(ctx context.Context, namespace string, after []string, until string, each func(socketio.Message)) ([]bool, error) {
	r := s.reader(namespace)
	conn, release := s.client.Dedicate()
	defer release()
	complete, err := r.held(ctx, conn, after)
	if err != nil {
		return nil, err
	}
	var size pageSize
	for at := earliest(after, complete); at != "" && before(at, until); {
		entries, gone, err := page(ctx, conn, r.stream, at, until, size.count())
		if err != nil {
			return nil, err
		}
		size.learn(entries)
		for i := range after {
			complete[i] = complete[i] && !(gone != nil && before(after[i], gone.first))
		}
		if len(entries) == 0 || !slices.Contains(complete, true) {
			break
		}
		for _, e := range entries {
			s.handle(func() { s.readAgain(r.stream, namespace, e, each) })
		}
		at = entries[len(entries)-1].ID
	}
	return complete, nil
}

// held returns which of some entries the stream has. It fails if the stream
// is not where the node reads it, because what another server has is not known.
func (r *reader) held(ctx context.Context, conn rueidis.DedicatedClient, ids []string) ([]bool, error) {
	if _, err := streamInfo(ctx, conn, r.stream); err != nil { // the first command decides on the server
		return nil, err
	}
	id, err := runID(ctx, conn)
	if err != nil {
		return nil, err
	}
	if id != r.server() {
		return nil, errReplaced
	}
	there := make(map[string]bool, len(ids))
	for _, id := range ids {
		there[id] = false
	}
	for some := range slices.Chunk(slices.Collect(maps.Keys(there)), mostEntries) { // an answer has the entry itself
		commands := make(rueidis.Commands, len(some))
		for i, id := range some {
			commands[i] = conn.B().Xrange().Key(r.stream).Start(id).End(id).Build()
		}
		for i, result := range conn.DoMulti(ctx, commands...) {
			entries, err := result.AsXRange()
			if err != nil {
				return nil, err
			}
			there[some[i]] = len(entries) == 1
		}
	}
	held := make([]bool, len(ids))
	for i, id := range ids {
		held[i] = there[id]
	}
	return held, nil
}

var errReplaced = errors.New("redisbus: another server of Redis has the stream now")

// earliest returns the first ID of those that count, or "" if none does.
func earliest(ids []string, counts []bool) (first string) {
	for i, id := range ids {
		if counts[i] && (first == "" || before(id, first)) {
			first = id
		}
	}
	return first
}

// readAgain hands on an entry if it is a broadcast of the namespace or of a rule.
func (s *streamBus) readAgain(stream, namespace string, e rueidis.XRangeEntry, each func(socketio.Message)) {
	f := e.FieldValues
	if f[fieldOwn] == "" && (f["nsp"] != namespace || f["type"] != strconv.Itoa(int(socketio.KindBroadcast))) {
		return
	}
	any := s.streams.Streams
	any.UID = ""
	m, err := s.decodeEntry(any, stream, f)
	if err != nil {
		return // it was ignored when it arrived, too
	}
	m.Offset = e.ID
	each(m)
}

// SaveSessions stores sessions as Node's adapter does, with the sealed session as a further member,
// and removes others.
func (s *streamBus) SaveSessions(ctx context.Context, sessions []socketio.SavedSession, forget []string) error {
	s.records.keeps(sessions)
	commands := make(rueidis.Commands, 0, len(sessions)+len(forget))
	for i := range sessions {
		value, err := encodeSession(&sessions[i])
		if err != nil {
			return err
		}
		window := max(sessions[i].Window.Milliseconds(), 1)
		commands = append(commands, s.client.B().Set().Key(s.opts.SessionPrefix+sessions[i].PID).Value(value).PxMilliseconds(window).Build())
	}
	for _, pid := range forget {
		commands = append(commands, s.client.B().Del().Key(s.opts.SessionPrefix+pid).Build())
	}
	var failed error
	for _, result := range s.client.DoMulti(ctx, commands...) {
		if err := result.Error(); err != nil {
			failed = err
		}
	}
	return failed
}

// FindSession reads a session.
func (s *streamBus) FindSession(ctx context.Context, pid string) (found socketio.SavedSession, err error) {
	key := s.opts.SessionPrefix + pid
	b := s.client.B
	results := s.client.DoMulti(ctx, b().Get().Key(key).Build(), b().Pttl().Key(key).Build())
	value, err := results[0].ToString()
	if rueidis.IsRedisNil(err) {
		return found, socketio.ErrNoSession
	}
	if err != nil {
		return found, err
	}
	left, err := results[1].AsInt64()
	if err != nil {
		return found, err
	}
	if found, err = decodeSession(value); err != nil || found.PID != pid {
		return socketio.SavedSession{}, socketio.ErrNoSession
	}
	found.Window = time.Duration(max(left, 1)) * time.Millisecond
	return found, nil
}

// TakeSession removes a session. Only one of several callers gets it.
func (s *streamBus) TakeSession(ctx context.Context, session socketio.SavedSession, epoch string) error {
	value, err := s.client.Do(ctx, s.client.B().Getdel().Key(s.opts.SessionPrefix+session.PID).Build()).ToString()
	if rueidis.IsRedisNil(err) {
		return socketio.ErrNoSession
	}
	if err != nil {
		return err
	}
	taken, err := decodeSession(value)
	if err != nil || !bytes.Equal(taken.Sealed, session.Sealed) || epoch != "" && !s.lasts(ctx, epoch) {
		return socketio.ErrNoSession
	}
	return nil
}

// lasts reports whether an epoch has not ended.
func (s *streamBus) lasts(ctx context.Context, epoch string) bool {
	parts := strings.Split(epoch, " ")
	if len(parts) != 3 {
		return false
	}
	known := false // another server of Redis may not have all entries
	for _, r := range s.readers {
		known = known || r.server() == parts[2]
	}
	if !known {
		return false
	}
	count, err := s.client.Do(ctx, s.client.B().Get().Key(epochKey(s.opts.Prefix, parts[0])).Build()).ToString()
	return err == nil && count == parts[1]
}

// sessionMembers are the members of a session as Node's adapter has them, and Sealed.
type sessionMembers struct {
	SID   string            `json:"sid"`
	PID   string            `json:"pid"`
	Rooms []json.RawMessage `json:"rooms"`
	Data  json.RawMessage   `json:"data"`
	Go    json.RawMessage   `json:"go,omitempty"`
}

// encodeSession returns base64 of MessagePack.
func encodeSession(s *socketio.SavedSession) (string, error) {
	m := sessionMembers{SID: s.ID, PID: s.PID, Data: s.Data, Rooms: []json.RawMessage{}}
	if m.Data == nil {
		m.Data = json.RawMessage("{}")
	}
	for _, room := range s.Rooms {
		text, err := json.Marshal(room)
		if err != nil {
			return "", err
		}
		m.Rooms = append(m.Rooms, text)
	}
	var attachments [][]byte
	if len(s.Sealed) > 0 {
		m.Go, attachments = json.RawMessage(`{"_placeholder":true,"num":0}`), [][]byte{s.Sealed}
	}
	text, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	packed, err := msgpack.Append(nil, text, attachments)
	return base64.StdEncoding.EncodeToString(packed), err
}

// decodeSession reads what encodeSession or Node's adapter has written.
func decodeSession(value string) (s socketio.SavedSession, err error) {
	packed, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return s, err
	}
	text, attachments, err := msgpack.Decode(packed)
	if err != nil {
		return s, err
	}
	var m sessionMembers
	if err := json.Unmarshal(text, &m); err != nil {
		return s, err
	}
	s = socketio.SavedSession{PID: m.PID, ID: m.SID, Data: m.Data}
	for _, room := range m.Rooms {
		name := string(room) // a number names the room of its digits
		if room[0] == '"' && json.Unmarshal(room, &name) != nil {
			continue
		}
		s.Rooms = append(s.Rooms, name)
	}
	var place struct {
		Num *int `json:"num"`
	}
	if len(m.Go) > 0 {
		if json.Unmarshal(m.Go, &place) != nil || place.Num == nil || *place.Num < 0 || *place.Num >= len(attachments) {
			return s, errSession
		}
		s.Sealed = attachments[*place.Num]
	}
	return s, nil
}

var errSession = errors.New("redisbus: malformed session")
