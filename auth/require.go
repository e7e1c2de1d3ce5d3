package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"socketiojwt/socketio"
)

// Require returns event middleware that lets an event pass if the lease of its socket satisfies
// all of the requirements. It applies to a namespace or to one event:
//
//	srv.Wrap(gate.Require(auth.Scopes("chat")))
//	srv.Handle("delete", gate.Require(auth.Scopes("chat.admin"))(remove))
//
// The lease is the one that the socket had when the event's turn came. An event that is refused
// does not reach its handler, and the socket stays. If the peer waits for an acknowledgement, it
// gets
//
//	{"error":{"code":"forbidden","message":m,"reason":r,"id":i}}
//
// Otherwise it gets the event "unauthorized", with the name of the event that was refused:
//
//	{"message":m,"inner":{"message":m},"data":{"code":"forbidden","message":m,"reason":r,"id":i,"event":name}}
//
// A guest gets ReasonLoginRequired, after which it may log in by "authenticate". Stats counts
// refused events, and the log has the cause. A middleware around Require gets a
// *socketio.PublicError. If a function of Satisfies panics, the socket ends, as by a panic of a
// handler.
//
// Require panics if there are no requirements or one is invalid. The gate must be that of the
// namespace: events of sockets that another gate has admitted are refused. Require may be
// called concurrently.
func (g *Gate) Require(requirements ...Requirement) func(socketio.Handler) socketio.Handler {
	r, err := g.required(requirements)
	if err != nil {
		panic("auth: Require: " + err.Error())
	}
	return func(next socketio.Handler) socketio.Handler {
		return func(ctx context.Context, s *socketio.Socket, e *socketio.Event) error {
			return r.handle(ctx, s, e, next)
		}
	}
}

// required are the requirements of one call of Require.
type required struct {
	gate   *Gate
	checks []Requirement
	fresh  *freshness // nil means that there is none
}

// required checks the requirements.
func (g *Gate) required(requirements []Requirement) (*required, error) {
	if len(requirements) == 0 {
		return nil, errors.New("nothing is required; pass at least one Requirement, such as Scopes")
	}
	r := &required{gate: g}
	for i, one := range requirements {
		switch {
		case one.wrong != nil:
			return nil, one.wrong
		case one.user != nil && one.user != g.opts.Authorize.user:
			return nil, errors.New("Satisfies of a User that Options.Authorize of the gate does not store; use that User, or set Authorize to its By")
		case one.fresh != nil && r.fresh != nil:
			return nil, errors.New("Fresh is passed twice; pass it once, with both rules")
		case one.fresh != nil:
			r.fresh = one.fresh
		case one.check == nil:
			return nil, fmt.Errorf("requirement %d is the zero Requirement; make it with Scopes or another function", i+1)
		default:
			r.checks = append(r.checks, one)
		}
	}
	return r, nil
}

// handle handles an event if the lease of its socket satisfies the requirements.
func (r *required) handle(ctx context.Context, s *socketio.Socket, e *socketio.Event, next socketio.Handler) error {
	a, lease, refused := r.examine(ctx, s)
	if refused != nil {
		return r.gate.forbid(ctx, s, e, refused)
	}
	if r.fresh != nil {
		if why := r.fresh.lacks(lease.Token, a.now()); why != nil {
			return a.challenge(ctx, r, e, next, why)
		}
	}
	return next(r.passing(ctx), s, e)
}

// passed are the requirements that an event has satisfied: those of one Require, and those of the
// Requires around it.
type passed struct {
	required *required
	outer    *passed // nil if there are none
}

// passedKey is the context key of a *passed.
type passedKey struct{}

// passing returns the context for the handler behind r.
func (r *required) passing(ctx context.Context) context.Context {
	return context.WithValue(ctx, passedKey{}, &passed{r, passedBy(ctx)})
}

// passedBy returns the requirements that the event of ctx has satisfied.
func passedBy(ctx context.Context) *passed {
	p, _ := ctx.Value(passedKey{}).(*passed)
	return p
}

// again returns a refusal unless the lease of ctx satisfies all of the requirements.
func (p *passed) again(ctx context.Context, s *socketio.Socket) *Error {
	if p == nil {
		return nil
	}
	if refused := p.outer.again(ctx, s); refused != nil {
		return refused
	}
	a, lease, refused := p.required.examine(ctx, s)
	if refused == nil && p.required.fresh != nil {
		if why := p.required.fresh.lacks(lease.Token, a.now()); why != nil {
			refused = p.required.gate.notFresh(why)
		}
	}
	return refused
}

// examine returns the lease of an event and a refusal, or nil if the lease satisfies all
// requirements except Fresh.
func (r *required) examine(ctx context.Context, s *socketio.Socket) (*admission, *Lease, *Error) {
	lease, a := admittedBy(ctx)
	switch {
	case lease == nil:
		return nil, nil, r.gate.refusal(errGuest)
	case a == nil || a.gate != r.gate || a.socket != s:
		return nil, nil, r.gate.refusal(errOtherGate)
	}
	for _, one := range r.checks {
		if err := one.check(ctx, lease); err != nil {
			return a, lease, r.gate.refusal(err).of(lease.Token)
		}
	}
	return a, lease, nil
}

// Causes of refusals of events.
var (
	errGuest     = errors.New("auth: the socket has no lease")
	errScope     = errors.New("auth: the token does not have a scope")
	errRole      = errors.New("auth: the token does not have a role")
	errNotFresh  = errors.New("auth: the token does not satisfy Fresh")
	errOtherGate = errors.New("auth: Require is of another gate than the one that admitted the socket; use the gate of the namespace")
)

// notFresh returns the refusal of an event whose socket has no token that satisfies Fresh.
func (g *Gate) notFresh(why error) *Error {
	return g.refusal(fmt.Errorf("%w: %w", errNotFresh, why))
}

// forbid refuses an event, and returns the error for middleware around Require.
func (g *Gate) forbid(ctx context.Context, s *socketio.Socket, e *socketio.Event, refused *Error) error {
	refused.of(Token(ctx)).Code = codeForbidden
	g.figures.forbidden.Add(refused.Reason)
	g.logRefusal(ctx, "auth: event refused", s.Handshake().RemoteAddr, refused, slog.Any("socket", s), slog.String("event", e.Name()))
	told := forbiddenTold{Code: codeForbidden, Message: refused.Message}
	if !g.opts.OmitReasonAndID {
		told.Reason, told.ID = refused.Reason, refused.ID
	}
	// Ack and tell fail only if the socket has ended, or the event was acknowledged before.
	if e.WantsAck() {
		_ = e.Ack(refusedTold{Error: told})
	} else {
		told.Event = e.Name()
		tell(doNotWait, s, toldByEvent{Message: told.Message, Inner: toldInner{told.Message}, Data: told})
	}
	return &socketio.PublicError{Message: refused.Message}
}
