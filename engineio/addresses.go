package engineio

import (
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Network returns the network that counts as one address in Options.MaxNewPerAddress:
// the IPv4 address in remoteAddr (see Session.RemoteAddr), or the /64 of the IPv6
// address, because a network of that size belongs to one customer. It returns the zero
// Prefix, which is not valid, if remoteAddr is not an IP address, as for a peer over a unix
// socket. It may be called concurrently.
func Network(remoteAddr string) netip.Prefix {
	addr, ok := parseForwarded(remoteAddr)
	if !ok {
		return netip.Prefix{}
	}
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	network, _ := addr.Prefix(bits) // fails only for a length that is out of range
	return network
}

// failureWindow is the time in which Options.MaxNewPerAddress failures of an address are
// forgotten, one by one at a steady rate.
const failureWindow = time.Minute

// handshakeBurst is how long an address may save up handshakes: see
// Options.MaxHandshakesPerSecond.
const handshakeBurst = 10 * time.Second

// addresses counts what Options bound for each address: new sessions and the failures that
// are not forgotten yet, open sessions, and handshakes. An address for which all are zero has
// no entry after the next sweep.
type addresses struct {
	limit      int // of new sessions and failures of one address; zero or less means none
	sessions   int // of one address; zero means no bound
	handshakes int // of one address in a second; zero means no bound

	mu        sync.Mutex
	byNetwork map[netip.Prefix]*address
	sweepAt   int           // number of entries at which the next sweep is due
	refused   uint64        // handshakes
	logAfter  time.Duration // when a refusal may be logged again
}

// address is the entry of one address. It is not removed while it has sessions that count.
type address struct {
	network    netip.Prefix
	fresh      int           // new sessions
	open       int           // sessions, if they are bounded
	handshakes bucket        // if they are bounded
	failures   float64       // not forgotten yet
	at         time.Duration // when failures was computed
}

// idle reports whether the address has no sessions that count, and forgotten whether it has
// nothing at all.
func (a *address) idle() bool { return a.fresh == 0 && a.open == 0 }

func (a *address) forgotten(now time.Duration) bool {
	return a.idle() && a.failures == 0 && a.handshakes <= bucket(now)
}

const (
	minSweep = 1 << 10
	// maxIdle bounds the entries of addresses that have no session. Beyond it their
	// failures are forgotten early.
	maxIdle = 1 << 16
	// mostSwept bounds the entries that a sweep visits while the table is locked, because each handshake
	// waits for it.
	mostSwept = 1 << 10
)

func newAddresses(o *Options) addresses {
	return addresses{
		limit: o.MaxNewPerAddress, sessions: o.MaxSessionsPerAddress, handshakes: o.MaxHandshakesPerSecond,
		byNetwork: make(map[netip.Prefix]*address), sweepAt: minSweep,
	}
}

// crowd says why an address may begin no session now, and how long its peer should wait.
type crowd struct {
	cause refusalCause
	wait  time.Duration
}

// count counts a new session of network, unless the address has too many. A nil address is
// not counted.
func (t *addresses) count(network netip.Prefix, now time.Duration) (*address, *crowd) {
	if t.limit <= 0 && t.sessions == 0 || !network.IsValid() {
		return nil, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.entry(network, now)
	if t.sessions > 0 && a.open >= t.sessions {
		return nil, &crowd{causeAddressFull, time.Second}
	}
	if excess := float64(a.fresh) + a.failures + 1 - float64(t.limit); t.limit > 0 && excess > 0 {
		t.refused++
		return nil, &crowd{causeAddress, min(time.Duration(excess*float64(t.interval())), failureWindow)}
	}
	if t.sessions > 0 {
		a.open++
	}
	a.fresh++
	return a, nil
}

// uncount stops counting a session that count has counted as new.
func (t *addresses) uncount(a *address) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a.fresh--
	t.release(a)
}

// leave stops counting a session that has ended, and is not new any more.
func (t *addresses) leave(a *address) {
	if t.sessions == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	a.open--
	t.release(a)
}

// release removes the entry of an address for which nothing is counted. The next sweep removes
// others. t.mu is held.
func (t *addresses) release(a *address) {
	if a.idle() && a.failures == 0 && a.handshakes == 0 {
		delete(t.byNetwork, a.network)
	}
}

// handshake counts a handshake of network, unless the address has too many.
func (t *addresses) handshake(network netip.Prefix, now time.Duration) *crowd {
	if t.handshakes == 0 || !network.IsValid() {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.entry(network, now)
	if wait := a.handshakes.empty(now, handshakeBurst); wait > 0 {
		return &crowd{causeAddressRate, wait}
	}
	a.handshakes.charge(now, time.Second/time.Duration(t.handshakes))
	return nil
}

// fail counts a failure of network.
func (t *addresses) fail(network netip.Prefix, now time.Duration) {
	if t.limit <= 0 || !network.IsValid() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.entry(network, now)
	a.failures = min(a.failures+1, float64(t.limit))
}

// interval is the time in which one failure is forgotten.
func (t *addresses) interval() time.Duration { return failureWindow / time.Duration(t.limit) }

// entry returns the entry of network as of now. t.mu is held, and may be released in between.
func (t *addresses) entry(network netip.Prefix, now time.Duration) *address {
	if t.byNetwork[network] == nil && len(t.byNetwork) >= t.sweepAt {
		t.sweep(now, func() {
			t.mu.Unlock()
			t.mu.Lock()
		})
	}
	a := t.byNetwork[network]
	if a == nil {
		a = &address{network: network, at: now}
		t.byNetwork[network] = a
	}
	t.decay(a, now)
	return a
}

// decay forgets the failures whose time is over. t.mu is held.
func (t *addresses) decay(a *address, now time.Duration) {
	if t.limit <= 0 || now <= a.at { // there are no failures, or another handshake has come first
		return
	}
	a.failures = max(0, a.failures-float64(now-a.at)/float64(t.interval()))
	a.at = now
}

// sweep removes the entries that count nothing. It calls pause after some of them, which may release t.mu. t.mu is held.
func (t *addresses) sweep(now time.Duration, pause func()) {
	t.sweepAt = math.MaxInt // others do not sweep meanwhile
	idle, visited := 0, 0
	for network, a := range t.byNetwork {
		t.decay(a, now)
		switch {
		case !a.idle():
		case a.forgotten(now) || idle == maxIdle:
			delete(t.byNetwork, network)
		default:
			idle++
		}
		if visited++; visited%mostSwept == 0 {
			pause()
		}
	}
	t.sweepAt = max(minSweep, 2*len(t.byNetwork))
}

// refuseCrowded refuses a handshake because of its address.
func (srv *Server) refuseCrowded(w http.ResponseWriter, r *http.Request, network netip.Prefix, c *crowd) {
	switch c.cause {
	case causeAddressFull:
		srv.loud.Log(r.Context(), srv.log, slog.LevelWarn, network.String(), "engineio: handshake refused: its address has too many open connections; "+
			"if it is the address of a proxy, add it to Options.TrustedProxies, otherwise raise Options.MaxSessionsPerAddress",
			"address", network, "limit", srv.opts.MaxSessionsPerAddress)
	case causeAddressRate:
		srv.loud.Log(r.Context(), srv.log, slog.LevelWarn, network.String(), "engineio: handshake refused: its address begins too many connections in a second; "+
			"if it is the address of a proxy, add it to Options.TrustedProxies, otherwise raise Options.MaxHandshakesPerSecond",
			"address", network, "limit", srv.opts.MaxHandshakesPerSecond)
	default:
		srv.logNew(network)
	}
	setRetryAfter(w.Header(), c.wait)
	srv.refuseBecause(w, r, refuseBusy, c.cause)
}

// logNew logs that an address has too many new sessions or failures. It logs at most one line
// per minute.
func (srv *Server) logNew(network netip.Prefix) {
	t, now := &srv.addresses, srv.now()
	t.mu.Lock()
	refused, log := t.refused, now >= t.logAfter
	if log {
		t.logAfter = now + time.Minute
	}
	t.mu.Unlock()
	if log {
		srv.log.Warn("engineio: handshake refused: its address has too many connections that are not accepted yet, or too many failed attempts; "+
			"if it is the address of a proxy, add it to Options.TrustedProxies, otherwise raise Options.MaxNewPerAddress",
			"address", network, "limit", t.limit, "refused", refused)
	}
}

// paced reports whether the address of r may begin another connection now. If not, it answers
// r.
func (srv *Server) paced(w http.ResponseWriter, r *http.Request) bool {
	if srv.opts.MaxHandshakesPerSecond == 0 {
		return true
	}
	network := Network(srv.opts.proxies().remoteAddr(r))
	srv.warnUncounted(network)
	c := srv.addresses.handshake(network, srv.now())
	if c != nil {
		srv.refuseCrowded(w, r, network, c)
	}
	return c == nil
}

// warnUncounted logs once that some peers have no address to count by.
func (srv *Server) warnUncounted(network netip.Prefix) {
	if srv.opts.MaxNewPerAddress <= 0 && srv.opts.MaxSessionsPerAddress == 0 && srv.opts.MaxHandshakesPerSecond == 0 || network.IsValid() {
		return
	}
	srv.uncounted.Do(func() {
		srv.log.Info("engineio: the limits of an address do not apply to peers whose address is not an IP address, such as those of a Unix socket; " +
			"set Options.TrustUnixSocket, and let the proxy send X-Forwarded-For")
	})
}
