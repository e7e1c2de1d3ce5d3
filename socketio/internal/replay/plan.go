package replay

import (
	"slices"

	"socketiojwt/engineio"
)

// position is a place in the order in which events were sent to a peer: after the events of the
// log up to high that are not late, and after the first extras.
type position struct{ high, extras uint64 }

// A Plan holds the events that a peer has missed.
type Plan struct {
	// Missed are the events, in order.
	Missed []*engineio.Message
	// Size is the number of bytes of the events.
	Size int

	session *Session
	high    uint64 // highest event of the log in Missed, or sent before
	last    uint64 // event up to which the log was searched
	extras  uint64 // extras that were known
}

// Plan returns what the peer of a lost session has missed after an offset. An empty offset says
// that it has received no event. Plan reports false if an event may be missing that is not kept,
// or if the offset does not belong to this session. It changes nothing.
func (s *Session) Plan(text string) (*Plan, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.lost {
		return nil, false
	}
	at, ok := s.find(text)
	if !ok {
		return nil, false
	}
	if at.high >= s.high { // the peer has received all that was sent in order
		at.high = max(at.high, s.quiet)
	}
	if at.high < s.settled {
		return nil, false
	}
	s.log.mu.Lock()
	events, ok := s.log.since(at.high)
	lates, kept := s.lates(at)
	last := s.log.next - 1
	s.log.mu.Unlock()
	if !ok || !kept {
		return nil, false
	}
	p := &Plan{session: s, high: s.high, last: last, extras: s.dropped + uint64(len(s.extras))}
	p.merge(at, events, lates)
	return p, true
}

// find returns the position of an offset.
func (s *Session) find(text string) (position, bool) {
	at := position{high: s.start}
	if text != "" {
		o, ok := open(s.log.block, text)
		switch {
		case !ok:
			return at, false
		case o.extra != 0 && o.event == s.serial:
			return s.afterExtra(o.extra)
		case o.extra != 0, o.event <= s.start:
			// The offset is of an earlier session of the peer, which has received no event in
			// this one.
		case o.event > s.high:
			return at, false
		default:
			if i := slices.IndexFunc(s.extras, func(x extra) bool { return x.late == o.event }); i >= 0 {
				return position{s.extras[i].high, s.dropped + uint64(i) + 1}, true
			}
			at.high = o.event
		}
	}
	if s.dropped > 0 && at.high <= s.floor { // an extra after it is not kept
		return at, false
	}
	i := slices.IndexFunc(s.extras, func(x extra) bool { return x.high >= at.high })
	if i < 0 {
		i = len(s.extras)
	}
	at.extras = s.dropped + uint64(i)
	return at, true
}

// afterExtra returns the position after an event that only this session was sent.
func (s *Session) afterExtra(number uint64) (position, bool) {
	if number < s.dropped || number > s.dropped+uint64(len(s.extras)) {
		return position{}, false
	}
	at := position{s.floor, number}
	if number > s.dropped {
		at.high = s.extras[number-s.dropped-1].high
	}
	return at, true
}

// lates returns the events of the log that are extras. It reports false if one after the
// position is no longer kept. The caller holds the log's mu.
func (s *Session) lates(at position) (map[uint64]entry, bool) {
	var lates map[uint64]entry
	for i, x := range s.extras {
		if x.late == 0 {
			continue
		}
		var e entry
		switch {
		case x.late >= s.log.first:
			e = s.log.entries[x.late-s.log.first]
		case s.dropped+uint64(i) >= at.extras:
			return nil, false
		}
		if lates == nil {
			lates = make(map[uint64]entry)
		}
		lates[x.late] = e
	}
	return lates, true
}

// merge adds the events after the position: those of the log, and each extra after the last
// event of the log that was sent before it.
func (p *Plan) merge(at position, events []entry, lates map[uint64]entry) {
	s := p.session
	extras := s.extras[at.extras-s.dropped:]
	addExtras := func(before uint64) {
		for len(extras) > 0 && extras[0].high < before {
			x := extras[0]
			extras = extras[1:]
			if x.late != 0 {
				p.add(lates[x.late].message, lates[x.late].size)
			} else {
				p.add(x.message, x.size)
			}
		}
	}
	belongs := s.membership()
	for i, e := range events {
		number := at.high + 1 + uint64(i)
		addExtras(number)
		if _, late := lates[number]; !late && belongs(number, e.to) {
			p.add(e.message, e.size)
			p.high = max(p.high, number)
		}
	}
	addExtras(at.high + uint64(len(events)) + 1)
}

func (p *Plan) add(m *engineio.Message, size int) {
	p.Missed = append(p.Missed, m)
	p.Size += size
}

// membership returns a function that reports whether the socket was selected by the target of an
// event, given the rooms that it was in at that time.
func (s *Session) membership() func(event uint64, to Target) bool {
	changes := make(map[string][]change, len(s.changes))
	for _, c := range s.changes {
		changes[c.room] = append(changes[c.room], c)
	}
	in := func(room string, event uint64) bool {
		for _, c := range changes[room] {
			if c.after >= event { // the first change after the event
				return !c.joined
			}
		}
		_, in := s.rooms[room]
		return in || room == s.id
	}
	return func(event uint64, to Target) bool {
		any := func(rooms []string) bool {
			return slices.ContainsFunc(rooms, func(room string) bool { return in(room, event) })
		}
		return (to.All || any(to.Rooms)) && !any(to.Except)
	}
}

// CatchUp adds what was sent since the plan was made. It is called just before Resume, which has then little left to
// do, without the locks under which Resume is called.
func (p *Plan) CatchUp() {
	p.session.mu.Lock()
	defer p.session.mu.Unlock()
	p.catchUp()
}

// Resume connects the session to a new socket, and adds what was sent since the plan was made.
// Until the new socket receives events of the log, none may be recorded. Resume reports false
// if the session is not lost any more, or if an event may be missing.
func (p *Plan) Resume() bool {
	s := p.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if !p.catchUp() {
		return false
	}
	s.found()
	s.high = p.high
	return true
}

// catchUp is CatchUp for a caller that holds the session's mu. It reports whether the session can be resumed.
func (p *Plan) catchUp() bool {
	s := p.session
	if !s.lost || p.extras != s.dropped+uint64(len(s.extras)) {
		return false
	}
	s.log.mu.Lock()
	events, ok := s.log.since(p.last)
	// An event that is still being written from the time before may yet call Missed.
	ok = ok && !slices.ContainsFunc(s.log.flight, func(event uint64) bool { return event <= s.lostAt })
	s.log.mu.Unlock()
	if !ok || len(events) == 0 {
		return ok
	}
	belongs := s.membership()
	for _, e := range events {
		if p.last++; belongs(p.last, e.to) {
			p.add(e.message, e.size)
			p.high = p.last
		}
	}
	return true
}
