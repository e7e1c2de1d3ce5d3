package socketio

import (
	"context"
	"log/slog"
	"net/http"
	"slices"

	"socketiojwt/internal/guard"
)

// socketContext is the context that a socket's middleware and handlers get. It
// is immutable: SetContextValue makes another one around the same life span.
type socketContext struct {
	context.Context // the socket's life span
	socket          *Socket
	values          []contextValue
}

type contextValue struct{ key, value any }

type socketKey struct{}

// contextBytes is about what the context of Options.ConnContext takes. The values in it
// are the program's, and their size is not known.
const contextBytes = 256

// connContext returns the context from which those of the sockets of a connection are
// made. It never ends: the context of the request r, from which it may be derived, ends
// when the handler of r returns. If Options.ConnContext fails, the connection must be
// refused, and ok is false.
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

// Value returns the socket itself, what SetContextValue set, or what Options.ConnContext
// put into the context of the connection.
func (c *socketContext) Value(key any) any {
	if key == (socketKey{}) {
		return c.socket
	}
	for _, v := range c.values {
		if v.key == key {
			return v.value
		}
	}
	return c.Context.Value(key)
}

// FromContext returns the socket whose middleware, handler or hook runs with ctx;
// nil when there is none.
func FromContext(ctx context.Context) *Socket {
	s, _ := ctx.Value(socketKey{}).(*Socket)
	return s
}

// Context returns the context that a handler would get now. It ends with the
// socket, with a *DisconnectError as its cause. Once the deadline of SetDeadline
// has come, the context that Context returns has ended already.
func (s *Socket) Context() context.Context {
	now := s.look()
	s.mu.Lock()
	ctx, over := s.ctx, s.state != stateClosed && s.over(now)
	s.mu.Unlock()
	if over {
		return endedContext(ctx)
	}
	return ctx
}

// SetContextValue makes handlers that start from now on find value under key in
// their context, in place of what was there under key. A handler that runs
// already keeps what it started with.
func (s *Socket) SetContextValue(key, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	values := slices.DeleteFunc(slices.Clone(s.ctx.values), func(v contextValue) bool { return v.key == key })
	s.ctx = &socketContext{Context: s.ctx.Context, socket: s, values: append(values, contextValue{key, value})}
}
