package auth

import (
	"bytes"
	"cmp"
	"context"

	"socketiojwt/socketio"
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
// If the payload of "authenticate" has "lease":true, "authenticated" has one argument,
//
//	{"expiresIn":n,"refresh":b}
//
// N is the number of whole seconds until the lease ends, missing if it does not end, and b
// says whether the peer may refresh it. If "authenticate" has an acknowledgement, the peer
// gets the same by it, or {"error":d} with d as data above.
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

// Intercept handles the events "authenticate" of the socket, one at a time, before and
// after the socket is admitted.
func (a *admission) Intercept(ctx context.Context, s *socketio.Socket, e *socketio.Event) error {
	a.mu.Lock()
	was, warned := a.stage, a.warned
	if e.WantsAck() {
		a.warned = true
	}
	if asksForLease(payloadOf(e)) {
		a.asked, a.warned = true, true
	}
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
	switch shown := shownBy(s, e, was); {
	case was == outside, was == guest:
		a.attempt(ctx, e, shown, was)
	case was == leased && e.WantsAck():
		a.refresh(ctx, e, shown)
	case was == leased:
		a.repeat(ctx, shown)
	}
	if was == leased && !warned {
		a.remind()
	}
	return nil
}

// payloadOf returns the first argument of an event in JSON, or nil if there is none.
func payloadOf(e *socketio.Event) []byte {
	if args := e.Args(); len(args) > 0 {
		return args[0].(socketio.Raw).JSON()
	}
	return nil
}

// asksForLease reports whether an auth payload has the member "lease" with the value true,
// by which a peer asks to be told about its lease.
func asksForLease(payload []byte) bool {
	if !bytes.Contains(payload, []byte(`"lease"`)) { // saves most payloads from being parsed
		return false
	}
	value, err := onlyMember(payload, "lease")
	return err == nil && string(value) == "true"
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
	shown.Auth = payloadOf(e)
	shown.TooLarge = shown.TooLarge || e.TooLarge()
	return &shown
}

// attempt examines a token of a socket that has no lease.
func (a *admission) attempt(ctx context.Context, e *socketio.Event, shown *socketio.Handshake, was stage) {
	within, cancel := a.within(ctx)
	defer cancel()
	lease, refused := a.gate.examine(within, a, a.socket.Handshake(), shown)
	admitted := false
	if refused == nil {
		admitted, refused = a.admit(lease)
	}
	switch {
	case refused != nil:
		a.attemptFailed(e, refused)
		return
	case !admitted: // the deadline came first, or the peer has gone
		a.withdraw()
		return
	}
	told := a.told(lease)
	var args []any
	if a.tellsLease() {
		args = []any{told}
	}
	// AdmitWith, Emit and Ack fail only if the socket is closed.
	if was == outside {
		_ = a.socket.AdmitWith(eventAuthenticated, args...)
		_ = e.AckOnAdmission(told)
		return
	}
	if guests := a.gate.opts.Guests; guests != nil && guests.OnLogin != nil {
		if !a.hooked("OnLogin", func(ctx context.Context) { guests.OnLogin(ctx, a.socket) }) {
			return
		}
	}
	_ = a.socket.EmitOnce(eventAuthenticated, args...)
	_ = e.Ack(told)
}

// tellsLease reports whether "authenticated" describes the lease.
func (a *admission) tellsLease() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

// attemptFailed refuses the socket for good, or tells the peer that it may try again.
func (a *admission) attemptFailed(event *socketio.Event, e *Error) {
	ended := a.socketEnded()
	a.mu.Lock()
	a.withdrawing()
	a.failed++
	last := e.Temporary || a.failed >= a.logins.attempts
	undecided := a.undecided(ended)
	if undecided && last {
		a.conclude() // under the same lock, so that the deadline cannot refuse it with another reason
	}
	a.examining = false
	a.mu.Unlock()
	if undecided {
		a.acknowledge(event, e)
	}
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
