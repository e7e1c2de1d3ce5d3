package auth

import (
	"context"
	"errors"
	"strings"

	"socketiojwt/internal/guard"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

// examine finds the token in shown, verifies it and calls Authorize with whole. It runs user
// code: sources, the verifier and Authorize. It returns either a lease or a refusal, even if
// user code panics or is late. The admission is nil for an HTTP request.
func (g *Gate) examine(ctx context.Context, a *admission, whole, shown *socketio.Handshake) (lease *Lease, refused *Error) {
	t, by, refused := g.verify(ctx, a, shown)
	if refused != nil {
		return nil, refused
	}
	lease = &Lease{Token: t, Until: g.until(a, t)}
	if g.opts.KeepEncoded {
		lease.Encoded = strings.Clone(by.encoded) // it may be part of a header, which would stay in memory
	}
	lease.Until = earliest(lease.Until, by.until)
	a.enter(lease)
	if refused = g.denied(ctx, t); refused == nil {
		refused = a.recognize(t)
	}
	if refused == nil {
		refused = g.authorize(ctx, a, lease, whole)
	}
	if refused == nil {
		refused = g.declare(ctx, a, lease)
	}
	if late := g.tooLate(ctx); late != nil {
		return nil, late.of(t)
	}
	if refused == nil {
		refused = g.ended(a, lease.due())
	}
	if refused != nil {
		return nil, refused.of(t)
	}
	return lease, nil
}

// authorize calls Authorize, if there is one, for the token of a lease. It stores the user in
// the lease, and the end that Authorize sets.
func (g *Gate) authorize(ctx context.Context, a *admission, lease *Lease, h *socketio.Handshake) *Error {
	if g.opts.Authorize.decide == nil {
		return nil
	}
	var user any
	var err error
	end := &endTime{}
	ctx = context.WithValue(ctx, endKey{}, end)
	refused := g.guard(ctx, "Authorize", func() { user, err = g.opts.Authorize.decide(ctx, lease.Token, h) })
	switch {
	case refused != nil:
	case err == nil:
		if user != nil {
			lease.say().user = user
		}
		a.shorten(lease, end.get())
	case errors.Is(err, errNilUser):
		refused = g.refusal(err)
		g.opts.Logger.ErrorContext(ctx, "auth: refused a good token, because Authorize returned a nil user and a nil error; return an error to refuse a token",
			"id", refused.ID, "cause", err)
	default:
		refused = hookRefusal(err)
	}
	return refused
}

// verify finds the token that a socket shows and verifies it. The admission is nil for an
// HTTP request.
func (g *Gate) verify(ctx context.Context, a *admission, shown *socketio.Handshake) (t *token.Token, by proof, refused *Error) {
	var err error
	var c credential
	refused = g.guard(ctx, "a source or the verifier", func() {
		if shown.TooLarge {
			err = errTooLarge
			return
		}
		if c, err = g.find(ctx, shown); err == nil {
			t, by, err = g.prove(ctx, a, shown, c)
		}
	})
	if refused == nil && err != nil {
		refused = g.refusal(err)
	}
	if refused == nil {
		refused = g.ended(a, t.ValidUntil()).of(t)
	}
	if refused != nil && refused.RetryAfter == 0 && (refused.Reason == ReasonKeysUnavailable || errors.Is(refused.Err, errUnverified)) {
		refused.RetryAfter = g.wait(ctx)
	}
	if late := g.tooLate(ctx); late != nil {
		return nil, by, late
	}
	if refused != nil {
		return nil, by, refused
	}
	g.verified()
	g.sees(t)
	return t, by, nil
}

// tooLate returns the refusal for a result that comes after the deadline, or nil if ctx has
// not ended. It replaces any other result, because the deadline may have caused that.
func (g *Gate) tooLate(ctx context.Context) *Error {
	if ctx.Err() == nil {
		return nil
	}
	return g.refusal(errLate)
}

// guard runs user code. A panic in it is logged, and guard returns a refusal.
func (g *Gate) guard(ctx context.Context, what string, user func()) (refused *Error) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		g.figures.panics.Add(1)
		refused = g.refusal(errPanic)
		g.opts.Logger.ErrorContext(ctx, "auth: panic in "+what, "id", refused.ID, guard.Recovered(value).Attr())
	}()
	user()
	return nil
}
