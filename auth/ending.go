package auth

import (
	"cmp"
	"context"
	"errors"
	"time"

	"socketiojwt/socketio"
)

// answer admits or refuses the socket and returns the result of the middleware.
func (a *admission) answer(lease *Lease, refused *Error) error {
	admitted := false
	if refused == nil {
		admitted, refused = a.admit(lease)
	}
	switch {
	case admitted:
		return nil
	case refused != nil && a.refuse():
		a.gate.log(a.socket, refused)
		a.gate.notify(a.socket, refused)
		return a.gate.ending(refused)
	}
	// The deadline refuses the socket at this moment, or the peer has gone. That refusal
	// must reach the peer before the result of the middleware does.
	<-a.socket.Context().Done()
	return &socketio.Ending{Message: "connection refused"}
}

// end ends the socket at once with a refusal, in whatever stage it is. It reports false if
// something else has decided the end before. Then the peer gets only that reason. It may be
// called concurrently.
func (a *admission) end(e *Error) bool {
	a.mu.Lock()
	was, decided := a.stage, a.conclude()
	a.mu.Unlock()
	if decided {
		a.expel(e, was)
	}
	return decided
}

// end ends the socket of an entry of the index as the admission's end does, if refuse returns
// a refusal for the lease of the entry and the time since when it is there. If the entry is
// for a token that an admitted socket shows and that is being examined, only that token is
// refused, and the socket stays what it is. End reports whether it ended the socket. Refuse
// runs under the lock of the admission. It must not take a lock or run user code.
func (e *entry) end(refuse func(lease *Lease, since int64) *Error) bool {
	a := e.admission
	a.mu.Lock()
	e = e.present()
	if e == nil || e.lease == nil {
		a.mu.Unlock()
		return false
	}
	refused := refuse(e.lease, e.since)
	was, decided := a.stage, false
	switch {
	case refused == nil:
	case e == a.candidate:
		a.spoiled = cmp.Or(a.spoiled, refused)
	default:
		decided = a.conclude()
	}
	a.mu.Unlock()
	if decided {
		a.expel(refused, was)
	}
	return decided
}

// expel ends the socket at once with a refusal, whether it is connecting, held or admitted.
// The caller has set the stage, which was another one before, to over.
func (a *admission) expel(e *Error, was stage) {
	revoked := e.Reason == ReasonTokenRevoked && was != outside
	if revoked {
		a.logEnd("auth: lease revoked", e)
	} else {
		a.gate.log(a.socket, e)
	}
	how := a.gate.ending(e)
	how.Event, how.Args = eventUnauthorized, []any{a.gate.toldByEvent(e)}
	if errors.Is(a.socket.Refuse(how), socketio.ErrAdmitted) {
		a.socket.Disconnect(how)
	}
	if !revoked {
		a.gate.notify(a.socket, e) // last, because the hook runs when the socket has ended
	}
}

// dismiss refuses a socket that can receive events: it sends the refusal, gives the peer
// time to acknowledge it, and ends the socket. The caller has set the stage to over.
func (a *admission) dismiss(e *Error) {
	a.gate.log(a.socket, e)
	grace := doNotWait
	if !e.Temporary {
		var cancel context.CancelFunc
		grace, cancel = context.WithTimeout(context.Background(), a.logins.grace)
		defer cancel()
	}
	a.tell(grace, e)
	a.leave(e)
	a.gate.notify(a.socket, e) // last, because the hook runs when the socket has ended
}

// leave ends the socket with a refusal, whether it is connecting, held or admitted.
func (a *admission) leave(e *Error) {
	switch {
	case !errors.Is(a.socket.Refuse(a.gate.ending(e)), socketio.ErrAdmitted):
	case e.Temporary && e.RetryAfter > 0 && !a.socket.SharesConnection(): // a guest that tried to log in
		waiting := time.AfterFunc(e.RetryAfter, func() { a.leaveAdmitted(e) })
		a.socket.OnEnd(func() { waiting.Stop() })
	default:
		a.leaveAdmitted(e)
	}
}

// leaveAdmitted is leave for a socket that is admitted.
func (a *admission) leaveAdmitted(e *Error) {
	ending := a.gate.ending(e)
	ending.RetryAfter = 0 // leave has waited already
	a.socket.Disconnect(ending)
}

// doNotWait is a context that has ended, so that tell does not wait for an acknowledgement.
var doNotWait = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// tell sends "unauthorized", unless the socket is still connecting and cannot receive
// events. It waits until the peer acknowledges the event, ctx ends or the socket ends, and
// reports whether the peer acknowledged it. The event always asks for an acknowledgement,
// because listeners that were written for the npm package socketio-jwt call it.
func (a *admission) tell(ctx context.Context, e *Error) bool {
	return tell(ctx, a.socket, a.gate.toldByEvent(e))
}

// tell is the method tell for any payload.
func tell(ctx context.Context, s *socketio.Socket, payload toldByEvent) bool {
	_, err := s.EmitWithAck(ctx, eventUnauthorized, payload)
	if errors.Is(err, socketio.ErrTooManyAcks) {
		_ = s.EmitOnce(eventUnauthorized, payload) // it fails only if the socket is closed
	}
	return err == nil
}
