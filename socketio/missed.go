package socketio

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/socketio/internal/replay"
)

// What a peer has missed comes in two parts: what the log has up to a place is read by the
// Recorder, and what this node sends to its sockets from that place on is collected meanwhile, in
// the tail of the listing. So reading ends, however fast the log grows, and there is no gap before
// the first event that the new socket is sent.

// tail has the events that this node has sent while sessions are being restored. It is guarded as
// shared is.
type tail struct {
	users   int
	size    int
	gone    int // size of the dropped events that the array of events may still have
	events  []*placed
	dropped int       // number of events that were sent before them and are no longer kept
	lost    replay.ID // the last one of those
}

// maxTail bounds the bytes of a tail, and again those of events that it has dropped.
const maxTail = 16 << 20

func (t *tail) add(p *placed) {
	if t.users == 0 {
		return
	}
	t.events = append(t.events, p)
	t.size += p.size()
	for t.size > maxTail && len(t.events) > 0 {
		size := t.events[0].size()
		t.size -= size
		t.gone += size
		t.lost, t.events = t.events[0].id, t.events[1:]
		t.dropped++
	}
	if t.gone > maxTail {
		t.events, t.gone = slices.Clone(t.events), 0 // a search may still use the array
	}
}

// missed is what one peer has missed.
type missed struct {
	listing *listing
	trail   *replay.Trail
	from    replay.ID
	unbound bool      // the session is from software that does not seal sessions
	open    bool      // uses the tail
	since   replay.ID // the place of the tail when it was opened
	until   replay.ID // the place up to which events were read

	// These are of the search of the tail.
	searched int // number of events of the tail that were searched, or dropped before
	messages []*engineio.Message
	last     replay.ID // the last event in messages, or zero

	// These are written by the reader of the log until done is closed.
	events []*placed
	size   int
	err    error
	done   chan struct{}
	seen   replay.ID
}

