package socketio

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"socketiojwt/engineio"
)

// An Ending says how the server ends a socket: what the peer is told, how much ends, and
// whether the client reconnects by itself. Refusals and disconnects use the same type. Connect
// middleware and functions of OnConnect return it as their error. Socket.Refuse,
// Socket.Disconnect and Broadcast.DisconnectSockets accept it. It may be wrapped in another
// error. Any other error, and nil, means the zero Ending.
//
// The JavaScript client reacts as follows:
//
//   - The zero Ending: the client receives CONNECT_ERROR while it connects and DISCONNECT
//     later. The connection and its other namespaces stay. The client does not reconnect by
//     itself.
//   - Temporary: the transport closes, and the client reconnects by itself to all its
//     namespaces, with a fresh auth payload. While another socket of the connection is
//     admitted, only this socket ends, as by the zero Ending.
//   - WholeConnection: each socket of the connection ends as by the zero Ending, and then the
//     transport closes. It corresponds to disconnect(true) of the Node server.
//   - Temporary and WholeConnection: all sockets of the connection end without DISCONNECT,
//     and the transport closes once what is queued is written. The client reconnects by
//     itself.
//
// This package does not change an Ending, so one value may be used for many sockets and
// concurrently.
type Ending struct {
	// Message is the message of the CONNECT_ERROR packet. Only a peer that is still connecting
	// receives it. Other peers receive Event. Empty means "connection refused".
	Message string
	// Data is the data member of the packet, any JSON value. Nil leaves it out, except for a
	// Temporary ending, for which nil means {"temporary":true}.
	Data any

	// Event is the last event that the peer receives from the socket, with the arguments Args.
	// It is sent even after the deadline of SetDeadline. It asks for an acknowledgement,
	// because a listener may call its callback, but the answer is ignored. A peer that is still
	// connecting does not receive it. If it cannot be encoded, that is logged and the socket
	// ends without it. Empty means no event.
	Event string
	Args  []any

	// Temporary closes the transport, so that the client reconnects by itself.
	Temporary bool
	// WholeConnection ends all sockets of the connection, not only this one.
	WholeConnection bool
	// RetryAfter is how long the transport stays open after a Temporary ending, at most
	// Options.ConnectTimeout. The sockets end at once. The JavaScript client reconnects about a
	// second after the transport has closed, whatever it was told, so only an open transport
	// delays it. Zero closes the transport at once.
	RetryAfter time.Duration

	// Err is the cause. It is logged and never sent to the peer. It may be nil.
	Err error
}

// Error returns the message, and never the cause. It may be called on a nil *Ending.
func (e *Ending) Error() string {
	if e == nil || e.Message == "" {
		return "socketio: socket ended by the server"
	}
	return "socketio: refused: " + e.Message
}

// Unwrap returns the cause.
func (e *Ending) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// plain is the zero Ending.
var plain = &Ending{}

// endingOf returns the Ending that err is or wraps, or the zero Ending.
func endingOf(err error) *Ending {
	e := plain
	if !errors.As(err, &e) || e == nil {
		return plain
	}
	return e
}

// Disconnect ends the socket at once, in whatever state it is, as how says: see Ending. Nil,
// and an error without an Ending, end only this socket, and the client does not reconnect by
// itself. The error is in the *DisconnectError that is the cause of the socket's context.
// Disconnect does not wait for running handlers. If the socket has already ended, it does
// nothing, unless how has WholeConnection: then the other sockets of the connection end. It may
// be called concurrently.
func (s *Socket) Disconnect(how error) { s.endBy(stateEnding, endingOf(how), how, nil) }

// endBy ends the socket as e, the Ending of how, says if its state is no later than last, and
// reports whether it did. Count is that of endFrom.
func (s *Socket) endBy(last state, e *Ending, how error, count func()) (ended bool) {
	f := s.farewell(e) // before any lock is taken, because it runs user code to encode values
	switch {
	case e.WholeConnection:
		reason := ReasonServer
		if e.Temporary {
			reason = ReasonForcedServerClose
		}
		if ended = s.endFrom(last, reason, how, count, f.closing(e.Temporary)); ended || last == stateEnding {
			s.conn.endAll(e, reason, how)
		}
	case e.Temporary && s.conn.closeUnlessShared(s, last):
		ended = s.endFrom(last, ReasonForcedServerClose, how, count, f.closing(true)) // false if it has just ended by itself
		s.conn.closeAfter(e.RetryAfter, how)
	default:
		ended = s.endFrom(last, ReasonServer, how, count, f.closing(false))
	}
	return ended
}

// endAll ends all sockets of the connection and closes it. Sockets of other namespaces are told
// only DISCONNECT.
func (c *conn) endAll(e *Ending, reason Reason, cause error) {
	for _, s := range c.beginClosing() {
		s.end(reason, cause, s.farewell(plain).closing(e.Temporary))
	}
	if e.Temporary && e.RetryAfter > 0 {
		c.closeAfter(e.RetryAfter, cause)
		return
	}
	c.session.Close(reason)
}

// words holds the last packets that a socket sends.
type words struct {
	s       *Socket
	refusal *engineio.Message // for a connecting socket; nil means "connection refused"
	event   *engineio.Message // for later; may be nil
}

// farewell encodes what e tells the peer.
func (s *Socket) farewell(e *Ending) words {
	w := words{s: s}
	if e == plain {
		return w
	}
	message, data := e.Message, e.Data
	if message == "" {
		message = refusedMessage
	}
	if data == nil && e.Temporary {
		data = map[string]bool{"temporary": true}
	}
	refusalErr := withoutPanic(func() (err error) {
		w.refusal, err = s.connectError(message, data)
		return err
	})
	if w.refusal == nil { // the data panicked
		w.refusal, _ = s.connectError(message, nil)
	}
	eventErr := withoutPanic(func() (err error) {
		if e.Event != "" {
			w.event, _, err = encodeEvent(s.name, s.conn.server.nextAck(), true, e.Event, e.Args)
		}
		return err
	})
	if err := errors.Join(refusalErr, eventErr); err != nil {
		s.logSampled(s.Context(), slog.LevelError, s.name+"\n"+fmt.Sprint(err), "socketio: ending cannot be encoded", "error", err)
	}
	return w
}

// withoutPanic calls encode, and returns a panic of the user code in it as an error. A value
// that cannot be encoded must not keep a socket from ending.
func withoutPanic(encode func() error) (err error) {
	defer caught(&err)
	return encode()
}

// refusedMessage is the message to peers that are refused without a message.
const refusedMessage = "connection refused"

// closing returns the farewell. If transport is true, the transport is going to close, and
// CONNECT_ERROR and DISCONNECT are left out.
func (w words) closing(transport bool) farewell {
	if transport && w.event == nil {
		return nil
	}
	return func(was state) (all []*engineio.Message) {
		if was == stateConnecting {
			switch {
			case transport:
			case w.refusal != nil:
				all = append(all, w.refusal)
			default:
				m, _ := w.s.connectError(refusedMessage, nil) // always encodable
				all = append(all, m)
			}
			return all
		}
		if w.event != nil {
			all = append(all, w.event)
		}
		if !transport {
			all = append(all, encodeDisconnect(w.s.name))
		}
		return all
	}
}
