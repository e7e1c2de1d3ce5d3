package auth

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"socketiojwt/socketio"
)

// stage is how far a socket has come.
type stage uint8

const (
	outside stage = iota // connecting or held; a deadline runs
	guest                // let in without a lease
	leased               // let in; the lease runs
	over                 // refused, ended, or gone by itself
)

// admission is one socket's way through the gate. Three race for it: a token being
// examined, the timer, and the end of the socket. What is decided is decided by
// the first to change the stage.
type admission struct {
	gate   *Gate
	socket *socketio.Socket
	logins logins

	mu        sync.Mutex
	stage     stage
	held      bool         // counted in gate.held
	network   netip.Prefix // under which it is counted
	examining bool         // a token is being examined, before there is a lease
	counted   stage        // guest or leased while the figures count it so
	failed    int          // tokens refused
	deadline  time.Time    // of the admission, not of the lease; by the monotonic clock
	timer     *time.Timer  // wakes at the deadline, or before; nil once the socket has a lease
	cancel    func()       // ends the context of what runs before the decision; may be nil
	entry     *entry       // in the index; nil once the socket has ended
	candidate *entry       // in the index, for a token that a socket shows once it is admitted; may be nil
}

// newAdmission begins the way of a socket, and its deadline. Examining says that
// the peer has sent all that is needed.
func (g *Gate) newAdmission(s *socketio.Socket, examining bool, logins logins) *admission {
	s.Namespace().DependsOn(g)
	a := &admission{gate: g, socket: s, logins: logins, examining: examining}
	since := a.now()
	a.mu.Lock()
	a.setDeadline()
	a.enlist(since)
	a.mu.Unlock()
	// Or a closed socket would stay in memory for as long as its token is good.
	s.OnEnd(a.gone)
	g.keepCookies(s)
	return a
}

// setDeadline starts the time that the gate may take. The caller holds mu.
func (a *admission) setDeadline() {
	a.deadline = time.Now().Add(a.gate.opts.Timeout)
	a.wakeIn(a.gate.opts.Timeout)
}

// wakeIn sets the timer. The caller holds mu.
func (a *admission) wakeIn(d time.Duration) {
	if a.timer == nil {
		a.timer = time.AfterFunc(d, a.wake)
		return
	}
	a.timer.Reset(d)
}

// stopTimer stops the deadline. The caller holds mu.
func (a *admission) stopTimer() {
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
}

// wake runs when the timer of the deadline does.
func (a *admission) wake() {
	a.mu.Lock()
	left := time.Until(a.deadline)
	switch {
	case a.stage == over, a.stage == leased, a.stage == guest && !a.examining: // it was stopped too late
		a.mu.Unlock()
	case left > 0:
		a.wakeIn(left)
		a.mu.Unlock()
	default:
		cause := errDeadline
		if a.examining { // the peer has done its part
			cause = errLate
		}
		a.stage = over
		a.mu.Unlock()
		a.dismiss(a.gate.refusal(cause))
	}
}

// gone runs when the socket has ended.
func (a *admission) gone() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stage = over
	a.stopTimer()
	a.release()
	a.count(over)
	a.delist()
	if a.cancel != nil {
		a.cancel()
		a.cancel = nil
	}
}

// hold counts the socket as held, and reports false if too many are.
func (a *admission) hold(network netip.Prefix, most, mostOfNetwork int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.gate.held.add(network, most, mostOfNetwork) {
		return false
	}
	a.held, a.network = true, network
	if a.stage == over { // its end came first, and would not be noticed again
		a.release()
	}
	return true
}

// release counts the socket as held no more. The caller holds mu.
func (a *admission) release() {
	if a.held {
		a.held = false
		a.gate.held.remove(a.network)
	}
}

// within returns a context that ends at the deadline, with the socket, or by cancel,
// which the caller must call. One at a time is in use.
func (a *admission) within(ctx context.Context) (context.Context, context.CancelFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	// Cut off from the socket's own context, which would otherwise keep the map of its
	// children for as long as the socket lives. The socket's end comes by OnEnd.
	ctx, cancel := context.WithDeadlineCause(context.WithoutCancel(ctx), a.deadline, errLate)
	a.cancel = cancel
	if a.stage == over {
		cancel()
	}
	return ctx, cancel
}

