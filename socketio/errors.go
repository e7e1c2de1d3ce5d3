package socketio

import (
	"errors"
	"time"
)

var (
	// ErrClosed is returned by operations on a socket that has ended.
	ErrClosed = errors.New("socketio: socket is closed")
	// ErrNotAdmitted is returned by operations that a socket may not do before
	// it is admitted, such as Join.
	ErrNotAdmitted = errors.New("socketio: socket is not admitted")
	// ErrAdmitted is returned by operations that only make sense before a
	// socket is admitted, such as Hold.
	ErrAdmitted = errors.New("socketio: socket is admitted already")
	// ErrTooManyRooms is returned by Join beyond Options.MaxRooms.
	ErrTooManyRooms = errors.New("socketio: too many rooms")
	// ErrRoomName is returned by Join for a name longer than
	// Options.MaxNameLength: names often come from peers, and stay.
	ErrRoomName = errors.New("socketio: room name is too long")
	// ErrReservedRoom is returned by Join for a name that is the id of another socket
	// of the namespace, which may have left.
	ErrReservedRoom = errors.New("socketio: room name is the id of another socket")
	// ErrTooManyAcks is returned by EmitWithAck beyond Options.MaxPendingAcks.
	ErrTooManyAcks = errors.New("socketio: too many pending acknowledgements")
	// ErrAckSent is returned by the second call of Event.Ack.
	ErrAckSent = errors.New("socketio: event was acknowledged already")
	// ErrArguments is returned by Scan for arguments that are missing or of
	// another type.
	ErrArguments = errors.New("socketio: wrong arguments")
	// ErrEventName is returned for an event name that is empty or reserved.
	ErrEventName = errors.New("socketio: event name is empty or reserved")
	// ErrPlaceholder is returned for arguments that hold binary data beside an
	// object that looks like the placeholder of an attachment: the peer could
	// not tell them apart.
	ErrPlaceholder = errors.New("socketio: argument looks like an attachment's placeholder")

	errHeld        = errors.New("socketio: socket is held")
	errTooLarge    = &ConnectError{Message: "payload too large"}
	errNoNamespace = &ConnectError{Message: "Invalid namespace"}
)

// A ConnectError refuses a socket. A connect middleware returns one to say what
// the peer is told; any other error is told as "connection refused".
type ConnectError struct {
	// Message is the message of the CONNECT_ERROR packet.
	Message string
	// Data is its data member, any JSON value. Nil leaves it out.
	Data any
	// Temporary closes the transport instead of sending CONNECT_ERROR, so that the
	// JavaScript client comes back by itself. If another socket of the connection is
	// admitted, the transport stays open and only this socket is refused, by
	// CONNECT_ERROR or DISCONNECT. Nil Data is then {"temporary":true}, and the client
	// has to try again, by socket.connect().
	Temporary bool
	// RetryAfter is how long the transport stays open after a Temporary refusal, at
	// most Options.ConnectTimeout. The JavaScript client comes back about a second
	// after it has closed, whatever it was told, so that this is what keeps it away.
	// The socket ends at once. Zero closes the transport at once.
	RetryAfter time.Duration
	// Err is the cause. It is logged, at slog.LevelDebug, and never told. May be nil.
	Err error
}

// Error returns the message, and never the cause.
func (e *ConnectError) Error() string { return "socketio: refused: " + e.Message }

// Unwrap returns the cause.
func (e *ConnectError) Unwrap() error { return e.Err }

// A DisconnectError is the cause with which the context of an ended socket was
// cancelled: context.Cause(ctx). It is ErrClosed to errors.Is.
type DisconnectError struct {
	// Reason says how the socket ended.
	Reason Reason
	// Err is what Disconnect, CloseConnection or Refuse was given. May be nil.
	Err error
}

// Error returns the reason.
func (e *DisconnectError) Error() string { return "socketio: socket ended: " + string(e.Reason) }

// Is reports true for ErrClosed: a call that waits ends with either, whichever it
// sees first.
func (e *DisconnectError) Is(target error) bool { return target == ErrClosed }

// Unwrap returns what Disconnect, CloseConnection or Refuse was given.
func (e *DisconnectError) Unwrap() error { return e.Err }

// A PublicError is an error whose text may reach the peer: see AckFunc.
type PublicError struct {
	// Message is told to the peer.
	Message string
	// Err is the cause, which is logged with a warning. Nil means that the peer can cause
	// the error at will, which is logged at slog.LevelDebug.
	Err error
}

// Error returns the message.
func (e *PublicError) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *PublicError) Unwrap() error { return e.Err }

// causeOf returns the cause that a PublicError does not show; nil when there is
// none.
func causeOf(err error) error {
	var public *PublicError
	if errors.As(err, &public) {
		return public.Err
	}
	return nil
}

// A Reason says why a socket ended, in the words of Socket.IO.
type Reason string

// The reasons that a socket can end for, beside those of package engineio, which
// are passed on as they are: "transport close", "transport error",
// "ping timeout" and so on.
const (
	// ReasonClient: the peer left the namespace.
	ReasonClient Reason = "client namespace disconnect"
	// ReasonServer: Socket.Disconnect, or a refusal.
	ReasonServer Reason = "server namespace disconnect"
	// ReasonForcedClose: the peer broke the protocol or a limit.
	ReasonForcedClose Reason = "forced close"
	// ReasonForcedServerClose: Socket.CloseConnection.
	ReasonForcedServerClose Reason = "forced server close"
	// ReasonShutdown: Server.Shutdown or Server.Close.
	ReasonShutdown Reason = "server shutting down"
)
