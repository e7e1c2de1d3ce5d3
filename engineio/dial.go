package engineio

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"socketiojwt/internal/wirejson"
)

// DialOptions configures Dial. The zero value is ready for use.
type DialOptions struct {
	// Header is sent with the request. Nil means none but the necessary.
	Header http.Header
	// TLS is for https and wss. Nil means the system's certificates.
	TLS *tls.Config
	// NetDial makes the connection. Nil means a net.Dialer.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)
	// MaxMessage bounds one message from the server in bytes; a larger one
	// ends the connection. Zero means 16 MiB.
	MaxMessage int
	// MaxPending bounds the bytes of messages that wait for Receive; more end
	// the connection with ErrSlow. Zero means 16 MiB.
	MaxPending int
}

// Handshake is what the server's open packet says.
type Handshake struct {
	ID           string
	Upgrades     []string
	PingInterval time.Duration
	PingTimeout  time.Duration
	MaxPayload   int
}

// Dial opens a session by WebSocket. The URL's scheme is http, https, ws or
// wss; its path may be left out when it is "/engine.io/", and its query is kept.
// ctx bounds only the opening. A server that answers with an HTTP error makes
// a *RefusedError.
func Dial(ctx context.Context, rawURL string, opts DialOptions) (*ClientConn, error) {
	u, err := webSocketURL(rawURL)
	if err != nil {
		return nil, err
	}
	setDefault(&opts.MaxMessage, 16<<20)
	setDefault(&opts.MaxPending, 16<<20)
	conn, early, err := dialWebSocket(ctx, u, opts)
	if err != nil {
		return nil, err
	}
	c := &ClientConn{
		reader: frameReader{
			in:    input{conn: conn, poll: newPollConn(conn), data: early},
			side:  clientSide,
			limit: opts.MaxMessage,
		},
		maxPending: opts.MaxPending,
		done:       make(chan struct{}),
		arrived:    make(chan struct{}, 1),
	}
	if err := c.open(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	go c.receive()
	return c, nil
}

func webSocketURL(rawURL string) (string, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		var detail *url.Error
		if errors.As(err, &detail) {
			err = detail.Err // without the URL, whose query may hold a token
		}
		return "", fmt.Errorf("engineio: dial: parse the URL: %w", err)
	}
	switch u.Scheme {
	case "http", "ws":
		u.Scheme = "ws"
	case "https", "wss":
		u.Scheme = "wss"
	default:
		return "", fmt.Errorf("engineio: dial: scheme %q is none of http, https, ws and wss", u.Scheme)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/engine.io/"
	}
	query := u.Query()
	query.Set("EIO", strconv.Itoa(int(revision4)))
	query.Set("transport", string(WebSocket))
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// open reads the open packet.
func (c *ClientConn) open(ctx context.Context) error {
	conn := c.reader.in.conn
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(longAgo) })
	data, _, err := c.reader.next(c.control)
	if !stop() || err != nil {
		return fmt.Errorf("engineio: dial: no open packet: %w", errors.Join(context.Cause(ctx), err))
	}
	p, ok := parsePacket(data)
	var hello struct {
		SID          string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval int64    `json:"pingInterval"`
		PingTimeout  int64    `json:"pingTimeout"`
		MaxPayload   int      `json:"maxPayload"`
	}
	if !ok || p.kind != packetOpen || wirejson.Unmarshal(p.data, &hello) != nil || hello.PingInterval <= 0 || hello.PingTimeout <= 0 {
		return errors.New("engineio: dial: the first packet is no open packet")
	}
	c.handshake = Handshake{
		ID:           hello.SID,
		Upgrades:     hello.Upgrades,
		PingInterval: time.Duration(hello.PingInterval) * time.Millisecond,
		PingTimeout:  time.Duration(hello.PingTimeout) * time.Millisecond,
		MaxPayload:   hello.MaxPayload,
	}
	return nil
}

// Handshake returns what the server said at the start.
func (c *ClientConn) Handshake() Handshake { return c.handshake }
