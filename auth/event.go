package auth

import (
	"cmp"
	"context"

	"socketiojwt/socketio"
	"socketiojwt/token"
)

// Event returns connect middleware for two round trips. The server answers CONNECT at once
// and holds the socket outside of the namespace until its event "authenticate", with
// {"token":t}, shows a good token. The peer then gets the event "authenticated", without
// arguments, and the socket is admitted. If the token is refused, the peer gets the event
// "unauthorized", with
//
//	{"message":m,"inner":{"message":m},"data":{"message":m,"code":c,"type":"UnauthorizedError","reason":r,"id":i}}
//
// and a request for an acknowledgement. After the last of Attempts, or at the deadline,
// the server sends DISCONNECT as soon as the peer has acknowledged the event or Grace is
// over. A temporary refusal closes the transport instead.
//
// Zero opts mean the defaults. Event panics if opts contradict each other, or are set for a
// gate with Options.Guests, because such a gate holds no socket. It may be called more than
// once, with different options, and concurrently.
func (g *Gate) Event(opts EventOptions) socketio.ConnectMiddleware {
	if err := opts.check(g.opts.Guests != nil); err != nil {
		panic("auth: Event: " + err.Error())
	}
	if g.opts.Guests != nil {
		return g.eventOfGuests
	}
	logins := newLogins(opts.Attempts, opts.Grace)
	opts.MaxHeld = cmp.Or(opts.MaxHeld, 10_000)
	opts.MaxHeldPerAddress = cmp.Or(opts.MaxHeldPerAddress, 1000)
	return func(_ context.Context, s *socketio.Socket) error {
		a, err := g.newAdmission(s, false, logins)
		if err != nil {
			return err
		}
		if s.Handshake().TooLarge {
			return a.answer(nil, g.refusal(errTooLarge))
		}
		if !a.hold(s.Handshake().Network(), opts.MaxHeld, opts.MaxHeldPerAddress) {
			return a.answer(nil, g.refusal(errOverloaded))
		}
		return s.Hold(socketio.HoldOptions{Events: opts.EarlyEvents, Bytes: opts.EarlyBytes, Drop: opts.DropEarly})
	}
}

// eventOfGuests is Event for a gate with guests, which admits every socket at once.
func (g *Gate) eventOfGuests(_ context.Context, s *socketio.Socket) error {
	a, err := g.newAdmission(s, true, g.guests)
	if err != nil {
		return err
	}
	if s.Handshake().TooLarge {
		return a.answer(nil, g.refusal(errTooLarge))
	}
	return a.answer(nil, nil)
}

// authenticate handles the events "authenticate" of the socket, one at a time, before and
// after the socket is admitted.
func (a *admission) authenticate(ctx context.Context, s *socketio.Socket, e *socketio.Event) error {
	a.mu.Lock()
	was := a.stage
	if was == outside && a.examining { // Handshake examines a token of a socket that was held before
		a.mu.Unlock()
		return nil
	}
	if was == outside || was == guest {
		a.examining = true
	}
	if was == guest {
		a.setDeadline()
	}
	a.mu.Unlock()
	switch was {
	case outside, guest:
		a.attempt(ctx, shownBy(s, e, was), was)
	case leased:
		a.repeat(ctx, shownBy(s, e, was))
	}
	return nil
}

// shownBy returns the handshake that the sources read: the socket's, with the payload of
// "authenticate" as its auth payload. For an admitted socket it leaves out headers and
// query, because they are dropped at some time after the admission.
func shownBy(s *socketio.Socket, e *socketio.Event, was stage) *socketio.Handshake {
	shown := *s.Handshake()
	if was != outside {
		shown = socketio.Handshake{
			RemoteAddr: shown.RemoteAddr, Origin: shown.Origin, OriginChecked: shown.OriginChecked,
			Protocol: shown.Protocol, Host: shown.Host, Path: shown.Path, TLS: shown.TLS, Time: shown.Time,
		}
	}
	shown.Auth = nil
	shown.TooLarge = shown.TooLarge || e.TooLarge()
	if args := e.Args(); len(args) > 0 {
		shown.Auth = args[0].(socketio.Raw).JSON()
	}
	return &shown
}

