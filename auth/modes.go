package auth

import (
	"cmp"
	"context"
	"errors"
	"time"

	"socketiojwt/socketio"
)

// EventOptions configure event mode: see Gate.Event. The zero value is ready to use.
type EventOptions struct {
	// Attempts is how many tokens a socket may show by "authenticate" before it is admitted.
	// The socket ends when the last one is refused. Zero means 1.
	Attempts int
	// Grace is how long a refused socket may take to acknowledge "unauthorized" before
	// DISCONNECT is sent. Zero means 2 s. A negative value means that the server does not
	// wait.
	Grace time.Duration

	// EarlyEvents bounds the events that are kept for a held socket until it is admitted.
	// One more event closes its connection. Zero means 16.
	EarlyEvents int
	// EarlyBytes bounds the size of these events together, for each socket. An event that
	// exceeds it closes the connection. Zero means 64 KiB.
	EarlyBytes int
	// DropEarly ignores the events of held sockets instead of keeping them.
	DropEarly bool
	// MaxHeld bounds the sockets that the gate holds at once, in all namespaces together.
	// One more is refused temporarily. Zero means 10,000.
	MaxHeld int
	// MaxHeldPerAddress bounds the sockets of one address that the gate holds at once. An
	// address is an IPv4 address or an IPv6 network of 64 bits, as
	// socketio.Handshake.Network returns it. One more is refused temporarily. Sockets whose
	// address is not an IP address are not limited by it. Zero means 1,000.
	MaxHeldPerAddress int
}

// GuestOptions configure the logins of guests: see Options.Guests. The zero value is ready
// to use.
type GuestOptions struct {
	// Attempts is how many tokens a guest may show by "authenticate". Its socket ends when
	// the last one is refused. Zero means 1.
	Attempts int
	// Grace is how long such a guest may take to acknowledge "unauthorized" before
	// DISCONNECT is sent. Zero means 2 s. A negative value means that the server does not
	// wait.
	Grace time.Duration
	// OnLogin runs for each guest that has logged in, with the context of its lease, before
	// the peer gets "authenticated". socketio.Namespace.OnConnect ran before, when there was
	// no user yet, so do here what needs the user, such as joining the user's rooms.
	// OnLogin delays that answer but no handler, and Timeout does not bound it. It may run
	// concurrently for different sockets. A panic in it ends the socket. Nil means that no
	// hook runs.
	OnLogin func(ctx context.Context, s *socketio.Socket)
	// OnExpiry runs when a socket has become a guest because its lease has ended, with the
	// context of the guest, before its next event is handled. It applies to
	// Options.AtExpiry BecomeGuest only. The socket is in no room, so join the rooms of guests
	// here. It may run concurrently for different sockets. A panic in it ends the socket. Nil
	// means that no hook runs.
	OnExpiry func(ctx context.Context, s *socketio.Socket)
}

// logins bound the event "authenticate" of sockets that have no lease.
type logins struct {
	attempts int
	grace    time.Duration
}

func newLogins(attempts int, grace time.Duration) *logins {
	return &logins{cmp.Or(attempts, 1), cmp.Or(grace, 2*time.Second)}
}

// check returns what is wrong with o.
func (o EventOptions) check(guests bool) error {
	for _, n := range []struct {
		name  string
		value int
	}{
		{"Attempts", o.Attempts}, {"EarlyEvents", o.EarlyEvents}, {"EarlyBytes", o.EarlyBytes},
		{"MaxHeld", o.MaxHeld}, {"MaxHeldPerAddress", o.MaxHeldPerAddress},
	} {
		if n.value < 0 {
			return errors.New("EventOptions." + n.name + " is negative; set a positive number, or zero for the default")
		}
	}
	switch {
	case o.DropEarly && (o.EarlyEvents != 0 || o.EarlyBytes != 0):
		return errors.New("EarlyEvents and EarlyBytes do not apply with DropEarly; leave them zero")
	case guests && o != (EventOptions{}):
		return errors.New("EventOptions do not apply with Options.Guests, because no socket is held; Attempts and Grace are in GuestOptions")
	}
	return nil
}
