package engineclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"socketiojwt/internal/wirejson"
)

// Options configure Dial. The zero value is ready for use.
type Options struct {
	// HTTPClient makes the requests. Its Transport and Jar decide about TLS, proxies,
	// connections and cookies. Its Timeout is not used, and redirects are not
	// followed. Nil means http.DefaultClient.
	HTTPClient *http.Client
	// Header is sent with each request. A Host in it replaces that of the URL.
	Header http.Header
	// Polling opens the session by long-polling instead of WebSocket.
	Polling bool
	// Upgrade changes a session by long-polling over to WebSocket, if the server offers
	// that and a WebSocket can be opened.
	Upgrade bool
	// MaxMessage bounds one message from the server in bytes. A larger one ends the
	// connection. Zero means 16 MiB.
	MaxMessage int
	// MaxPending bounds the bytes of the messages that wait for Receive. More end the
	// connection with ErrSlow. Zero means 16 MiB.
	MaxPending int
	// MaxQueued bounds the bytes of the messages that wait to be written. Send waits for
	// room. Zero means 1 MiB.
	MaxQueued int
}

// A Handshake is the content of the server's open packet.
type Handshake struct {
	ID           string
	Upgrades     []string
	PingInterval time.Duration
	PingTimeout  time.Duration
	MaxPayload   int // bytes of one message or POST; zero if the server did not say
}

// Dial opens a session. The URL's scheme is http, https, ws or wss. An empty path means
// "/engine.io/", and the query is kept. ctx bounds only the opening. If the server
// answers with an HTTP error, the error is a *StatusError.
func Dial(ctx context.Context, rawURL string, opts Options) (*Conn, error) {
	u, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	opts.MaxMessage = cmp.Or(opts.MaxMessage, 16<<20)
	opts.MaxPending = cmp.Or(opts.MaxPending, 16<<20)
	opts.MaxQueued = cmp.Or(opts.MaxQueued, 1<<20)
	r := newRequester(u, opts)
	c := newConn(r)
	if opts.Polling {
		err = c.openPolling(ctx)
	} else {
		err = c.openWebSocket(ctx)
	}
	if err != nil {
		c.end()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("engineio: dial: %w", err)
	}
	return c, nil
}

// parseURL returns the URL of a session's requests, without what names the transport.
func parseURL(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("engineio: dial: parse the URL: %w", withoutURL(err))
	}
	switch u.Scheme {
	case "http", "ws":
		u.Scheme = "http"
	case "https", "wss":
		u.Scheme = "https"
	default:
		return nil, fmt.Errorf("engineio: dial: scheme %q is not one of http, https, ws and wss", u.Scheme)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/engine.io/"
	}
	u.Fragment = ""
	return u, nil
}

// withoutURL returns the cause in an error of packages net/url and net/http, without the
// URL, whose query may hold a token.
func withoutURL(err error) error {
	var detail *url.Error
	if errors.As(err, &detail) {
		return detail.Err
	}
	return err
}

// maxSilence bounds how long a server may tell its client to wait for a ping.
const maxSilence = 24 * time.Hour

var errNotOpen = errors.New("the first packet is not an open packet")

// readHandshake reads the open packet.
func readHandshake(p packet) (Handshake, error) {
	var hello struct {
		SID          string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval int64    `json:"pingInterval"`
		PingTimeout  int64    `json:"pingTimeout"`
		MaxPayload   int      `json:"maxPayload"`
	}
	const most = int64(maxSilence / time.Millisecond)
	switch {
	case p.kind != packetOpen || wirejson.Unmarshal(p.data, &hello) != nil || hello.SID == "":
		return Handshake{}, errNotOpen
	case hello.PingInterval <= 0 || hello.PingInterval > most || hello.PingTimeout <= 0 || hello.PingTimeout > most:
		return Handshake{}, errors.New("the open packet has no usable pingInterval and pingTimeout")
	}
	return Handshake{
		ID:           hello.SID,
		Upgrades:     hello.Upgrades,
		PingInterval: time.Duration(hello.PingInterval) * time.Millisecond,
		PingTimeout:  time.Duration(hello.PingTimeout) * time.Millisecond,
		MaxPayload:   max(0, hello.MaxPayload),
	}, nil
}
