package socketio

import (
	"context"
	"log/slog"
	"net/http"

	"socketiojwt/internal/guard"
)

// socketContext is the context that a socket's middleware and handlers get. It is immutable:
// SetContextValue makes another one with the same lifetime.
type socketContext struct {
	context.Context // ends with the socket
	socket          *Socket
	value           contextValue
	more            *socketContext // has the other values; may be nil
}

type contextValue struct{ key, value any }

type socketKey struct{}

// contextBytes is the approximate size of the context of Options.ConnContext, without the
// program's values in it, whose size is unknown.
const contextBytes = 256

// connContext returns the parent of the contexts of a connection's sockets. It never ends,
// although it may be derived from the context of the request r, which ends when the handler of
// r returns. If Options.ConnContext fails, ok is false and the connection must be refused.
func (srv *Server) connContext(r *http.Request) (ctx context.Context, ok bool) {
	if srv.opts.ConnContext == nil {
		return context.Background(), true
	}
	defer func() {
		if value := recover(); value != nil {
			p := guard.Recovered(value)
			srv.figures.panics.Add(1)
			srv.sampler.Log(r.Context(), srv.opts.Logger, slog.LevelError, p.At, "socketio: panic in ConnContext; the connection was refused", p.Attr())
			ctx, ok = nil, false
		}
	}()
	if ctx = srv.opts.ConnContext(context.Background(), r); ctx == nil {
		panic("socketio: ConnContext returned nil")
	}
	return context.WithoutCancel(ctx), true
}

// Value returns the socket, a value of SetContextValue, or a value that Options.ConnContext put
// into the context of the connection.
func (c *socketContext) Value(key any) any {
	if key == (socketKey{}) {
		return c.socket
	}
	for at := c; at != nil; at = at.more {
		if at.value.key == key && key != nil {
			return at.value.value
		}
	}
	return c.Context.Value(key)
}

// FromContext returns the socket whose middleware, handler or hook runs with ctx. It returns
// nil if there is none.
func FromContext(ctx context.Context) *Socket {
	s, _ := ctx.Value(socketKey{}).(*Socket)
	return s
}

// Context returns the context that a handler would get now. It ends with the socket, with a
// *DisconnectError as its cause. Once the deadline of SetDeadline has passed, Context returns a
// context that has ended.
func (s *Socket) Context() context.Context {
	now := s.look()
	s.mu.Lock()
	ctx, past := s.ctx, s.state != stateClosed && s.pastDeadline(now)
	s.mu.Unlock()
	if past {
		return endedContext(ctx)
	}
	return ctx
}

// SetContextValue sets the value for key in the contexts of handlers that start from now on. A
// handler that is already running keeps its context.
func (s *Socket) SetContextValue(key, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ctx = &socketContext{Context: s.ctx.Context, socket: s, value: contextValue{key, value}, more: s.ctx.without(key)}
}

// without returns a context that has the values of c except that of key, or nil if there are none. It
// has only the values.
func (c *socketContext) without(key any) *socketContext {
	switch {
	case c == nil:
		return nil
	case c.value.key == nil || c.value.key == key:
		return c.more.without(key)
	}
	return &socketContext{value: c.value, more: c.more.without(key)}
}
