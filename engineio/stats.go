package engineio

import (
	"net/http"
	"sync/atomic"

	"socketiojwt/internal/tally"
)

// Stats are the figures of a Server at one time. Fields without another unit count
// sessions or requests. Counters never fall: they begin at zero with the server.
type Stats struct {
	// Polling and WebSocket are the sessions that are open now, by transport.
	Polling, WebSocket int
	// Legacy is how many of them speak Engine.IO 3, and LegacyWebSocket how many of those use
	// WebSocket.
	Legacy, LegacyWebSocket int
	// Requests are the HTTP requests that are being answered now. Polls that wait are among
	// them, and WebSockets are not.
	Requests int
	// Delayed are the sessions whose peer is not read now, because of Options.MaxPacketsPerSecond
	// or MaxBytesPerSecond.
	Delayed int
	// Queued is about how many bytes wait to be written: for peers that read slowly, and for the
	// next polls of others. Options.MaxOutbound bounds them for each session.
	Queued int64
	// Goroutines is the number of goroutines that read and write sessions. With
	// Options.SharedWait it includes the WebSockets that wait without one.
	Goroutines int

	// Opened counts the sessions that were opened, and Upgraded those that changed over
	// from polling to WebSocket.
	Opened, Upgraded uint64
	// Closed counts the sessions that have ended, by reason. SlowPeer counts the peers that
	// read too slowly. Session.Close may be given any reason: 64 are told apart, and the
	// others are counted as "other". It is a copy.
	Closed map[Reason]uint64
	// ReceivedBytes counts the bytes of messages that were received, after decompression, and
	// SentBytes those that were written: frames by WebSocket, and responses by polling, as they
	// were compressed.
	ReceivedBytes, SentBytes uint64
	// Delays counts how often the peer of a session was not read for a while: see Delayed.
	Delays uint64
	// Refused counts the requests that were refused.
	Refused Refused
}

// Refused counts requests that were refused, by cause.
type Refused struct {
	// Origin: by Options.Origins and OriginFunc, with 403.
	Origin uint64
	// Allow: by Options.Allow, with 403 or the status of its RefusedError. The layer above
	// may refuse in this way during an outage or a shutdown.
	Allow uint64
	// Address: by Options.MaxNewPerAddress, with 503.
	Address uint64
	// AddressFull: by Options.MaxSessionsPerAddress, with 503.
	AddressFull uint64
	// AddressRate: by Options.MaxHandshakesPerSecond, with 503.
	AddressRate uint64
	// Full: by Options.MaxSessions, or because the server is shutting down, with 503.
	Full uint64
	// Layer: because the function given to NewServer returned no Conn, with 503.
	Layer uint64
	// Unbound: handshakes of Engine.IO 3 that show nothing that Options.Bind could bind them
	// to, with 403.
	Unbound uint64
	// UnknownSession: requests of a session that does not exist on this server, or that do
	// not come from where it began, with 400. Many of them mean that a load balancer sends
	// requests of one session to several servers.
	UnknownSession uint64
	// Invalid: requests that break a rule of the protocol or exceed a limit, with another
	// status.
	Invalid uint64
}

// refusalCause says which field of Refused counts a refusal.
type refusalCause uint8

const (
	causeInvalid refusalCause = iota
	causeOrigin
	causeAllow
	causeAddress
	causeAddressFull
	causeAddressRate
	causeFull
	causeLayer
	causeUnbound
	causeUnknownSession
	causes // their number
)

// refuse answers r with refused, and counts it as a request that is not valid, or as one
// of an unknown session.
func (srv *Server) refuse(w http.ResponseWriter, r *http.Request, refused *refusal) {
	cause := causeInvalid
	if refused == refuseUnknownSession {
		cause = causeUnknownSession
	}
	srv.refuseBecause(w, r, refused, cause)
}

// figures is what a Server counts. Sessions that began are counted until they are told to
// have ended. Figures that change with each message have a cache line of their own.
type figures struct {
	polling, webSocket, legacy, legacyWS atomic.Int64
	opened, upgraded                     atomic.Uint64
	closed                               tally.By[Reason]
	refused                              [causes]atomic.Uint64
	queued, delayed, parkedPolls         atomic.Int64
	delays                               atomic.Uint64

	_             [64]byte
	receivedBytes atomic.Uint64
	_             [64]byte
	sentBytes     atomic.Uint64
	_             [64]byte
}

// Stats returns the figures of the server. It takes the server's lock for a moment, looks at
// no session, and is cheap enough for every scrape. Figures that change meanwhile may differ
// by one.
func (srv *Server) Stats() Stats {
	f := &srv.figures
	srv.mu.Lock()
	requests, tasks := len(srv.requests), srv.tasks
	srv.mu.Unlock()
	refused := func(c refusalCause) uint64 { return f.refused[c].Load() }
	return Stats{
		Polling: int(f.polling.Load()), WebSocket: int(f.webSocket.Load()), Legacy: int(f.legacy.Load()), LegacyWebSocket: int(f.legacyWS.Load()),
		Requests: requests + int(f.parkedPolls.Load()), Queued: f.queued.Load(), Goroutines: tasks,
		ReceivedBytes: f.receivedBytes.Load(), SentBytes: f.sentBytes.Load(),
		Delayed: int(f.delayed.Load()), Delays: f.delays.Load(),
		Opened: f.opened.Load(), Upgraded: f.upgraded.Load(),
		Closed: f.closed.Counts(),
		Refused: Refused{
			Origin: refused(causeOrigin), Allow: refused(causeAllow), Address: refused(causeAddress), AddressFull: refused(causeAddressFull), AddressRate: refused(causeAddressRate), Full: refused(causeFull),
			Layer: refused(causeLayer), Unbound: refused(causeUnbound), UnknownSession: refused(causeUnknownSession), Invalid: refused(causeInvalid),
		},
	}
}

// countOpened counts a session that begins. s.mu is held.
func (s *Session) countOpened() {
	f := &s.srv.figures
	f.opened.Add(1)
	f.count(s, 1)
}

// countClosed counts a session that has ended, whose fields no longer change.
func (s *Session) countClosed() {
	f := &s.srv.figures
	f.closed.Add(s.reason)
	f.count(s, -1)
}

// countUpgraded counts a session that changes over to WebSocket. s.mu is held.
func (s *Session) countUpgraded() {
	f := &s.srv.figures
	f.upgraded.Add(1)
	f.polling.Add(-1)
	f.webSocket.Add(1)
	if s.Protocol() == 3 {
		f.legacyWS.Add(1)
	}
}

// count adds n to the figures that count the session.
func (f *figures) count(s *Session, n int64) {
	legacy := s.Protocol() == 3
	if legacy {
		f.legacy.Add(n)
	}
	switch {
	case s.ws == nil:
		f.polling.Add(n)
		return
	case legacy:
		f.legacyWS.Add(n)
	}
	f.webSocket.Add(n)
}
