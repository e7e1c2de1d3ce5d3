package replay

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// An ID is the place of an event in a log that all nodes of a cluster share. It is also the
// offset that peers receive. The text of an ID is "TIME-SEQ", in decimal digits, as that of an
// entry of a Redis stream.
type ID struct{ Time, Seq uint64 }

// ParseID parses the text of an ID. It reports false for any other text.
func ParseID(text string) (id ID, ok bool) {
	first, second, found := strings.Cut(text, "-")
	if !found || len(text) > 41 {
		return id, false
	}
	var err1, err2 error
	id.Time, err1 = strconv.ParseUint(first, 10, 64)
	id.Seq, err2 = strconv.ParseUint(second, 10, 64)
	if err1 != nil || err2 != nil || id.String() != text {
		return ID{}, false
	}
	return id, true
}

// String returns the text of the ID.
func (id ID) String() string { return string(id.append(nil)) }

func (id ID) append(b []byte) []byte {
	b = append(strconv.AppendUint(b, id.Time, 10), '-')
	return strconv.AppendUint(b, id.Seq, 10)
}

// MarshalText returns the text of the ID.
func (id ID) MarshalText() ([]byte, error) { return id.append(nil), nil }

// UnmarshalText parses what MarshalText returns.
func (id *ID) UnmarshalText(text []byte) error {
	parsed, ok := ParseID(string(text))
	if !ok {
		return strconv.ErrSyntax
	}
	*id = parsed
	return nil
}

// Before reports whether id comes before other in the log.
func (id ID) Before(other ID) bool {
	return id.Time < other.Time || id.Time == other.Time && id.Seq < other.Seq
}

// Next returns the first ID after id.
func (id ID) Next() ID {
	if id.Seq++; id.Seq == 0 {
		id.Time++
	}
	return id
}

// Later returns the later of two IDs.
func Later(a, b ID) ID {
	if a.Before(b) {
		return b
	}
	return a
}

// A Trail records what one peer was sent of a log that the nodes of a cluster share. Because a
// node sends events in the order of the log, the ID of the last event that the peer has received
// says what it is missing. A Trail is plain data, so that another node can read it from JSON. Its
// methods may not be called concurrently, except From, Selects and Names.
type Trail struct {
	// Socket is the id of the session's sockets, which is also a room.
	Socket string
	// Start is the place in the log at which the session began. The peer was sent all later
	// events for it.
	Start ID
	// Sent is the last event that was sent to the peer, or Start.
	Sent ID
	// Gap is the place from which on it is known what the peer was sent: earlier, events that are
	// not in the log were sent to it. Zero means the start.
	Gap ID `json:",omitzero"`
	// Settled is the place of a change of rooms that is no longer known.
	Settled ID       `json:",omitzero"`
	Changes []Change `json:",omitempty"`

	// Quiet and Rooms are set by Lose. No event from Sent to Quiet was for the socket.
	Quiet ID       `json:",omitzero"`
	Rooms []string `json:",omitempty"`
}

// A Change says that the socket joined or left a room when the event After was the last one that
// its node had sent to its sockets.
type Change struct {
	After  ID
	Room   string
	Joined bool `json:",omitempty"`
}

// NewTrail returns the Trail of a session that begins at a place in the log.
func NewTrail(socket string, start ID) *Trail {
	return &Trail{Socket: socket, Start: start, Sent: start}
}

// Changed records that the socket joins or leaves a room at a place in the log.
func (t *Trail) Changed(at ID, room string, joined bool) {
	if at == t.Start { // the session has seen no event yet
		return
	}
	if len(t.Changes) == maxChanges {
		t.Settled = t.Changes[0].After
		t.Changes = slices.Delete(t.Changes, 0, 1)
	}
	t.Changes = append(t.Changes, Change{at, room, joined})
}

// Lose says that the connection is lost, when the socket was in these rooms and no event from
// Sent to quiet was for it. If gap is not zero, the peer was sent events that are not in the log
// before that place.
func (t *Trail) Lose(quiet, gap ID, rooms map[string]struct{}) {
	t.Quiet, t.Gap = quiet, Later(t.Gap, gap)
	t.Rooms = slices.Sorted(maps.Keys(rooms))
}

// From returns the place in the log after which events may be missing to a peer that names this
// offset. An empty offset says that the peer has received no event. From reports false if that is
// not known.
func (t *Trail) From(offset string) (from ID, ok bool) {
	from = t.Start
	if offset != "" {
		id, ok := ParseID(offset)
		if !ok || t.Sent.Before(id) {
			return ID{}, false
		}
		// An offset before Start is of an earlier session of the peer, which has received no
		// event in this one.
		from = Later(from, id)
	}
	if from.Before(t.Gap) {
		return ID{}, false
	}
	if !from.Before(t.Sent) { // the peer has received all that was sent
		from = Later(from, t.Quiet)
	}
	return from, !from.Before(t.Settled)
}

// Selects reports whether an event was for the socket of a lost session, given the rooms that it
// was in at that place in the log.
func (t *Trail) Selects(event ID, to Target) bool {
	in := func(room string) bool {
		if room == t.Socket {
			return true
		}
		for _, c := range t.Changes {
			if c.Room == room && !c.After.Before(event) { // the first change after the event
				return !c.Joined
			}
		}
		_, found := slices.BinarySearch(t.Rooms, room)
		return found
	}
	return (to.All || slices.ContainsFunc(to.Rooms, in)) && !slices.ContainsFunc(to.Except, in)
}

// Names returns the rooms in which the socket is or was, with repeats.
func (t *Trail) Names() []string {
	names := append([]string{t.Socket}, t.Rooms...)
	for _, c := range t.Changes {
		names = append(names, c.Room)
	}
	return names
}

// Needs returns the place that a node must have reached before it resumes the session. Up to there,
// the rooms that the socket was in on its last node count.
func (t *Trail) Needs() ID { return Later(t.Sent, t.Quiet) }

// Resume makes the trail go on with a new socket, to which the events after from that were missed
// were sent, up to the event sent. If sent is zero, none was missed. A peer that had received all
// events up to Sent is then still known to have done so.
func (t *Trail) Resume(from, sent ID) {
	switch {
	case sent != ID{}:
		t.Sent = sent // it may be earlier than Sent was, because not all that was sent has arrived
	case from.Before(t.Sent):
		t.Sent = from
	}
	t.Quiet, t.Rooms = ID{}, nil
}
