package auth

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/token"
)

// stage is how far a socket has come.
type stage uint8

const (
	outside stage = iota // connecting or held; a deadline runs
	guest                // admitted without a lease
	leased               // admitted; the lease runs
	fading               // the lease has ended; the socket becomes a guest when its handlers have returned
	over                 // refused, or ended by the server or the peer
)

// admission is the state of one socket at the gate. Several events can race: the end of an
// examination, the timer, the end of the lease, a revocation and the end of the socket. The
// first one to change the stage decides. No stage follows over, and only conclude sets it.
type admission struct {
	gate   *Gate
	socket *socketio.Socket
	logins *logins

	mu        sync.Mutex
	stage     stage
	examining bool          // a token is being examined, before there is a lease
	asked     bool          // the peer asked to be told about its lease
	warned    bool          // the peer is warned before its lease ends
	counted   stage         // guest or leased while the figures count the socket as one
	held      *netip.Prefix // the network under which the socket is counted in gate.held; nil if it is not counted
	failed    int           // number of refused tokens since the last one that was accepted
	deadline  time.Duration // since gate.began, of the examination and not of the lease
	timer     *time.Timer   // fires at the deadline, or earlier; nil while no deadline runs
	cancel    func()        // ends the context that within returned; may be nil
	entry     *entry        // in the index; nil once the socket has ended
	candidate *entry        // in the index, for a token that an admitted socket shows; may be nil
	spoiled   *Error        // refuses the candidate, which was revoked while it was examined; may be nil
	last      int64         // by wallclock.Nanos, when MaxLifetime ends the socket; 0 means never, or not known yet
	spent     time.Duration // since gate.began, until which refreshes are paid for; see mayRefresh

	challenged *challenged // the first of the events that wait for a fresher token, or nil
}

// newAdmission makes the admission of a socket, starts its deadline and handles its events
// "authenticate". Examining says that the peer has already sent all that the gate needs.
// newAdmission fails if the socket has ended, or if another gate handles these events.
func (g *Gate) newAdmission(s *socketio.Socket, examining bool, logins *logins) (*admission, error) {
	s.Namespace().DependsOn(g)
	g.share.join()
	a := &admission{gate: g, socket: s, logins: logins, examining: examining}
	since, asked := a.now(), asksForLease(s.Handshake().Auth)
	a.mu.Lock()
	a.asked, a.warned = asked, asked
	a.setDeadline()
	a.enlist(since)
	a.mu.Unlock()
	g.keepCookies(s)
	err := s.InterceptBy(eventAuthenticate, a)
	if err != nil {
		a.letGo()
	}
	return a, err
}

// setDeadline starts Options.Timeout. The caller holds mu.
func (a *admission) setDeadline() {
	a.deadline = time.Since(a.gate.began) + a.gate.opts.Timeout
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
	left := a.deadline - time.Since(a.gate.began)
	switch {
	case a.stage == over, a.stage == leased, a.stage == guest && !a.examining: // the timer fired while it was being stopped
		a.mu.Unlock()
	case left > 0:
		a.wakeIn(left)
		a.mu.Unlock()
	case a.stage == fading: // a handler has not returned
		a.conclude()
		a.mu.Unlock()
		a.lapse(a.gate.refusal(token.ErrExpired))
	default:
		cause := errDeadline
		if a.examining { // the delay is on the server's side
			cause = errLate
		}
		a.conclude()
		a.mu.Unlock()
		a.dismiss(a.gate.refusal(cause))
	}
}

// Ended releases what the admission holds, and counts the end of its lease. It runs when the socket
// has ended: without it, a closed socket would stay in memory until its token expires.
func (a *admission) Ended(cause *socketio.DisconnectError) {
	if a.letGo() == leased {
		a.gate.figures.leaseEnds.Add(endOf(cause))
	}
}

// letGo releases what the admission holds, and returns the stage that the figures counted.
func (a *admission) letGo() (counted stage) {
	a.mu.Lock()
	defer a.mu.Unlock()
	counted = a.counted
	a.conclude()
	a.release()
	a.recount(over)
	a.delist()
	a.unchallenge()
	if a.cancel != nil {
		a.cancel()
		a.cancel = nil
	}
	return counted
}

// hold counts the socket as held. It reports false, and counts nothing, if too many
// sockets are held.
func (a *admission) hold(network netip.Prefix, most, mostOfNetwork int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.gate.held.add(network, most, mostOfNetwork) {
		return false
	}
	a.held = &network
	if a.stage == over { // the socket ended before, and Ended does not run again
		a.release()
	}
	return true
}

// release stops counting the socket as held. The caller holds mu.
func (a *admission) release() {
	if a.held != nil {
		a.gate.held.remove(*a.held)
		a.held = nil
	}
}

// within returns a context that ends at the deadline, with the socket, or when the caller
// calls the returned function, which it must. Only one such context is in use at a time.
func (a *admission) within(ctx context.Context) (context.Context, context.CancelFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	// Do not derive it from the socket's context, which would keep its map of children for
	// as long as the socket lives. Ended cancels it when the socket ends.
	ctx, cancel := context.WithDeadlineCause(context.WithoutCancel(ctx), a.gate.began.Add(a.deadline), errLate)
	a.cancel = cancel
	if a.stage == over {
		cancel()
	}
	return ctx, func() {
		cancel()
		a.mu.Lock()
		defer a.mu.Unlock()
		a.cancel = nil
	}
}

// admit admits the socket, as a guest if lease is nil. It reports false if the socket has a
// lease already, was refused or has ended. The refusal is not nil if the token was revoked
// while it was examined.
func (a *admission) admit(lease *Lease) (admitted bool, refused *Error) {
	if admitted, refused = a.admitting(lease); admitted && lease != nil {
		a.logLease("auth: token accepted", lease.Token)
	}
	return admitted, refused
}

// admitting is admit without the log.
func (a *admission) admitting(lease *Lease) (admitted bool, refused *Error) {
	ended, now := a.socketEnded(), a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case !a.undecided(ended):
		return false, nil
	case a.spoiled != nil:
		return false, a.spoiled
	}
	a.examining, a.failed = false, 0
	a.release()
	a.stopTimer()
	if lease == nil {
		a.stage = guest
		a.count(guest)
		return true, nil
	}
	a.promote()
	a.stage = leased
	a.count(leased)
	a.start(lease, now)
	a.rooms(nil, lease)
	return true, nil
}

// refuse decides that the socket is refused. It reports false if the socket was admitted
// with a lease, was refused or has ended before.
func (a *admission) refuse() bool {
	ended := a.socketEnded()
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.undecided(ended) && a.conclude()
}

// conclude decides that the socket ends, and reports false if that was decided before. The
// caller holds mu, and must end the socket after it has released mu.
func (a *admission) conclude() bool {
	if a.stage == over {
		return false
	}
	a.stage = over
	a.stopTimer()
	return true
}

// undecided reports whether the gate may still admit the socket, give it its first lease
// or refuse it. The caller holds mu. Ended is the result of socketEnded, which the caller
// must ask before it takes mu. A socket that ends after that is noticed by its stage,
// because Ended runs then.
func (a *admission) undecided(ended bool) bool {
	return (a.stage == outside || a.stage == guest) && !ended
}

// socketEnded reports whether the socket has ended or reached its deadline. It may run the
// server's clock, which is user code, so the caller must not hold mu.
func (a *admission) socketEnded() bool { return a.socket.Context().Err() != nil }
