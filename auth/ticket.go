package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/token"
)

// TicketOptions configure a ticket: see Gate.Ticket. The zero value is ready to use.
type TicketOptions struct {
	// Lifetime is how long the ticket can be used. Zero means 30 s. More than 5 minutes is an
	// error.
	Lifetime time.Duration
	// Namespace is the namespace that the ticket admits to. Empty means that of the socket
	// whose context is given, or "/" for an HTTP request.
	Namespace string
}

const (
	defaultTicketLifetime = 30 * time.Second
	maxTicketLifetime     = 5 * time.Minute
	// mostTickets bounds the tickets of a gate that can be used, and mostTicketsOfHolder those
	// of one user. One more of a user replaces the oldest one.
	mostTickets         = 50_000
	mostTicketsOfHolder = 16
)

// Errors of Gate.Ticket.
var (
	// ErrNoLease says that the context is not that of a socket or an HTTP request that the
	// gate has admitted with a token, or that the lease has ended.
	ErrNoLease = errors.New("auth: the context has no lease of this gate")
	// ErrTooManyTickets says that 50,000 tickets of the gate can be used now.
	ErrTooManyTickets = errors.New("auth: too many tickets")
)

// FromTicket reads a ticket of Gate.Ticket from the member of that name of the auth payload,
// or from the query parameter of that name. What it reads is never taken for a token, and
// what other sources read is never taken for a ticket. A socket that shows both a ticket and
// a token is refused. FromTicket finds nothing in an HTTP request.
//
// A ticket in a URL may be in logs and histories, like a token in FromQuery, but it can be
// used only once and for seconds. It admits to one namespace of one connection, so a client
// that joins several namespaces shows the tickets in its auth payloads.
func FromTicket(name string) Source { return fromTicket{name} }

type fromTicket struct{ name string }

// Find implements Source.
func (f fromTicket) Find(ctx context.Context, h *socketio.Handshake) (string, error) {
	if h.Protocol == 0 { // an HTTP request
		return "", nil
	}
	member, err := fromAuth{f.name}.Find(ctx, h)
	if err != nil {
		return "", err
	}
	parameter, err := fromQuery{f.name}.Find(ctx, h)
	switch {
	case err != nil:
		return "", err
	case member == "":
		return parameter, nil
	case parameter != "" && parameter != member:
		return "", errConflict
	}
	return member, nil
}

// Ticket returns a one-use ticket for the identity of ctx, which is the context of an HTTP
// request that Gate.HTTP of this gate has admitted, or of a handler of a socket that this
// gate has admitted. It is for clients that can carry a credential only in a URL. The gate's
// Sources must contain FromTicket.
//
//	mux.Handle("POST /ticket", gate.HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
//		ticket, err := gate.Ticket(r.Context(), auth.TicketOptions{})
//		...
//
// The socket that shows the ticket first is admitted as if it had shown the token of ctx:
// revocations and Authorize are asked again, and its lease ends no later than that of ctx. Any
// other use of the ticket is refused with ReasonTicket: a second one, one in another
// namespace, one by a page of another origin than the request or socket of ctx had, and one
// after its Lifetime. The refusal is the same for all of them, and for text that is not a
// ticket. A ticket is used up when it is shown, also if its socket is then refused, so a client
// fetches one for each connection.
//
// Tickets are kept in memory, as hashes, with the token and not its compact serialization
// unless Options.KeepEncoded is set. They end with the process. After Share, a ticket can be
// used on each node of the cluster, once. A request to the node that has made it takes at most
// 2 s, and less if that node has just failed to answer.
//
// A user can have 16 tickets, and one more replaces the oldest. Ticket fails with
// ErrTooManyTickets if the gate has 50,000, with ErrNoLease for a guest, and if an option is
// invalid. The ticket is a credential: send it with Cache-Control: no-store, and do not log
// it. Ticket may be called concurrently.
func (g *Gate) Ticket(ctx context.Context, opts TicketOptions) (string, error) {
	switch {
	case !g.takesTickets():
		return "", errors.New("auth: Ticket: Options.Sources has no FromTicket")
	case opts.Lifetime < 0 || opts.Lifetime > maxTicketLifetime:
		return "", errors.New("auth: Ticket: Lifetime must be between 0 and 5 minutes")
	case opts.Namespace != "" && !strings.HasPrefix(opts.Namespace, "/"):
		return "", errors.New(`auth: Ticket: Namespace must begin with "/"`)
	}
	made, now, err := g.ticketFor(ctx)
	if err != nil {
		return "", err
	}
	if opts.Namespace != "" {
		made.namespace = opts.Namespace
	}
	lifetime := opts.Lifetime
	if lifetime == 0 {
		lifetime = defaultTicketLifetime
	}
	if until := made.lease.Until; !until.IsZero() {
		if lifetime = min(lifetime, until.Sub(now)); lifetime <= 0 {
			return "", ErrNoLease
		}
	}
	return g.tickets.add(made, lifetime)
}