// attempt examines a token of a socket that has no lease.
func (a *admission) attempt(ctx context.Context, shown *socketio.Handshake, was stage) {
	within, cancel := a.within(ctx)
	defer cancel()
	lease, refused := a.gate.examine(within, a, a.socket.Handshake(), shown)
	switch {
	case refused != nil:
		a.attemptFailed(refused)
		return
	case !a.admit(lease): // the deadline or a revocation came first, or the peer has gone
		if refused := a.revokedMeanwhile(); refused != nil {
			a.attemptFailed(refused)
			return
		}
		a.withdraw()
		return
	}
	// AdmitWith and Emit fail only if the socket is closed.
	if was == outside {
		_ = a.socket.AdmitWith(eventAuthenticated)
		return
	}
	if refused := a.loggedIn(); refused != nil {
		a.dismiss(refused)
		return
	}
	_ = a.socket.Emit(eventAuthenticated)
}

// loggedIn runs OnLogin. It returns the refusal that must end the socket, or nil if there
// is none or the socket has ended already.
func (a *admission) loggedIn() *Error {
	g := a.gate
	if g.opts.Guests == nil || g.opts.Guests.OnLogin == nil {
		return nil
	}
	ctx := a.socket.Context() // the context of the lease, and not that of the guest
	refused := g.guard(ctx, "OnLogin", func() { g.opts.Guests.OnLogin(ctx, a.socket) })
	if refused == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stage == over {
		return nil
	}
	a.stage = over
	a.stopTimer()
	return refused.of(Token(ctx))
}

// attemptFailed refuses the socket for good, or tells the peer that it may try again.
func (a *admission) attemptFailed(e *Error) {
	ended := a.socketEnded()
	a.mu.Lock()
	a.withdrawing()
	a.failed++
	last := e.Temporary || a.failed >= a.logins.attempts
	undecided := a.undecided(ended)
	if last {
		a.refusing(ended) // under the same lock, so that the deadline cannot refuse it with another reason
	}
	a.examining = false
	a.mu.Unlock()
	switch {
	case !undecided:
	case last:
		a.dismiss(e)
	default:
		a.gate.log(a.socket, e)
		a.gate.notify(a.socket, e)
		// On a goroutine, because the next attempt may come before the acknowledgement. A
		// peer that acknowledges the refusal asks to be disconnected, as with the npm package.
		a.socket.Go(func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, a.gate.opts.Timeout)
			defer cancel()
			if a.tell(ctx, e) && a.refuse() {
				a.leave(e)
			}
		})
	}
}

// mostRepeats bounds how many refused tokens a socket with a lease may show. After that
// the gate ignores its events "authenticate".
const mostRepeats = 10

// repeat answers "authenticate" of a socket that has a lease. It never changes the lease.
// If the token is good and for the same subject, the peer gets "authenticated", but the
// lease is not prolonged. Any other token is refused, and the socket keeps its lease.
func (a *admission) repeat(ctx context.Context, shown *socketio.Handshake) {
	a.mu.Lock()
	ignored := a.failed >= mostRepeats
	a.mu.Unlock()
	if ignored {
		return
	}
	within, cancel := context.WithTimeoutCause(ctx, a.gate.opts.Timeout, errLate)
	defer cancel()
	t, _, refused := a.gate.verify(within, a, shown)
	if refused == nil {
		a.enter(&Lease{Token: t, Until: t.ValidUntil()})
		defer a.withdraw()
		if refused = a.gate.denied(within, t); refused == nil && !sameHolder(t, Current(a.socket).Token) {
			refused = a.gate.refusal(errSubject).of(t)
		}
	}
	switch {
	case ctx.Err() != nil: // the socket has ended
	case refused == nil:
		_ = a.socket.Emit(eventAuthenticated) // it fails only if the socket is closed
	default:
		a.mu.Lock()
		a.failed++
		a.mu.Unlock()
		a.gate.log(a.socket, refused)
		a.gate.notify(a.socket, refused)
		a.tell(doNotWait, refused)
	}
}

// sameHolder reports whether two tokens are for the same subject of the same issuer,
// or are the same token.
func sameHolder(a, b *token.Token) bool {
	return a.Hash == b.Hash || a.Subject != "" && a.Subject == b.Subject && a.Issuer == b.Issuer
}
