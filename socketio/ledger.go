package socketio

import "sync"

// A ledger counts the bytes that the server keeps for the peer of one connection. The account
// of handshakes has the first request, and sockets that are connecting or held with their auth
// payloads. The account of events has waiting events, and packets whose attachments have not
// all arrived. The server keeps nothing for a peer that is not charged here first
// (docs/adr/0016-new-connections.md).
//
// Until the first socket of the connection is admitted, Options.MaxNewBytes bounds the sum,
// including a message that is being received, and Options.MaxHeldBytes bounds all such
// connections together. After that Options.MaxInbox bounds the events.
type ledger conn

// ledger returns the ledger of the connection.
func (c *conn) ledger() *ledger { return (*ledger)(c) }

// accounts are what a ledger counts.
type accounts struct {
	mu         sync.Mutex // taken after a socket's and its connection's
	handshakes int
	events     int
	settled    bool // a socket was admitted, or the connection has ended
}

// charged is the result of a charge.
type charged uint8

const (
	taken    charged = iota
	tooMuch          // for this connection
	overload         // for all connections without an admitted socket together
)

// socketBytes is the approximate size of a socket that is connecting or held, in addition to
// what its peer has sent.
const socketBytes = 1 << 10

// headBytes is how much the engine keeps of a message that exceeds the limit.
const headBytes = 4 << 10

// handshake charges n bytes of a handshake. A negative n returns them.
func (l *ledger) handshake(n int) charged { return l.charge(&l.accounts.handshakes, n) }

// event charges n bytes of an event. A negative n returns them.
func (l *ledger) event(n int) charged { return l.charge(&l.accounts.events, n) }

// aside charges n bytes of an event that is set aside. It leaves half of Options.MaxInbox for
// the events that the peer still sends, because the connection of a peer that exceeds it is
// closed.
func (l *ledger) aside(n int) charged {
	l.accounts.mu.Lock()
	defer l.accounts.mu.Unlock()
	if l.accounts.events > 0 && l.accounts.events+n > l.server.opts.MaxInbox/2 {
		return tooMuch
	}
	l.accounts.events += n // the connection has an admitted socket
	return taken
}

func (l *ledger) charge(account *int, n int) charged {
	l.accounts.mu.Lock()
	defer l.accounts.mu.Unlock()
	opts := &l.server.opts
	switch {
	case l.accounts.settled:
		// A single event always fits, however small the inbox is.
		if n > 0 && account == &l.accounts.events && l.accounts.events > 0 && l.accounts.events+n > opts.MaxInbox {
			return tooMuch
		}
	case n > 0 && l.accounts.handshakes+l.accounts.events+n > opts.MaxNewBytes:
		return tooMuch
	default:
		if all := l.server.newBytes.Add(int64(n)); n > 0 && all > int64(opts.MaxHeldBytes) {
			l.server.newBytes.Add(-int64(n))
			return overload
		}
	}
	*account += n
	l.tellEngine()
	return taken
}

// tellEngine sets how much of the next message may be kept. The caller holds mu.
func (l *ledger) tellEngine() {
	if !l.accounts.settled {
		l.session.SetMaxMessage(l.server.opts.MaxNewBytes - headBytes - l.accounts.handshakes - l.accounts.events)
	}
}

// admit records the first admission.
func (l *ledger) admit() {
	l.accounts.mu.Lock()
	defer l.accounts.mu.Unlock()
	if !l.accounts.settled {
		l.settle()
		l.session.Accept()
	}
}

// close records the end of the connection. Its sockets may still return charges.
func (l *ledger) close() {
	l.accounts.mu.Lock()
	defer l.accounts.mu.Unlock()
	if !l.accounts.settled {
		l.settle()
	}
}

// settle removes the connection from the count of connections without an admitted socket. The
// caller holds mu.
func (l *ledger) settle() {
	l.accounts.settled = true
	l.server.newBytes.Add(-int64(l.accounts.handshakes + l.accounts.events))
}
