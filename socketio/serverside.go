package socketio

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"socketiojwt/socketio/internal/packet"
)

// A ServerSideHandler handles an event that another node sent by ServerSideEmit. The answer is
// for ServerSideEmitWithAck. Nil means no answer. If err is not nil, it is logged and no answer
// is sent. The context ends with the server.
type ServerSideHandler func(ctx context.Context, e *ServerSideEvent) (answer any, err error)

// A ServerSideEvent is an event that another node sent to the servers of a cluster.
type ServerSideEvent struct {
	Arguments
	// Name is the name of the event.
	Name string
	// Node is the node that sent it.
	Node NodeID
}

// A ServerSideAnswer is the answer of one node to ServerSideEmitWithAck.
type ServerSideAnswer struct {
	Node NodeID // may be UnnamedNode
	// Arguments has exactly one value.
	Arguments
}

// OnServerSide registers the function for an event that other nodes send by
// Namespace.ServerSideEmit or Rule.ServerSideEmit. Events without an answer are handled one at
// a time, in order of arrival. Events that want an answer are handled concurrently. A name that
// is empty, reserved or already registered panics.
func (m *Mux) OnServerSide(event string, h ServerSideHandler) {
	m.registering("OnServerSide")
	notNil("OnServerSide", h == nil)
	switch {
	case event == "" || packet.Reserved(event):
		panic(fmt.Sprintf("socketio: OnServerSide: event name %q is empty or reserved", event))
	case m.table.onServerSide[event] != nil:
		panic(fmt.Sprintf("socketio: OnServerSide: event %q already has a function", event))
	}
	if m.table.onServerSide == nil {
		m.table.onServerSide = make(map[string]ServerSideHandler)
	}
	m.table.onServerSide[event] = h
}

// serverSideMessage encodes an event for other nodes.
func (t target) serverSideMessage(event string, args []any) (*Message, error) {
	_, body, err := encodeEvent("", 0, false, event, args)
	if err != nil {
		return nil, fmt.Errorf("socketio: server-side event %q: %w", event, err)
	}
	m := &Message{Kind: KindServerSide, Data: body.array, Attachments: body.attachments}
	t.address(m)
	return m, nil
}

func (t target) serverSideEmit(event string, args []any) error {
	m, err := t.serverSideMessage(event, args)
	l := t.server.link.Load()
	if err != nil || l == nil {
		return err
	}
	return l.publish(m)
}

func (t target) serverSideAsk(ctx context.Context, event string, args []any) (answers []ServerSideAnswer, err error) {
	m, err := t.serverSideMessage(event, args)
	l := t.server.link.Load()
	if err != nil || l == nil {
		return nil, err
	}
	err = l.collect(ctx, m, func(reply *Message) {
		if args, err := reply.arguments(); err == nil && args.Len() > 0 {
			answers = append(answers, ServerSideAnswer{named(reply.From), args})
		}
	})
	return answers, err
}

// mostServerSide bounds the server-side events that wait for their functions, and separately
// those in progress that want an answer.
const mostServerSide = 4000

// serverSideQueue holds the events of other nodes that wait to be handled in order.
type serverSideQueue struct {
	mu      sync.Mutex
	waiting []func()
	working bool
	asked   atomic.Int64
}

// serverSide passes a server-side event of another node to its function. An event that wants an
// answer always gets a reply, because the asking node waits for all nodes.
func (l *link) serverSide(m *Message, t target) error {
	o, err := m.event()
	if err != nil {
		return err
	}
	h := t.serverSideHandler(o.event)
	if h == nil {
		l.answerServerSide(m, nil)
		return nil
	}
	run := func() {
		defer l.recovered()
		var answer any
		defer func() { l.answerServerSide(m, answer) }()
		var err error
		if answer, err = h(l.ctx, &ServerSideEvent{Arguments: o.came, Name: o.event, Node: m.From}); err != nil {
			answer = nil
			srv := l.server
			srv.sampler.Log(l.ctx, srv.opts.Logger, slog.LevelWarn, "server-side "+o.event, "socketio: server-side event handler failed", "event", o.event, "node", m.From, "error", err)
		}
	}
	if m.Request != "" {
		if l.events.asked.Add(1) > mostServerSide {
			l.events.asked.Add(-1)
			l.answerServerSide(m, nil)
			return fmt.Errorf("socketio: more than %d server-side events are being handled", mostServerSide)
		}
		l.server.running.add(1)
		go func() {
			defer l.server.running.add(-1)
			defer l.events.asked.Add(-1)
			run()
		}()
		return nil
	}
	return l.queueServerSide(run)
}

// serverSideHandler returns the function for an event, or nil if there is none.
func (t target) serverSideHandler(event string) ServerSideHandler {
	if t.rule != nil {
		return t.rule.table.onServerSide[event]
	}
	if n := t.server.Lookup(t.name); n != nil {
		return n.table.onServerSide[event]
	}
	return nil
}

// queueServerSide queues run to be called in order.
func (l *link) queueServerSide(run func()) error {
	q := &l.events
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) >= mostServerSide {
		return fmt.Errorf("socketio: more than %d server-side events wait", mostServerSide)
	}
	q.waiting = append(q.waiting, run)
	if !q.working {
		q.working = true
		l.server.running.add(1)
		go l.workServerSide()
	}
	return nil
}

// workServerSide calls the queued functions, and ends when the queue is empty.
func (l *link) workServerSide() {
	defer l.server.running.add(-1)
	q := &l.events
	for {
		q.mu.Lock()
		if len(q.waiting) == 0 {
			q.waiting, q.working = nil, false
			q.mu.Unlock()
			return
		}
		run := q.waiting[0]
		q.waiting[0] = nil
		q.waiting = q.waiting[1:]
		q.mu.Unlock()
		run()
	}
}

// answerServerSide replies to a server-side event that wants an answer. A nil answer sends an
// empty reply.
func (l *link) answerServerSide(m *Message, answer any) {
	if m.Request == "" {
		return
	}
	reply := Message{Kind: KindServerSideAnswer}
	if answer != nil {
		var err error
		if reply.Data, reply.Attachments, err = encodeAnswer(answer); err != nil {
			l.warn("socketio: answer to a server-side event cannot be encoded", "node", m.From, "error", err)
		}
	}
	l.reply(m, reply)
}

func encodeAnswer(answer any) (array json.RawMessage, attachments [][]byte, err error) {
	defer caught(&err) // encoding may run code of the program
	return EncodeArguments(answer)
}
