package engineio

import (
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

// addresses counts, for each address, the new sessions and the failures that are not
// forgotten yet. An address for which both are zero has no entry after the next sweep.
type addresses struct {
	limit int // of one address; zero or less means none

	mu        sync.Mutex
	byNetwork map[netip.Prefix]*address
	sweepAt   int           // number of entries at which the next sweep is due
	refused   uint64        // handshakes
	logAfter  time.Duration // when a refusal may be logged again
}

// address is the entry of one address. It is not removed while fresh is not zero.
type address struct {
	network  netip.Prefix
	fresh    int           // new sessions
	failures float64       // not forgotten yet
	at       time.Duration // when failures was computed
}

const (
	minSweep = 1 << 10
	// maxIdle bounds the entries of addresses that have no session. Beyond it their
	// failures are forgotten early.
	maxIdle = 1 << 16
)

func newAddresses(limit int) addresses {
	return addresses{limit: limit, byNetwork: make(map[netip.Prefix]*address), sweepAt: minSweep}
}

// count counts a new session of network. If the address has too many it returns false and
// how long the peer should wait. A nil address is not counted.
func (t *addresses) count(network netip.Prefix, now time.Duration) (a *address, wait time.Duration, ok bool) {
	if t.limit <= 0 || !network.IsValid() {
		return nil, 0, true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	a = t.entry(network, now)
	if excess := float64(a.fresh) + a.failures + 1 - float64(t.limit); excess > 0 {
		t.refused++
		return nil, min(time.Duration(excess*float64(t.interval())), failureWindow), false
	}
	a.fresh++
	return a, 0, true
}

// uncount stops counting a session that count has counted.
func (t *addresses) uncount(a *address) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a.fresh--
	if a.fresh == 0 && a.failures == 0 {
		delete(t.byNetwork, a.network)
	}
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

// entry returns the entry of network as of now. t.mu is held.
func (t *addresses) entry(network netip.Prefix, now time.Duration) *address {
	a := t.byNetwork[network]
	if a == nil {
		if len(t.byNetwork) >= t.sweepAt {
			t.sweep(now)
		}
		a = &address{network: network, at: now}
		t.byNetwork[network] = a
	}
	t.decay(a, now)
	return a
}

// decay forgets the failures whose time is over. t.mu is held.
func (t *addresses) decay(a *address, now time.Duration) {
	a.failures = max(0, a.failures-float64(now-a.at)/float64(t.interval()))
	a.at = now
}

// sweep removes the entries that count nothing. t.mu is held.
func (t *addresses) sweep(now time.Duration) {
	idle := 0
	for network, a := range t.byNetwork {
		if t.decay(a, now); a.fresh > 0 {
			continue
		}
		if a.failures == 0 || idle == maxIdle {
			delete(t.byNetwork, network)
			continue
		}
		idle++
	}
	t.sweepAt = max(minSweep, 2*len(t.byNetwork))
}

// refuseCrowded refuses a handshake from an address that has too many new sessions or
// failures. It logs at most one line per minute.
func (srv *Server) refuseCrowded(w http.ResponseWriter, r *http.Request, network netip.Prefix, wait time.Duration) {
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
	setRetryAfter(w.Header(), wait)
	srv.refuseBecause(w, r, refuseBusy, causeAddress)
}

// warnUncounted logs once that some peers have no address to count by.
func (srv *Server) warnUncounted(network netip.Prefix) {
	if srv.opts.MaxNewPerAddress <= 0 || network.IsValid() {
		return
	}
	srv.uncounted.Do(func() {
		srv.log.Info("engineio: Options.MaxNewPerAddress does not limit peers whose address is not an IP address, such as those of a Unix socket; " +
			"set Options.TrustUnixSocket, and let the proxy send X-Forwarded-For")
	})
}