// ticketFor returns a ticket for the identity of ctx, and the time by which its lease ends.
func (g *Gate) ticketFor(ctx context.Context) (ticket, time.Time, error) {
	if s := socketio.FromContext(ctx); s != nil {
		lease, a := admittedBy(s.Context()) // not that of ctx, which may have been refreshed
		if lease == nil || s.Context().Err() != nil || a.gate != g || !a.admitted(lease) {
			return ticket{}, time.Time{}, ErrNoLease
		}
		return ticket{lease: lease, namespace: s.Namespace().Name(), origin: s.Handshake().Origin}, s.Now(), nil
	}
	lease, from := fromContext(ctx), requestOf(ctx)
	if lease == nil || from.gate != g {
		return ticket{}, time.Time{}, ErrNoLease
	}
	return ticket{lease: lease, namespace: "/", origin: from.origin}, time.Now(), nil
}

// admitted reports whether the admission's socket is admitted with a lease that it still has.
func (a *admission) admitted(lease *Lease) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stage == leased && a.entry != nil && a.entry.lease == lease
}

// takesTickets reports whether a source reads tickets.
func (g *Gate) takesTickets() bool {
	for _, source := range g.opts.Sources {
		if _, ok := source.(fromTicket); ok {
			return true
		}
	}
	return false
}

// A credential is what a peer shows.
type credential struct {
	text   string
	ticket bool // by FromTicket; else it is a token
}

// A proof says more about a credential that was accepted.
type proof struct {
	encoded string    // the token in compact serialization, if it is known
	until   time.Time // when the lease must end; zero means when the token ends
}

// prove verifies a token, or takes a ticket. The admission is nil for an HTTP request, which
// shows no ticket.
func (g *Gate) prove(ctx context.Context, a *admission, h *socketio.Handshake, c credential) (*token.Token, proof, error) {
	if !c.ticket {
		t, err := g.accept(ctx, c.text)
		return t, proof{encoded: c.text}, err
	}
	taken, err := g.takeTicket(ctx, c.text)
	if err == nil {
		err = taken.fits(a.socket.Namespace().Name(), h.Origin)
	}
	if err != nil {
		return nil, proof{}, err
	}
	return taken.lease.Token, proof{taken.lease.Encoded, taken.lease.Until}, nil
}

// fits returns why a ticket does not admit to a namespace for a page of an origin. A browser
// leaves out Origin only in a GET to the page's own origin, so an empty one is accepted.
func (t *ticket) fits(namespace, origin string) error {
	switch {
	case t.namespace != namespace:
		return fmt.Errorf("%w: it was made for namespace %.100q", errTicket, t.namespace)
	case t.origin != "" && origin != "" && t.origin != origin:
		return fmt.Errorf("%w: it was made for a page of %.200q", errTicket, t.origin)
	}
	return nil
}

// takeTicket finds and removes a ticket, on this node or, after Share, on the one that has
// made it.
func (g *Gate) takeTicket(ctx context.Context, text string) (*ticket, error) {
	id, ok := g.tickets.read(text)
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: this gate and those of its cluster have not made it", errTicket)
	case id.node() == g.tickets.node:
		if taken := g.tickets.take(id.hash()); taken != nil {
			return taken, nil
		}
		return nil, fmt.Errorf("%w: it was used, or has expired", errTicket)
	}
	return g.tickets.ask(ctx, id)
}
