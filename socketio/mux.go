package socketio

import (
	"context"
	"errors"
)

// A Handler handles an event of an admitted socket. Its context ends with the socket. An error
// is logged with the event's name, and is not sent to the peer. ErrArguments and a PublicError
// without a cause are logged at slog.LevelDebug, because the peer caused them. Other errors are
// logged as warnings.
type Handler func(ctx context.Context, s *Socket, e *Event) error

// A ConnectMiddleware decides about a socket that wants to join a namespace. Returning nil
// continues with the next middleware, an error refuses the socket (see Ending), and s.Hold
// suspends it.
type ConnectMiddleware func(ctx context.Context, s *Socket) error

// Func makes a Handler from a function with one argument, read as by Event.Scan. An event
// without that argument, or with one of another type, is logged and not handled. If T is
// struct{}, no argument is read. If T is Arguments, the function gets all arguments and reads
// them itself.
func Func[T any](f func(ctx context.Context, s *Socket, arg T) error) Handler {
	return func(ctx context.Context, s *Socket, e *Event) error {
		arg, err := onlyArgument[T](e)
		if err != nil {
			return err
		}
		return f(ctx, s, arg)
	}
}

// AckFunc makes a Handler from a function with one argument whose result acknowledges the
// event. An error is acknowledged as {"error":"..."}, with the text of a *PublicError, "bad
// arguments" for ErrArguments, and "internal error" for others. If T is struct{}, no argument
// is read. For several arguments, use Arguments as T:
//
//	socketio.AckFunc(func(ctx context.Context, s *socketio.Socket, args socketio.Arguments) (int, error) {
//		var a, b int
//		if err := args.Scan(&a, &b); err != nil {
//			return 0, err
//		}
//		return a + b, nil
//	})
func AckFunc[T, R any](f func(ctx context.Context, s *Socket, arg T) (R, error)) Handler {
	return func(ctx context.Context, s *Socket, e *Event) error {
		arg, err := onlyArgument[T](e)
		var result R
		if err == nil {
			result, err = f(ctx, s, arg)
		}
		if err == nil {
			if err = e.Ack(result); err == nil || e.acked.Load() {
				return err
			} // otherwise the result could not be encoded
		}
		text := "internal error"
		var public *PublicError
		switch {
		case errors.As(err, &public):
			text = public.Message
		case errors.Is(err, ErrArguments):
			text = "bad arguments"
		}
		return errors.Join(err, e.Ack(map[string]string{"error": text}))
	}
}

func onlyArgument[T any](e *Event) (T, error) {
	var arg T
	switch into := any(&arg).(type) {
	case *struct{}:
		return arg, nil
	case *Arguments:
		*into = e.Arguments
		return arg, nil
	}
	return arg, e.Scan(&arg)
}

// table holds the registrations of a namespace. They are made before the server runs and are
// frozen by Server.Handler. All namespaces of a rule share one table.
type table struct {
	open            bool
	connect         []ConnectMiddleware
	wrap            []func(Handler) Handler
	routes          map[string]route
	ignoresRest     bool // no program code handles the events that have no route
	any             Handler
	onConnect       []func(context.Context, *Socket) error
	onDisconnecting []func(context.Context, *Socket, Reason, []string)
	onDisconnect    []func(context.Context, *Socket, Reason)
	onEmit          []func(Emitted)
	onServerSide    map[string]ServerSideHandler
	needs           needs
	counts          counts
}

// route is a registered name of events with its handler.
type route struct {
	name    string
	handler Handler
}

// admits reports whether any socket can be admitted.
func (t *table) admits() bool { return t.open || len(t.connect) > 0 }

// untouched reports whether nothing was registered.
func (t *table) untouched() bool {
	return !t.admits() && len(t.wrap)+len(t.routes)+len(t.onConnect)+len(t.onDisconnecting)+len(t.onDisconnect)+len(t.onEmit)+len(t.onServerSide) == 0 && t.any == nil
}

// freeze wraps each handler in the event middleware, once.
func (t *table) freeze() {
	t.ignoresRest = t.any == nil && len(t.wrap) == 0
	if t.any == nil {
		t.any = func(ctx context.Context, s *Socket, e *Event) error {
			s.logger().DebugContext(ctx, "socketio: no handler for event", "event", e.Name())
			return nil
		}
	}
	wrapped := func(h Handler) Handler {
		for i := len(t.wrap) - 1; i >= 0; i-- {
			h = t.wrap[i](h)
			notNil("Wrap: the middleware's result", h == nil)
		}
		return h
	}
	for event, r := range t.routes {
		t.routes[event] = route{event, wrapped(r.handler)}
	}
	t.any = wrapped(t.any)
}

func (t *table) handler(event string) Handler {
	if r, ok := t.routes[event]; ok {
		return r.handler
	}
	return t.any
}
