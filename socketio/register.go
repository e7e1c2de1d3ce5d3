package socketio

import (
	"context"
	"fmt"

	"socketiojwt/socketio/internal/packet"
)

// A Mux holds the middleware and the handlers of a Namespace, or of all namespaces of a Rule.
// All registrations must precede Server.Handler. Later ones panic. Registering methods may be
// called from one goroutine at a time.
type Mux struct {
	name   string
	server *Server
	table  *table
}

// Name returns the name of the namespace, such as "/admin", or of the rule.
func (m *Mux) Name() string { return m.name }

func (m *Mux) open() {
	m.registering("Open")
	m.table.open = true
}

// Use adds connect middleware. For each socket that wants to join, it runs in the order of
// registration.
func (m *Mux) Use(middleware ...ConnectMiddleware) {
	m.registering("Use")
	for _, f := range middleware {
		notNil("Use", f == nil)
	}
	m.table.connect = append(m.table.connect, middleware...)
}

// Wrap adds event middleware. It runs around every handler of the namespace, including that of
// HandleAny. The first one added is outermost. Intercepted events do not pass through it: see
// Socket.Intercept.
func (m *Mux) Wrap(middleware func(Handler) Handler) {
	m.registering("Wrap")
	notNil("Wrap", middleware == nil)
	m.table.wrap = append(m.table.wrap, middleware)
}

// Handle registers the handler of an event. It panics for a name that is empty, reserved,
// longer than Options.MaxNameLength or already registered.
func (m *Mux) Handle(event string, h Handler) {
	m.registering("Handle")
	notNil("Handle", h == nil)
	switch {
	case event == "" || packet.Reserved(event):
		panic(fmt.Sprintf("socketio: Handle: event name %q is empty or reserved", event))
	case len(event) > m.server.opts.MaxNameLength:
		panic(fmt.Sprintf("socketio: Handle: event name %q is longer than Options.MaxNameLength", event))
	case m.table.routes[event].handler != nil:
		panic(fmt.Sprintf("socketio: Handle: event %q already has a handler", event))
	}
	m.table.routes[event] = route{event, h}
}

// HandleAny registers the handler of all events without a handler. Without HandleAny such
// events are ignored. A second call panics.
func (m *Mux) HandleAny(h Handler) {
	m.registering("HandleAny")
	notNil("HandleAny", h == nil)
	if m.table.any != nil {
		panic("socketio: HandleAny: a handler is already registered")
	}
	m.table.any = h
}

// OnConnect adds a function that runs for each socket once it is admitted, before its events
// are handled. An error ends the socket. Once the socket has ended, no further function starts.
// If a socket ends before the first function has started, none of the functions of OnConnect,
// OnDisconnecting and OnDisconnect runs for it.
func (m *Mux) OnConnect(f func(ctx context.Context, s *Socket) error) {
	m.registering("OnConnect")
	notNil("OnConnect", f == nil)
	m.table.onConnect = append(m.table.onConnect, f)
}

// OnDisconnecting adds a function that runs for each admitted socket that has ended, before the
// functions of OnDisconnect. It receives the rooms that the socket was in. Its context is not
// cancelled.
func (m *Mux) OnDisconnecting(f func(ctx context.Context, s *Socket, reason Reason, rooms []string)) {
	m.registering("OnDisconnecting")
	notNil("OnDisconnecting", f == nil)
	m.table.onDisconnecting = append(m.table.onDisconnecting, f)
}

// OnDisconnect adds a function that runs once for each admitted socket that has ended. It does
// not run for a socket that ended before its first function of OnConnect started. Its context
// is not cancelled.
func (m *Mux) OnDisconnect(f func(ctx context.Context, s *Socket, reason Reason)) {
	m.registering("OnDisconnect")
	notNil("OnDisconnect", f == nil)
	m.table.onDisconnect = append(m.table.onDisconnect, f)
}

// notNil panics if isNil is true.
func notNil(method string, isNil bool) {
	if isNil {
		panic("socketio: " + method + ": nil function")
	}
}

// registering panics if the server is already running.
func (m *Mux) registering(method string) {
	m.server.mu.Lock()
	frozen := m.server.frozen
	m.server.mu.Unlock()
	if frozen {
		panic(fmt.Sprintf("socketio: %s on %s after Server.Handler", method, m.name))
	}
}