// admit decides that the socket is let in, as a guest if lease is nil. It reports
// false if that was decided otherwise before.
func (a *admission) admit(lease *Lease) bool {
	if !a.admitting(lease) {
		return false
	}
	if lease != nil {
		a.gate.opts.Logger.DebugContext(a.socket.Context(), "auth: token accepted", "socket", a.socket, "remote", a.socket.Handshake().RemoteAddr, "subject", lease.Token.Subject)
	}
	return true
}

// admitting is admit without the log.
func (a *admission) admitting(lease *Lease) bool {
	ended := a.socketEnded()
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.undecided(ended) {
		return false
	}
	a.examining, a.failed, a.cancel = false, 0, nil
	a.release()
	a.stopTimer()
	if lease == nil {
		a.stage = guest
		a.count(guest)
		return true
	}
	a.promote()
	// In this order: OnConnect, and end, find the lease in the context.
	a.socket.SetContextValue(leaseKey{}, carried(lease))
	a.stage = leased
	a.count(leased)
	a.socket.SetDeadline(lease.Until, a.end)
	return true
}

// refuse decides that the socket is refused. It reports false if that was decided
// otherwise before.
func (a *admission) refuse() bool {
	ended := a.socketEnded()
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.refusing(ended)
}

// refusing is refuse for a caller that holds mu. Ended is the result of socketEnded.
func (a *admission) refusing(ended bool) bool {
	if !a.undecided(ended) {
		return false
	}
	a.stage = over
	a.stopTimer()
	return true
}

// undecided reports whether the gate may still admit the socket, give it its first lease
// or refuse it. The caller holds mu. Ended is the result of socketEnded, which the caller
// must ask before it takes mu. A socket that ends after that is noticed by its stage,
// because gone runs then.
func (a *admission) undecided(ended bool) bool {
	return (a.stage == outside || a.stage == guest) && !ended
}

// socketEnded reports whether the socket has ended or reached its deadline. It may run the
// server's clock, which is user code, so the caller must not hold mu.
func (a *admission) socketEnded() bool { return a.socket.Context().Err() != nil }

// answer ends the middleware with what was found, in time or not.
func (a *admission) answer(lease *Lease, refused *Error) error {
	switch {
	case refused == nil && a.admit(lease):
		return nil
	case refused != nil && a.refuse():
		a.gate.log(a.socket, refused)
		a.gate.notify(a.socket, refused)
		return a.gate.ending(refused)
	}
	// The deadline is refusing it, or the peer is gone. Whatever this returns must not
	// come before that refusal.
	<-a.socket.Context().Done()
	return &socketio.Ending{Message: "connection refused"}
}

// dismiss refuses a socket that can hear it: it is told, gets time to acknowledge, and
// has to go. The stage is over already.
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
	a.gate.notify(a.socket, e) // which cannot admit the socket any more
}

// leave ends the socket, wherever it stands.
func (a *admission) leave(e *Error) {
	switch {
	case !errors.Is(a.socket.Refuse(a.gate.ending(e)), socketio.ErrAdmitted):
	case e.Temporary && e.RetryAfter > 0 && !a.socket.SharesConnection(): // a guest who tried to log in
		waiting := time.AfterFunc(e.RetryAfter, func() { a.leaveAdmitted(e) })
		a.socket.OnEnd(func() { waiting.Stop() })
	default:
		a.leaveAdmitted(e)
	}
}

// doNotWait is a context that has ended, so that tell does not wait for an acknowledgement.
var doNotWait = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// tell sends "unauthorized", unless the socket is still connecting and cannot hear
// it, and waits until the peer acknowledges it, ctx ends or the socket does. It
// reports whether the peer did. There always is an acknowledgement, since the
// listeners that the old library asked for call it.
func (a *admission) tell(ctx context.Context, e *Error) bool {
	_, err := a.socket.EmitWithAck(ctx, "unauthorized", a.gate.toldByEvent(e))
	if errors.Is(err, socketio.ErrTooManyAcks) {
		_ = a.socket.Emit("unauthorized", a.gate.toldByEvent(e)) // it fails only if the socket is closed
	}
	return err == nil
}
