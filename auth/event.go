package auth

import (
	"cmp"
	"context"

	"socketiojwt/socketio"
	"socketiojwt/token"
)

// Event returns connect middleware for two round trips. CONNECT is answered at once and
// the socket is held outside, until its event "authenticate", with {"token":t}, brings
// a good token; it hears "authenticated", without arguments, and is let in. Else it
// hears "unauthorized", with
//
//	{"message":m,"inner":{"message":m},"data":{"message":m,"code":c,"type":"UnauthorizedError","reason":r,"id":i}}
//
// and an acknowledgement, and after the last of Attempts, or at the deadline, leaves
// by DISCONNECT once it has acknowledged that or Grace is over. A temporary refusal
// closes the transport instead.
//
// Event panics if opts contradict each other, or are set for a gate with Options.Guests,
// which holds no socket. It may be called more than once, with different options.
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
		a := g.newAdmission(s, false, logins)
		if err := s.Intercept("authenticate", a.authenticate); err != nil {
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
	a := g.newAdmission(s, true, g.guests)
	if err := s.Intercept("authenticate", a.authenticate); err != nil {
		return err
	}
	if s.Handshake().TooLarge {
		return a.answer(nil, g.refusal(errTooLarge))
	}
	return a.answer(nil, nil)
}

// authenticate sees each event "authenticate" of the socket, one at a time, before
// and after it is let in.
func (a *admission) authenticate(ctx context.Context, s *socketio.Socket, e *socketio.Event) error {
	a.mu.Lock()
	was := a.stage
	if was == outside && a.examining { // Handshake is at it, for a socket that was held before
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

// shownBy returns where the sources look: in the payload of "authenticate" in place
// of the handshake's. Once a socket is let in, what else came with its handshake is
// dropped sooner or later, so it does not count.
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
	case !a.admit(lease): // the deadline was first, or the peer is gone
		a.withdraw()
		return
	}
	// Both fail only if the socket is closed.
	if was == outside {
		_ = a.socket.AdmitWith("authenticated")
		return
	}
	if refused := a.loggedIn(); refused != nil {
		a.dismiss(refused)
		return
	}
	_ = a.socket.Emit("authenticated")
}

// loggedIn runs OnLogin. What it returns ends the socket, unless something has.
func (a *admission) loggedIn() *Error {
	g := a.gate
	if g.opts.Guests == nil || g.opts.Guests.OnLogin == nil {
		return nil
	}
	ctx := a.socket.Context() // of the lease, and not of what was before
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

// attemptFailed refuses the socket, or lets it try again.
func (a *admission) attemptFailed(e *Error) {
	ended := a.socketEnded()
	a.mu.Lock()
	a.withdrawing()
	a.failed++
	last := e.Temporary || a.failed >= a.logins.attempts
	undecided := a.undecided(ended)
	if last {
		a.refusing(ended) // in this step, or the deadline could come between and say something else
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
		// Beside, since the next attempt may come first. Who acknowledges wants to go:
		// so the old library took it.
		a.socket.Go(func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, a.gate.opts.Timeout)
			defer cancel()
			if a.tell(ctx, e) && a.refuse() {
				a.leave(e)
			}
		})
	}
}

// leaveAdmitted is leave for a socket that is admitted.
func (a *admission) leaveAdmitted(e *Error) {
	ending := a.gate.ending(e)
	ending.RetryAfter = 0 // leave has waited
	a.socket.Disconnect(ending)
}

// mostRepeats bounds how many tokens a socket with a lease may show in vain; it is
// not answered any more after that.
const mostRepeats = 10

// repeat answers a socket that has a lease, which nothing here changes: another good
// token of the same holder is as good as the first one was, and hears so; but it does
// not prolong the lease. What is no good, or somebody else's, is refused, and the
// socket stays what it is.
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
		if !sameHolder(t, Current(a.socket).Token) {
			refused = a.gate.refusal(errSubject).of(t)
		}
	}
	switch {
	case ctx.Err() != nil: // no peer is left to tell
	case refused == nil:
		_ = a.socket.Emit("authenticated") // it fails only if the socket is closed
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
// or are one and the same.
func sameHolder(a, b *token.Token) bool {
	return a.Hash == b.Hash || a.Subject != "" && a.Subject == b.Subject && a.Issuer == b.Issuer
}
