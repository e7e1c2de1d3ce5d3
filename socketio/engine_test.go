package socketio_test

import (
	"context"
	"net/http"

	"socketiojwt/internal/engineclient"
)

// engineConn is the client's side of an Engine.IO session, for tests of how a server handles
// packets that no Socket.IO client sends.
type engineConn struct {
	*engineclient.Conn
	ctx context.Context
}

// engine opens a session by WebSocket.
func (f *fixture) engine() (*engineConn, error) {
	network := &http.Transport{DialContext: f.in.Dial}
	conn, err := engineclient.Dial(f.ctx, "http://server/socket.io/", engineclient.Options{HTTPClient: &http.Client{Transport: network}})
	if err != nil {
		return nil, err
	}
	return &engineConn{conn, f.ctx}, nil
}

// Send sends one text message.
func (c *engineConn) Send(text []byte) error { return c.Conn.Send(c.ctx, text) }

// SendBinary sends one binary message.
func (c *engineConn) SendBinary(data []byte) error { return c.Conn.SendBinary(c.ctx, data) }
