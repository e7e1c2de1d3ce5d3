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
	guest                // admitted without a lease
	leased               // admitted; the lease runs
	over                 // refused, or ended by the server or the peer
)

// admission is the state of one socket at the gate. Three events can race: the end of an
// examination, the timer and the end of the socket. The first one to change the stage
// decides.
type admission struct {
	gate   *Gate
	socket *socketio.Socket
	logins logins

	mu        sync.Mutex
	stage     stage
	held      bool         // counted in gate.held
	network   netip.Prefix // the network under which it is counted in gate.held
	examining bool         // a token is being examined, before there is a lease
	counted   stage        // guest or leased while the figures count the socket as one
	failed    int          // number of refused tokens
	deadline  time.Time    // of the admission, not of the lease; by the monotonic clock
	timer     *time.Timer  // fires at the deadline, or earlier; nil while no deadline runs
	cancel    func()       // ends the context that within returned; may be nil
	entry     *entry       // in the index; nil once the socket has ended
	candidate *entry       // in the index, for a token that an admitted socket shows; may be nil

	challenged []*challenged // events that wait for a fresher token
}

// newAdmission makes the admission of a socket, starts its deadline and handles its events
// "authenticate". Examining says that the peer has already sent all that the gate needs.
// newAdmission fails if the socket has ended, or if another gate handles these events.
func (g *Gate) newAdmission(s *socketio.Socket, examining bool, logins logins) (*admission, error) {
	s.Namespace().DependsOn(g)
	a := &admission{gate: g, socket: s, logins: logins, examining: examining}
	since := a.now()
	a.mu.Lock()
	a.setDeadline()
	a.enlist(since)
	a.mu.Unlock()
	// Without gone, a closed socket would stay in memory until its token expires.
	s.OnEnd(a.gone)
	g.keepCookies(s)
	return a, s.Intercept(eventAuthenticate, a.authenticate)
}

// setDeadline starts Options.Timeout. The caller holds mu.
func (a *admission) setDeadline() {
	a.deadline = time.Now().Add(a.gate.opts.Timeout)
	a.wakeIn(a.gate.opts.Timeout)
}

// wakeIn makes the timer fire after d. The caller holds mu.
func (a *admission) wakeIn(d time.Duration) {
	if a.timer == nil {
		a.timer = time.AfterFunc(d, a.wake)
		return
	}
	a.timer.Reset(d)
}

// stopTimer stops the timer of the deadline. The caller holds mu.
func (a *admission) stopTimer() {
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
}

// wake runs when the timer fires, and refuses the socket if the deadline has passed.
func (a *admission) wake() {
	a.mu.Lock()
	left := time.Until(a.deadline)
	switch {
	case a.stage == over, a.stage == leased, a.stage == guest && !a.examining: // the timer fired while it was being stopped
		a.mu.Unlock()
	case left > 0:
		a.wakeIn(left)
		a.mu.Unlock()
	default:
		cause := errDeadline
		if a.examining { // the delay is on the server's side
			cause = errLate
		}
		a.stage = over
		a.mu.Unlock()
		a.dismiss(a.gate.refusal(cause))
	}
}

// gone releases what the admission holds. It runs when the socket has ended.
func (a *admission) gone() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stage = over
	a.stopTimer()
	a.release()
	a.count(over)
	a.delist()
	a.unchallenge()
	if a.cancel != nil {
		a.cancel()
		a.cancel = nil
	}
}

// hold counts the socket as held. It reports false, and counts nothing, if too many
// sockets are held.
func (a *admission) hold(network netip.Prefix, most, mostOfNetwork int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.gate.held.add(network, most, mostOfNetwork) {
		return false
	}
	a.held, a.network = true, network
	if a.stage == over { // the socket ended before, and gone does not run again
		a.release()
	}
	return true
}

// release stops counting the socket as held. The caller holds mu.
func (a *admission) release() {
	if a.held {
		a.held = false
		a.gate.held.remove(a.network)
	}
}

// within returns a context that ends at the deadline, with the socket, or when the caller
// calls the returned function, which it must. Only one such context is in use at a time.
func (a *admission) within(ctx context.Context) (context.Context, context.CancelFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	// Do not derive it from the socket's context, which would keep its map of children for
	// as long as the socket lives. gone cancels it when the socket ends.
	ctx, cancel := context.WithDeadlineCause(context.WithoutCancel(ctx), a.deadline, errLate)
	a.cancel = cancel
	if a.stage == over {
		cancel()
	}
	return ctx, cancel
}

// admit admits the socket, as a guest if lease is nil. It reports false if the socket
// has a lease already, was refused or has ended.
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
	if !a.undecided(ended) || lease != nil && a.candidateRevoked() {
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
	// The lease is set before the deadline, because OnConnect and end read it from the
	// context.
	a.socket.SetContextValue(leaseKey{}, a.carried(lease))
	a.rooms(nil, lease)
	a.stage = leased
	a.count(leased)
	a.socket.SetDeadline(lease.Until, a.end)
	return true
}

// refuse decides that the socket is refused. It reports false if the socket was admitted
// with a lease, was refused or has ended before.
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

// answer admits or refuses the socket and returns the result of the middleware.
func (a *admission) answer(lease *Lease, refused *Error) error {
	switch {
	case refused == nil && a.admit(lease):
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
		_ = s.Emit(eventUnauthorized, payload) // it fails only if the socket is closed
	}
	return err == nil
}
