package upstream

import (
	"context"
	"errors"
	"slices"

	"socketiojwt/auth"
	"socketiojwt/socketio"
)

// eventAuthenticate shows a token to a gate, which intercepts it.
const eventAuthenticate = "authenticate"

// Handle is a handler for any event. It passes the event to the backend and carries out the
// answer: the socket joins and leaves rooms, events are emitted, the event is acknowledged, and
// the socket ends, in this order. If the peer waits for an acknowledgement, it gets one: without
// arguments if the backend names none, and
//
//	{"error":{"code":c,"message":m}}
//
// if the backend fails. The code is "unavailable" if the event was not handled, "uncertain" if it
// may have been handled, and "failed" if the backend has answered with an error or with something
// that cannot be carried out.
//
// An answer that arrives after the socket has ended is carried out as far as possible. Handle
// does not pass on "authenticate", which contains a token: without a gate it fails.
func (b *Backend) Handle(ctx context.Context, s *socketio.Socket, e *socketio.Event) error {
	a, failed := b.askAbout(ctx, s, e)
	if failed == nil {
		if err := b.carryOut(s, a); err != nil {
			failed = unusable(err)
		}
	}
	if failed != nil {
		b.failed(ctx, failed, "upstream: event failed", "event", e.Name())
		return e.Ack(told(failed))
	}
	err := e.Ack(a.ack.Args()...)
	if a.Disconnect != nil {
		s.Disconnect(&socketio.Ending{Temporary: a.Disconnect.Temporary})
	}
	if errors.Is(err, socketio.ErrClosed) {
		return nil
	}
	return err
}

// toldError is what a peer is told about a failure.
type toldError struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func told(f *failure) (t toldError) {
	t.Error.Code = f.code
	switch f.code {
	case codeUnavailable:
		t.Error.Message = "backend unavailable"
	case codeUncertain:
		t.Error.Message = "backend did not answer"
	default:
		t.Error.Message = "backend failed"
	}
	return t
}

// askAbout asks the backend about an event.
func (b *Backend) askAbout(ctx context.Context, s *socketio.Socket, e *socketio.Event) (*answer, *failure) {
	if e.Name() == eventAuthenticate {
		return nil, &failure{code: codeFailed, err: errors.New("an event authenticate reached the handler: the namespace has no gate")}
	}
	m, err := newMessage(head{
		Type: kindEvent, Namespace: s.Namespace().Name(), Socket: s.ID(), User: userOf(auth.Token(ctx), b.opts.Claims),
		Event: e.Name(), Ack: e.WantsAck(),
	})
	if err == nil {
		err = m.withArguments(e.Arguments)
	}
	if err != nil {
		return nil, &failure{code: codeFailed, err: errors.New("the event cannot be encoded")}
	}
	waiting, cancel := context.WithTimeoutCause(ctx, b.opts.Timeout, errLate)
	defer cancel()
	if err := b.events.enter(waiting, b.life); err != nil {
		return nil, unsent(err)
	}
	defer b.events.leave()
	// The backend may act for an event whose socket ends, so its answer is awaited.
	body, failed := b.ask(context.WithoutCancel(ctx), m)
	if failed != nil {
		return nil, failed
	}
	a, err := parseAnswer(kindEvent, body)
	if err != nil {
		return nil, unusable(err)
	}
	return a, nil
}

// carryOut does what an answer asks for, except the acknowledgement. It emits nothing if the
// socket cannot join the rooms.
func (b *Backend) carryOut(s *socketio.Socket, a *answer) error {
	if err := errors.Join(b.unreserved(s, a.Join), b.unreserved(s, a.Leave)); err != nil {
		return err
	}
	if len(a.Join) > 0 {
		if err := s.Join(a.Join...); err != nil && !errors.Is(err, socketio.ErrClosed) {
			return err
		}
	}
	s.Leave(a.Leave...)
	var failed error
	for i := range a.Emit {
		failed = errors.Join(failed, a.Emit[i].send(s))
	}
	return failed
}

// unreserved returns an error if a room is reserved.
func (b *Backend) unreserved(s *socketio.Socket, rooms []string) error {
	reserved := func(room string) bool { return b.opts.Reserved(s.Namespace().Name(), room) }
	if b.opts.Reserved != nil && slices.ContainsFunc(rooms, reserved) {
		return errors.New("the answer names a room that only the gate makes sockets join and leave")
	}
	return nil
}

// send sends an event for a socket.
func (e *emission) send(s *socketio.Socket) error {
	to := s.Namespace().Except(e.Except...)
	switch {
	case e.Rooms != nil:
		to = to.To(e.Rooms...)
	case !e.All && !e.Volatile:
		err := s.Emit(e.Event, e.args.Args()...)
		if errors.Is(err, socketio.ErrClosed) || errors.Is(err, socketio.ErrSlow) {
			return nil
		}
		return err
	case !e.All:
		to = s.Volatile()
	}
	if e.Volatile {
		to = to.Volatile()
	}
	return to.Emit(e.Event, e.args.Args()...)
}
