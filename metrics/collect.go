package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"socketiojwt/auth"
	"socketiojwt/engineio"
	"socketiojwt/observe"
	"socketiojwt/socketio"
	"socketiojwt/token/introspect"
	"socketiojwt/token/jwks"
	"socketiojwt/upstream"
)

// sink sends the figures of one scrape.
type sink struct{ out chan<- prometheus.Metric }

func (s sink) put(f *figure, value float64, labels ...string) {
	s.out <- prometheus.MustNewConstMetric(f.desc, f.kind, value, labels...)
}

func (s sink) count(f *figure, n uint64, labels ...string) { s.put(f, float64(n), labels...) }

// each sends a figure for each of the names, which follow the other labels.
func each[K ~string](s sink, f *figure, counts map[K]uint64, labels ...string) {
	merged := make(map[string]uint64, len(counts)) // two names may be the same when they are clean
	for name, n := range counts {
		merged[clean(string(name))] += n
	}
	for name, n := range merged {
		s.count(f, n, append(labels[:len(labels):len(labels)], name)...)
	}
}

// from returns counts with those of names that are zero, because rate() does not see the first
// increment of a series that begins with it.
func from[K ~string](counts map[K]uint64, names ...K) map[K]uint64 {
	for _, name := range names {
		counts[name] += 0 // the map is a copy of ours
	}
	return counts
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (s sink) engine(e *engineio.Stats) {
	legacyPolling := e.Legacy - e.LegacyWebSocket
	for _, n := range []struct {
		transport engineio.Transport
		protocol  string
		sessions  int
	}{
		{engineio.Polling, "4", e.Polling - legacyPolling},
		{engineio.Polling, "3", legacyPolling},
		{engineio.WebSocket, "4", e.WebSocket - e.LegacyWebSocket},
		{engineio.WebSocket, "3", e.LegacyWebSocket},
	} {
		s.put(sessions, float64(max(n.sessions, 0)), string(n.transport), n.protocol) // figures that change meanwhile differ by one
	}
	s.put(httpRequests, float64(e.Requests))
	s.put(queuedBytes, float64(e.Queued))
	s.put(sessionsDelayed, float64(e.Delayed))
	s.count(delays, e.Delays)
	s.put(goroutines, float64(e.Goroutines), "sessions")
	s.count(sessionsOpened, e.Opened)
	s.count(sessionsUpgraded, e.Upgraded)
	each(s, sessionsClosed, from(e.Closed, engineio.TransportClose, engineio.TransportError, engineio.PingTimeout,
		engineio.ParseError, engineio.ForcedClose, engineio.ServerShutdown, engineio.SlowPeer, engineio.RateExceeded))
	r := e.Refused
	each(s, requestsRefused, map[string]uint64{
		"origin": r.Origin, "allow": r.Allow, "address": r.Address, "address_full": r.AddressFull, "address_rate": r.AddressRate, "full": r.Full,
		"layer": r.Layer, "unbound": r.Unbound, "unknown_session": r.UnknownSession, "invalid": r.Invalid,
	})
	s.count(receivedBytes, e.ReceivedBytes)
	s.count(sentBytes, e.SentBytes)
}

func (s sink) sockets(all *socketio.Stats) {
	s.put(connecting, float64(all.Connecting))
	s.put(pendingAcks, float64(all.PendingAcks))
	s.put(newBytes, float64(all.NewBytes))
	s.put(goroutines, float64(all.Running), "handlers")
	each(s, disconnects, all.Disconnects)
	s.count(violations, all.Violations)
	s.count(overloads, all.Overloads)
	s.count(handlerErrors, all.PeerErrors, "peer")
	s.count(handlerErrors, less(all.HandlerErrors, all.PeerErrors), "program")
	s.count(panics, all.Panics)
	finally, temporarily := all.Refusals, all.TemporaryRefusals
	merged := make(map[string]socketio.NamespaceStats)
	for name, n := range all.Namespaces {
		merged[clean(name)] = n
	}
	for name, n := range merged {
		s.put(sockets, float64(n.Held), name, "held")
		s.put(sockets, float64(n.Admitted), name, "admitted")
		s.put(sockets, float64(n.Ending), name, "ending")
		s.count(admissions, n.Admissions, name)
		s.count(refusals, n.Refusals, name, "false")
		s.count(refusals, n.TemporaryRefusals, name, "true")
		s.count(eventsReceived, n.Received, name)
		s.count(eventsDropped, n.Dropped, name)
		s.count(eventsSent, n.Sent, name)
		s.count(broadcasts, n.Broadcasts, name)
		finally, temporarily = less(finally, n.Refusals), less(temporarily, n.TemporaryRefusals)
	}
	if _, taken := merged[observe.Other]; !taken { // the name of a rule
		s.count(refusals, finally, observe.Other, "false")
		s.count(refusals, temporarily, observe.Other, "true")
	}
}

// less returns a - b, or 0 if b is greater, as a counter that was read later may be.
func less(a, b uint64) uint64 { return a - min(a, b) }

func (s sink) bus(h *socketio.BusHealth) {
	if h == nil {
		return
	}
	s.put(busConnected, truth(h.Connected))
	s.put(busNodes, float64(h.Nodes))
	s.put(busQueued, float64(h.Queued))
	s.put(busDelay, h.Delay.Seconds())
	s.count(busSent, h.Sent)
	s.count(busReceived, h.Received)
	s.count(busIgnored, h.Ignored)
	s.count(busDropped, h.Dropped)
	s.count(busOverflowed, h.Overflows)
	s.count(busGaps, h.Gaps)
}

func (s sink) gate(name string, gate *auth.Gate) {
	g := gate.Stats()
	s.put(gateAvailable, truth(gate.Available()), name)
	s.put(gateSockets, float64(g.Held), name, "held")
	s.put(gateSockets, float64(g.Leased), name, "leased")
	s.put(gateSockets, float64(g.Guests), name, "guest")
	outage := 0.0
	if !g.Outage.IsZero() {
		outage = max(time.Since(g.Outage).Seconds(), 0)
	}
	s.put(gateOutage, outage, name)
	s.put(denied, float64(g.Denied), name)
	s.count(gateAdmissions, g.Admissions, name, "leased")
	s.count(gateAdmissions, g.GuestAdmissions, name, "guest")
	each(s, gateRefusals, from(g.Refusals, auth.ReasonTokenMissing, auth.ReasonTokenSignature, auth.ReasonTokenExpired, auth.ReasonTokenRevoked,
		auth.ReasonKeysUnavailable, auth.ReasonAuthUnavailable, auth.ReasonOverloaded), name)
	s.count(gateVerified, g.Verified, name)
	s.count(gateRefreshes, g.Refreshes, name)
	each(s, leaseEnds, from(g.LeaseEnds, string(auth.ReasonTokenExpired), string(auth.ReasonTokenRevoked)), name)
	s.count(revoked, g.Revoked, name)
	each(s, forbidden, g.Forbidden, name)
	s.count(challenges, g.Challenges, name)
	s.count(gatePanics, g.Panics, name)
}

// statsOf returns the figures of key sets by issuer.
func statsOf(keys []func() []*jwks.Set) map[string]jwks.Stats {
	all := make(map[string]jwks.Stats)
	for _, sets := range keys {
		for _, set := range sets() {
			issuer, k := clean(set.Name()), set.Stats()
			if of, several := all[issuer]; several { // the one in the worst state counts
				k.Fetches, k.Failures, k.Missing = k.Fetches+of.Fetches, k.Failures+of.Failures, k.Missing+of.Missing
				k.Keys, k.Failing = min(k.Keys, of.Keys), max(k.Failing, of.Failing)
				if of.Fetched.Before(k.Fetched) {
					k.Fetched = of.Fetched
				}
				if of.Expire.Before(k.Expire) {
					k.Expire = of.Expire
				}
			}
			all[issuer] = k
		}
	}
	return all
}

func (s sink) keys(issuer string, k jwks.Stats) {
	s.put(keysInUse, float64(k.Keys), issuer)
	s.put(keysFetched, timestamp(k.Fetched), issuer)
	s.put(keysExpire, timestamp(k.Expire), issuer)
	s.put(keysFailing, float64(k.Failing), issuer)
	s.count(keyFetches, k.Fetches, issuer)
	s.count(keyFailures, k.Failures, issuer)
	s.count(keysMissing, k.Missing, issuer)
}

func timestamp(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

func (s sink) backend(b upstream.Stats) {
	down := 0.0
	if !b.Down.IsZero() {
		down = max(time.Since(b.Down).Seconds(), 0)
	}
	s.put(backendDown, down)
	s.put(backendRunning, float64(b.Running))
	s.put(backendWaiting, float64(b.Waiting))
	s.put(backendNotices, float64(b.Notices))
	s.count(backendRequests, b.Connects, "connect")
	s.count(backendRequests, b.Events, "event")
	s.count(backendRequests, b.Disconnects, "disconnect")
	s.count(backendFailures, b.Failed)
	s.count(backendUnsent, b.Unsent)
	s.count(backendRefusals, b.Refused)
	s.count(backendForgotten, b.Dropped)
}

func (s sink) introspection(endpoint string, i introspect.Stats) {
	s.put(introspected, float64(i.Accepted), endpoint, "accepted")
	s.put(introspected, float64(i.Refused), endpoint, "refused")
	s.put(introspecting, float64(i.Asking), endpoint)
	s.put(introspectWaiting, float64(i.Waiting), endpoint)
	s.put(introspectFailing, float64(i.Failing), endpoint)
	s.count(introspectHits, i.AcceptedHits, endpoint, "accepted")
	s.count(introspectHits, i.RefusedHits, endpoint, "refused")
	s.count(introspectAsked, i.Requests, endpoint)
	s.count(introspectFailed, i.Failures, endpoint)
}
