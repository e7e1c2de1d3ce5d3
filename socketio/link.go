package socketio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"socketiojwt/internal/guard"
)

const (
	// nodePatience is how long to wait for another node if the context does not end earlier. It
	// is the same in the adapters of the Node server.
	nodePatience = 5 * time.Second
	// longestAsk bounds how long to wait for acknowledgements of sockets of other nodes.
	longestAsk = 10 * time.Minute
	// mostServed bounds the requests of other nodes that wait for acknowledgements of sockets
	// of this node. mostReplies bounds the replies that wait for the asking call.
	mostServed  = 4000
	mostReplies = 1_000_000
)

// link connects the server to its bus.
type link struct {
	server   *Server
	bus      Bus
	watcher  RoomWatcher    // the bus, if it is a RoomWatcher
	recorder Recorder       // the bus, if it is a Recorder
	health   HealthReporter // the bus, if it is a HealthReporter
	ready    chan struct{}  // closed when bus is set, or when the bus has failed
	closed   atomic.Bool
	ctx      context.Context // for functions that run for other nodes; ends with the link
	cancel   context.CancelCauseFunc
	served   atomic.Int64
	changes  roomChanges
	events   serverSideQueue

	mu       sync.Mutex
	requests map[string]*request
	last     uint64 // number of the last request
}

// linkKey is the key of the link in its ctx.
type linkKey struct{}

// connectBus makes the bus. It runs before the server serves.
func (srv *Server) connectBus() error {
	if srv.opts.Bus == nil {
		return nil
	}
	l := &link{server: srv, ready: make(chan struct{}), requests: make(map[string]*request)}
	l.ctx, l.cancel = context.WithCancelCause(context.WithValue(context.Background(), linkKey{}, l))
	defer close(l.ready)
	bus, err := srv.opts.Bus(l.deliver)
	if err == nil && bus == nil {
		err = errors.New("Options.Bus returned neither a Bus nor an error")
	}
	if err != nil {
		l.closed.Store(true)
		l.cancel(ErrClosed)
		return fmt.Errorf("socketio: bus: %w", err)
	}
	l.bus = bus
	l.watcher, _ = bus.(RoomWatcher)
	l.recorder, _ = bus.(Recorder)
	l.health, _ = bus.(HealthReporter)
	srv.link.Store(l)
	l.tellNamespaces()
	return nil
}

// abortBus closes the bus without time to send what is queued.
func (srv *Server) abortBus() {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	srv.closeBus(ended)
}

// closeBus closes the bus once. Messages that arrive later are dropped.
func (srv *Server) closeBus(ctx context.Context) {
	l := srv.link.Load()
	if l == nil || l.closed.Swap(true) {
		return
	}
	l.cancel(ErrClosed)
	if err := l.bus.Close(ctx); err != nil {
		srv.opts.Logger.Warn("socketio: bus failed to close", "error", err)
	}
}

// others returns the link to the other nodes, or nil if the broadcast concerns only this node.
func (b Broadcast) others(to Selector) *link {
	if b.local || to.none() {
		return nil
	}
	return b.target.server.link.Load()
}

// publish sends m to the other nodes, unless it concerns only this node.
func (b Broadcast) publish(m *Message, to Selector) error {
	l := b.others(to)
	if l == nil {
		return nil
	}
	m.To = to
	b.target.address(m)
	return l.publish(m)
}

// publish hands m to the bus. A panic of the bus becomes an error, so that callers need not
// expect one between the steps of an ask.
func (l *link) publish(m *Message) (err error) {
	if l.closed.Load() {
		return ErrClosed
	}
	defer caught(&err)
	own := published.Get().(*Message)
	*own = *m
	err = l.bus.Publish(own)
	*own = Message{}
	published.Put(own) // not after a panic, because the bus may still use it
	return err
}

// published pools the Messages that Bus.Publish gets. Those of the callers of publish would
// otherwise escape to the heap.
var published = sync.Pool{New: func() any { return new(Message) }}

// ask hands a request to the bus. It waits for the bus at most nodePatience.
func (l *link) ask(ctx context.Context, m *Message) (asked Asked, err error) {
	if l.closed.Load() {
		return asked, ErrClosed
	}
	ctx, cancel := context.WithTimeout(ctx, nodePatience)
	defer cancel()
	defer context.AfterFunc(l.ctx, cancel)() // when the bus closes
	defer caught(&err)
	return l.bus.Ask(ctx, m)
}

// reply answers a request of another node.
func (l *link) reply(request *Message, m Message) {
	m.Request, m.Namespace, m.Rule = request.Request, request.Namespace, request.Rule
	if l.closed.Load() {
		return
	}
	if err := l.send(request.From, m); err != nil {
		l.warn("socketio: reply to another node failed", "node", request.From, "kind", m.Kind, "error", err)
	}
}

func (l *link) send(to NodeID, m Message) (err error) {
	defer caught(&err)
	return l.bus.Reply(to, &m)
}

// warn logs a warning that other nodes can cause at will.
func (l *link) warn(msg string, attrs ...any) {
	l.server.sampler.Log(context.Background(), l.server.opts.Logger, slog.LevelWarn, msg, msg, attrs...)
}

// recovered logs a panic. Callers defer it.
func (l *link) recovered() {
	if value := recover(); value != nil {
		p := guard.Recovered(value)
		l.server.sampler.Log(context.Background(), l.server.opts.Logger, slog.LevelError, p.At,
			"socketio: panic in the bus, or in a function that runs for another node", p.Attr())
	}
}

// errPanic is wrapped by the errors of caught.
var errPanic = errors.New("panic")

// caught turns a panic into an error. It must be deferred.
func caught(err *error) {
	if value := recover(); value != nil {
		p := guard.Recovered(value)
		*err = fmt.Errorf("%w: %s, at %s", errPanic, p.Text, p.At)
	}
}
