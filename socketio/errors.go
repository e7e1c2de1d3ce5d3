package socketio

import (
	"errors"

	"socketiojwt/engineio"
)

var (
	// ErrClosed is returned by operations on a socket or connection that has ended. It is
	// engineio.ErrClosed.
	ErrClosed = engineio.ErrClosed
	// ErrSlow is returned by the Emit that finds the connection's queue full and therefore
	// closes the connection. It is engineio.ErrSlow.
	ErrSlow = engineio.ErrSlow
	// ErrNotAdmitted is returned by operations that require an admitted socket, such as Join.
	ErrNotAdmitted = errors.New("socketio: socket is not admitted")
	// ErrAdmitted is returned by operations that are possible only before the socket is
	// admitted, such as Hold.
	ErrAdmitted = errors.New("socketio: socket is admitted already")
	// ErrTooManyRooms is returned by Join if it would exceed Options.MaxRooms.
	ErrTooManyRooms = errors.New("socketio: too many rooms")
	// ErrRoomName is returned by Join for a name longer than Options.MaxNameLength. The limit
	// exists because names often come from peers and are kept.
	ErrRoomName = errors.New("socketio: room name is too long")
	// ErrReservedRoom is returned by Join for the id of another socket of the namespace, even
	// if that socket has left.
	ErrReservedRoom = errors.New("socketio: room name is the id of another socket")
	// ErrTooManyAcks is returned by EmitWithAck if Options.MaxPendingAcks acknowledgements are
	// pending.
	ErrTooManyAcks = errors.New("socketio: too many pending acknowledgements")
	// ErrAnswersTooLarge is returned by Broadcast.EmitWithAck if the answers would exceed
	// Broadcast.MaxAnswers.
	ErrAnswersTooLarge = errors.New("socketio: answers are too large")
	// ErrAckSent is returned by the second call of Event.Ack.
	ErrAckSent = errors.New("socketio: event was acknowledged already")
	// ErrTooManyEvents is returned by Event.SetAside if the events that wait would exceed
	// half of Options.MaxInbox.
	ErrTooManyEvents = errors.New("socketio: too many events wait")
	// ErrArguments is returned by Scan for arguments that are missing or of another type.
	ErrArguments = errors.New("socketio: wrong arguments")
	// ErrEventName is returned for an event name that is empty or reserved.
	ErrEventName = errors.New("socketio: event name is empty or reserved")
	// ErrPlaceholder is returned for arguments that contain both binary data and an object that
	// looks like the placeholder of an attachment, because the peer could not distinguish them.
	ErrPlaceholder = errors.New("socketio: argument looks like an attachment's placeholder")

	errHeld        = errors.New("socketio: socket is held")
	errTooLarge    = &Ending{Message: "payload too large"}
	errNoNamespace = &Ending{Message: "Invalid namespace"}
)

// A DisconnectError is the cause of the context of a socket that has ended, as returned by
// context.Cause. It matches ErrClosed with errors.Is.
type DisconnectError struct {
	// Reason is why the socket ended.
	Reason Reason
	// Err is the argument of Disconnect, DisconnectSockets or Refuse, or the error of connect
	// middleware or OnConnect. It may be nil.
	Err error
}

// Error returns the reason.
func (e *DisconnectError) Error() string { return "socketio: socket ended: " + string(e.Reason) }

// Is reports whether target is ErrClosed, because a waiting call may return either error.
func (e *DisconnectError) Is(target error) bool { return target == ErrClosed }

// Unwrap returns Err.
func (e *DisconnectError) Unwrap() error { return e.Err }

// A PublicError is an error whose text may be sent to the peer: see AckFunc.
type PublicError struct {
	// Message is sent to the peer.
	Message string
	// Err is the cause, which is logged as a warning. Nil means that the peer can cause the
	// error at will, so it is logged at slog.LevelDebug.
	Err error
}

// Error returns the message.
func (e *PublicError) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *PublicError) Unwrap() error { return e.Err }

// causeOf returns the hidden cause of a PublicError, or nil.
func causeOf(err error) error {
	var public *PublicError
	if errors.As(err, &public) {
		return public.Err
	}
	return nil
}

// A Reason is why a socket ended, with the texts of Socket.IO. It is the type of package
// engineio, so that the reasons of a session need no conversion.
type Reason = engineio.Reason

// Reasons for the end of a socket. Those from ReasonTransportClose on are the reasons of the
// session.
const (
	// ReasonClient: the peer left the namespace.
	ReasonClient Reason = "client namespace disconnect"
	// ReasonServer: Socket.Disconnect or a refusal whose Ending is not Temporary.
	ReasonServer Reason = "server namespace disconnect"
	// ReasonForcedServerClose: Socket.Disconnect or a refusal whose Ending is Temporary, or
	// the deadline of SetDeadline.
	ReasonForcedServerClose = engineio.ForcedServerClose

	// ReasonTransportClose: the peer closed the connection, or the connection was lost.
	ReasonTransportClose = engineio.TransportClose
	// ReasonTransportError: the peer broke a rule of its transport.
	ReasonTransportError = engineio.TransportError
	// ReasonPingTimeout: the peer did not answer a ping.
	ReasonPingTimeout = engineio.PingTimeout
	// ReasonParseError: the peer sent something that is not a packet of Engine.IO.
	ReasonParseError = engineio.ParseError
	// ReasonSlowPeer: the peer read too slowly; see engineio.Options.MaxOutbound.
	ReasonSlowPeer = engineio.SlowPeer
	// ReasonRateExceeded: the peer sent too much; see engineio.Options.CloseAboveRate.
	ReasonRateExceeded = engineio.RateExceeded
	// ReasonForcedClose: the peer broke the protocol or a limit.
	ReasonForcedClose = engineio.ForcedClose
	// ReasonShutdown: Server.Shutdown or Server.Close.
	ReasonShutdown = engineio.ServerShutdown
)
