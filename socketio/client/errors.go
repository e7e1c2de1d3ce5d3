package client

import (
	"encoding/json"
	"errors"
	"time"

	"socketiojwt/internal/engineclient"
	"socketiojwt/socketio"
)

var (
	// ErrClosed is returned by operations on a socket that has ended by Leave, by
	// Client.Close, or with the transport if Options.NoReconnect is set. It is
	// socketio.ErrClosed.
	ErrClosed = socketio.ErrClosed
	// ErrDisconnected is returned by operations on a socket that the server has ended by
	// DISCONNECT. It is the "io server disconnect" of the JavaScript client.
	ErrDisconnected = errors.New("socketio client: the server has disconnected the socket")
	// ErrConnectionLost is returned by EmitWithAck if the transport was lost before the
	// acknowledgement came: the server may have handled the event or not. It is returned
	// by Event.Ack if the event came by a connection that was lost.
	ErrConnectionLost = errors.New("socketio client: connection lost")
	// ErrSlow is the cause of ErrClosed after more than Options.MaxPending waited for
	// Receive.
	ErrSlow = errors.New("socketio client: too many events wait for Receive")
	// ErrJoined is returned by Join for a namespace that the client has joined or is
	// joining.
	ErrJoined = errors.New("socketio client: namespace is joined already")

	errNotJoined = errors.New("socketio client: the socket is not connected by this connection")
	errProtocol  = errors.New("socketio client: the server broke the protocol")
)

// A ConnectError says that the server refused a socket, by CONNECT_ERROR, or a token, by the
// acknowledgement of "authenticate" or the event "unauthorized". It must not be changed.
type ConnectError struct {
	// Message is the message of the server.
	Message string
	// Data is the JSON that the server sent with it. Nil means none.
	Data json.RawMessage
	// Temporary and RetryAfter are what the server said in Data, by the members temporary
	// and retryAfter (in seconds) that servers of this module send.
	Temporary  bool
	RetryAfter time.Duration
}

// Error returns the message of the server.
func (e *ConnectError) Error() string { return "socketio client: refused: " + e.Message }

// A StatusError says that the server refused a transport by an HTTP response.
type StatusError = engineclient.StatusError
