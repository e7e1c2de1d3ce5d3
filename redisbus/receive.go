package redisbus

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"socketiojwt/internal/guard"
	"socketiojwt/redisbus/internal/wire"
	"socketiojwt/socketio"
)

// The lanes of the inbox that are not namespaces, whose names begin with a slash.
const (
	laneReplies = "replies"
	laneOwn     = "own"
)

// heard handles a message of Redis. It is called by the goroutine that reads the connection, so
// it queues the message and returns. A message for a room that is not here, or of this node
// itself, costs no more than finding that out.
func (b *Bus) heard(channel, payload string) {
	defer b.recovered()
	if channel == b.own.all || channel == b.own.mine {
		b.heardOwn(channel, payload)
		return
	}
	first, ok := b.table.find(channel)
	if !ok {
		return
	}
	for t := &first; t != nil; t = t.next {
		if b.format.own(t.kind, t.space.name, payload) {
			continue
		}
		b.figures.received.Add(1)
		lane := t.space.name
		if t.kind == kindReplies {
			lane = laneReplies
		}
		b.inbox.put(lane, letter{target: target{space: t.space, kind: t.kind}, payload: payload})
	}
}

// heardOwn handles a message of our own nodes. Heartbeats are handled at once, because they say
// that a node is there now.
func (b *Bus) heardOwn(channel, payload string) {
	m, err := b.own.decode(channel, payload)
	switch {
	case err != nil:
		b.ignored(channel, err)
		return
	case b.own.key != nil && !b.isFresh(channel, &m):
		return
	case m.what == ownMessage:
		b.figures.received.Add(1)
		b.inbox.put(laneOwn, letter{own: true, payload: string(m.text)})
		return
	}
	var from beat
	if json.Unmarshal(m.text, &from) != nil || !from.valid() || b.own.key != nil && from.ID != m.stamp.from {
		b.ignored(channel, wire.ErrMalformed)
		return
	}
	if from.ID == b.id {
		b.gone(b.peers.echoed()...)
		return
	}
	switch m.what {
	case ownHello, ownBeat:
		isNew := b.peers.heard(&from)
		if isNew {
			b.sampler.Log(context.Background(), b.opts.Logger, slog.LevelInfo, "there", "redisbus: node is there", "node", from.ID, "name", from.Name, "version", from.Version)
			if from.Wire != b.opts.Wire.String() {
				b.warnWire("node", from.ID, "name", from.Name, "theirs", from.Wire)
			}
		}
		if m.what == ownHello || isNew && channel == b.own.all {
			b.queueBeat(from.ID)
		}
	case ownBye:
		if b.peers.left(from.ID) {
			b.sampler.Log(context.Background(), b.opts.Logger, slog.LevelInfo, "left", "redisbus: node has left", "node", from.ID)
			b.gone(from.ID)
		}
	}
}

// isFresh reports whether an authenticated message was not received before. It asks a sender that is
// not known to make itself known. Its message is lost, which is a gap if the sender does so.
func (b *Bus) isFresh(channel string, m *own) bool {
	accepted, unknown, since := b.heardOf.accept(m.stamp, classOf(m.what), channel == b.own.mine)
	if !since.IsZero() {
		go b.gap(Gap{since, time.Now(), ErrUnknownNode}) // not here, because it calls Options.OnGap
	}
	switch {
	case unknown && m.what != ownBye && b.heardOf.mayAsk(m.stamp.from):
		b.tell(m.stamp.from, ownHello)
	case !accepted && !unknown:
		b.ignored(channel, errReplayed)
	}
	return accepted
}

// queueBeat answers a node that has come.
func (b *Bus) queueBeat(to socketio.NodeID) { b.tell(to, ownBeat) }

// tell queues a message about this node for another one.
func (b *Bus) tell(to socketio.NodeID, what byte) {
	p, err := b.own.encode(b.own.to(to), what, b.self())
	if err == nil {
		_ = b.outbox.put(p) // the next heartbeat comes in any case
	}
}

// gone tells the server that nodes do not reply any more.
func (b *Bus) gone(ids ...socketio.NodeID) {
	for _, id := range ids {
		b.inbox.put(laneOwn, letter{gone: &socketio.Message{Kind: socketio.KindGone, From: id}})
	}
}

// handle calls f and logs a panic.
func (b *Bus) handle(f func()) {
	defer b.recovered()
	f()
}

// open decodes and delivers a message from the inbox.
func (b *Bus) open(l letter) {
	defer b.recovered()
	switch {
	case l.gone != nil:
		b.deliver(*l.gone)
		return
	case l.own:
		b.openOwn(l.payload)
		return
	}
	space := l.target.space.name
	r, err := b.format.decode(l.target.kind, space, l.payload)
	switch {
	case errors.Is(err, wire.ErrOwn), errors.Is(err, wire.ErrForeignReply), errors.Is(err, wire.ErrOtherNamespace), errors.Is(err, wire.ErrNobody):
		return // not for this node
	case err != nil:
		b.ignored(space, err)
		return
	}
	answer, only := b.format.special(&r, b.table)
	if r.From == "" && r.Kind != socketio.KindAnswer {
		b.surveys.answer(r.Request)
	}
	if !only {
		b.deliver(r.Message)
	}
	if answer.channel != "" {
		_ = b.outbox.put(answer)
	}
}

// openOwn delivers a message of our own nodes.
func (b *Bus) openOwn(text string) {
	var m socketio.Message
	if json.Unmarshal([]byte(text), &m) != nil || m.From == "" || m.Kind == socketio.KindGone {
		b.ignored("our own nodes", wire.ErrMalformed)
		return
	}
	if m.From == b.id {
		return
	}
	switch m.Kind {
	case socketio.KindSockets, socketio.KindServerSideAnswer, socketio.KindCount, socketio.KindAnswer:
		request, ok := wire.OwnRequest(string(b.id), m.Request)
		if !ok {
			return
		}
		m.Request = request
	}
	b.deliver(m)
}

// recovered logs a panic. Callers defer it.
func (b *Bus) recovered() {
	if value := recover(); value != nil {
		p := guard.Recovered(value)
		b.sampler.Log(context.Background(), b.opts.Logger, slog.LevelError, p.At, "redisbus: panic while a message was handled", p.Attr())
	}
}

// ignored counts and logs a message that could not be read.
func (b *Bus) ignored(where string, err error) {
	b.figures.ignored.Add(1)
	b.warn("redisbus: malformed message ignored", "from", where, "error", err)
}