// read reads what the log has for the peer. Peers that come at the same time are served by one
// pass over the log.
func (m *missed) read(ctx context.Context, rec Recorder) error {
	l := m.listing
	m.done = make(chan struct{})
	l.mu.Lock()
	l.shared.tail.users++
	m.open, m.since = true, l.place(rec)
	l.mu.Unlock()
	if err := m.catchUp(ctx, rec); err != nil {
		return err
	}
	l.scan(m, rec)
	select {
	case <-m.done:
		return m.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// catchUp waits until this node has sent what the last node of the session had sent. The place that
// the peer of an unbound session names is not trusted, so it is waited for only briefly.
func (m *missed) catchUp(ctx context.Context, rec Recorder) error {
	l := m.listing
	if m.unbound {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, unboundPatience, errOffset)
		defer cancel()
	}
	for poll := catchUpPoll; ; poll = min(2*poll, mostCatchUpPoll) {
		l.mu.Lock()
		behind := l.place(rec).Before(m.trail.Needs())
		l.mu.Unlock()
		if !behind {
			return nil
		}
		timer := time.NewTimer(poll)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

// Nodes are rarely behind, and not for long.
const (
	catchUpPoll     = 5 * time.Millisecond // the time after which catchUp looks again, doubled each time
	mostCatchUpPoll = 200 * time.Millisecond
	unboundPatience = 2 * time.Second
)

// close gives up the tail.
func (m *missed) close() {
	if !m.open {
		return
	}
	m.open = false
	l := m.listing
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shared.tail.users--; l.shared.tail.users == 0 {
		l.shared.tail = tail{}
	}
}

// catchUpWithTail searches what this node has sent so far, so that all has little left to search. The caller does
// not hold the lock of the listing.
func (m *missed) catchUpWithTail() {
	l := m.listing
	l.mu.Lock()
	events, _ := m.unsearched()
	l.mu.Unlock()
	m.search(events)
}

// all returns all missed events and the place of the last one, or zero if there is none. The caller holds the lock of the
// listing for writing.
func (m *missed) all() (messages []*engineio.Message, last replay.ID, ok bool) {
	events, ok := m.unsearched()
	m.search(events)
	return m.messages, m.last, ok && m.size <= m.listing.namespace.server.recovery.maxReplay
}

// unsearched returns the events of the tail that were not searched. It reports false if one that the peer may have missed
// is no longer kept. The caller holds the lock of the listing for writing.
func (m *missed) unsearched() (events []*placed, ok bool) {
	t := &m.listing.shared.tail
	if m.searched < t.dropped && m.until.Before(t.lost) {
		return nil, false
	}
	events = t.events[max(m.searched-t.dropped, 0):]
	m.searched = t.dropped + len(t.events)
	return events, true
}

// search adds those of the events of the tail that the peer has missed, until they are too many. They follow those that
// were read from the log.
func (m *missed) search(events []*placed) {
	add := func(p *placed) { m.messages, m.last = append(m.messages, p.packet()), p.id }
	for _, p := range m.events {
		add(p)
	}
	m.events = nil
	for _, p := range events {
		if m.size > m.listing.namespace.server.recovery.maxReplay {
			return
		}
		if m.until.Before(p.id) && m.from.Before(p.id) && m.trail.Selects(p.id, p.to) {
			add(p)
			m.size += p.size()
		}
	}
}

// scans has the peers of a listing for which the log is to be read.
type scans struct {
	mu      sync.Mutex
	waiting []*missed
	running bool
}

// scan reads the log for a peer, together with those that wait.
func (l *listing) scan(m *missed, rec Recorder) {
	s := &l.shared.scans
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, m)
	if !s.running {
		s.running = true
		l.namespace.server.running.add(1)
		go l.runScans(rec)
	}
}

func (l *listing) runScans(rec Recorder) {
	srv := l.namespace.server
	defer srv.running.add(-1)
	link := srv.link.Load()
	s := &l.shared.scans
	for {
		s.mu.Lock()
		all := s.waiting
		s.waiting = nil
		s.running = len(all) > 0
		s.mu.Unlock()
		if len(all) == 0 {
			return
		}
		err := guarded(func() error { return l.scanFor(link.ctx, rec, all) })
		for _, m := range all {
			if m.err == nil {
				m.err = err
			}
			close(m.done)
		}
	}
}

var errLogGap = errors.New("socketio: the log does not have all that the peer may have missed")

// scanFor reads the log once for peers. It sets the errors of single ones.
func (l *listing) scanFor(ctx context.Context, rec Recorder, all []*missed) error {
	ctx, cancel := context.WithTimeout(ctx, restorePatience)
	defer cancel()
	l.mu.Lock()
	until := l.place(rec)
	l.mu.Unlock()
	for _, m := range all {
		m.until = until
	}
	pass := newPass(l, all)
	after := make([]string, len(all))
	for i, m := range all {
		after[i] = m.from.String()
	}
	complete, err := rec.Read(ctx, l.namespace.name, after, until.String(), pass.take)
	if err == nil && len(complete) != len(all) {
		err = errMessage
	}
	if err != nil {
		return err
	}
	for i, m := range all {
		if !complete[i] && m.err == nil {
			m.err = errLogGap
		}
	}
	return nil
}

// pass is one pass over the log.
type pass struct {
	listing *listing
	all     []*missed
	inRoom  map[string][]*missed
	left    int // bytes that may be kept
}

func newPass(l *listing, all []*missed) *pass {
	p := &pass{listing: l, all: all, inRoom: make(map[string][]*missed), left: l.namespace.server.recovery.MaxBytes}
	for _, m := range all {
		for _, room := range m.trail.Names() {
			if list := p.inRoom[room]; len(list) == 0 || list[len(list)-1] != m {
				p.inRoom[room] = append(list, m)
			}
		}
	}
	return p
}

// take gives an event of the log to the peers that have missed it.
func (p *pass) take(m Message) {
	id, ok := replay.ParseID(m.Offset)
	rule := p.listing.namespace.rule
	if !ok || m.Volatile || m.Request != "" || m.Rule != "" && (rule == nil || rule.name != m.Rule) {
		return
	}
	o, err := m.event()
	if err != nil {
		return
	}
	to := m.To
	to.Rooms, to.Except = distinct(to.Rooms), distinct(to.Except)
	e := &placed{id: id, to: replay.Target(to), namespace: p.listing.namespace.name, body: o.body}
	kept := false
	give := func(m *missed) {
		if m.seen == id || m.err != nil || !m.from.Before(id) || !m.trail.Selects(id, e.to) {
			return
		}
		m.seen = id
		if m.size += e.size(); m.size > p.listing.namespace.server.recovery.maxReplay || p.left < 0 {
			m.err, m.events = errTooMuch, nil
			return
		}
		m.events, kept = append(m.events, e), true
	}
	if to.All {
		for _, m := range p.all {
			give(m)
		}
	} else {
		for _, room := range to.Rooms {
			for _, m := range p.inRoom[room] {
				give(m)
			}
		}
	}
	if kept {
		p.left -= e.size()
	}
}
