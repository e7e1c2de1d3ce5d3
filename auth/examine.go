package auth

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"socketiojwt/socketio"
	"socketiojwt/token"
)

// examine finds the token that a socket shows, verifies it and asks Authorize. It is
// where user code runs: whatever that does, the answer is a lease or a refusal.
func (g *Gate) examine(ctx context.Context, s *socketio.Socket, shown *socketio.Handshake) (lease *Lease, refused *Error) {
	t, compact, refused := g.verify(ctx, shown)
	if refused != nil {
		return nil, refused
	}
	lease = &Lease{Token: t, Until: t.ValidUntil()}
	if g.opts.KeepEncoded {
		lease.Encoded = strings.Clone(compact) // it may be a part of a header, which it would keep
	}
	if g.opts.Authorize == nil {
		return lease, nil
	}
	var err error
	refused = g.guard(ctx, "Authorize", func() { lease.User, err = g.opts.Authorize(ctx, t, s.Handshake()) })
	if refused == nil && err != nil {
		refused = hookRefusal(err)
	}
	if late := g.tooLate(ctx); late != nil {
		return nil, late
	}
	if refused == nil {
		refused = g.ended(s, lease)
	}
	if refused != nil {
		return nil, refused
	}
	return lease, nil
}

// verify finds the token that a socket shows and verifies it.
func (g *Gate) verify(ctx context.Context, shown *socketio.Handshake) (t *token.Token, compact string, refused *Error) {
	var err error
	refused = g.guard(ctx, "a source or key function", func() {
		if shown.TooLarge {
			err = errTooLarge
			return
		}
		if compact, err = g.find(ctx, shown); err == nil {
			t, err = g.verifier.Verify(ctx, compact)
		}
	})
	if refused == nil && err != nil {
		refused = g.refusal(err)
	}
	if late := g.tooLate(ctx); late != nil {
		return nil, "", late
	}
	if refused != nil {
		return nil, "", refused
	}
	return t, compact, nil
}

// tooLate returns the refusal for a result that comes after the deadline: whatever
// it is, it may be made of errors that only the deadline caused.
func (g *Gate) tooLate(ctx context.Context) *Error {
	if ctx.Err() == nil {
		return nil
	}
	return g.refusal(errLate)
}

// guard runs user code. A panic in it is logged and refuses the socket.
func (g *Gate) guard(ctx context.Context, what string, user func()) (refused *Error) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		refused = g.refusal(errPanic)
		// The value may hold a token; the runtime's own errors, the type and the
		// stack do not.
		described := fmt.Sprintf("%T", value)
		if err, ok := value.(runtime.Error); ok {
			described = err.Error()
		}
		g.opts.Logger.ErrorContext(ctx, "auth: panic in "+what, "panic", described, "id", refused.ID, "stack", string(debug.Stack()))
	}()
	user()
	return nil
}
