package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"socketiojwt/internal/engineclient"
)

// A Client is a connection to a server, and its sockets. It must be closed.
type Client struct {
	url     string
	opts    Options
	owned   *http.Transport // Close closes its idle connections; nil if the caller gave a client
	ctx     context.Context // ends with the client
	cancel  context.CancelFunc
	running sync.WaitGroup // the goroutines of the client
	wanted  chan struct{}  // a socket waits for a connection; has room for one signal

	mu      sync.Mutex // guards the fields below and the fields of Socket; not held during I/O or user code
	ended   error      // why the client has ended; nil while it has not
	link    *link      // nil while there is no connection
	failure error      // of the latest connection, while there is none
	sockets map[string]*Socket
	pending int // bytes of events that wait for Receive
	backoff backoff
}

// Dial opens a connection to a server. The URL's scheme is http, https, ws or wss. Its
// path is that of Socket.IO on the server; an empty one means "/socket.io/". Its query is
// sent with each request.
//
// Dial does not try again. ctx bounds only Dial. If the server answers with an HTTP
// error, the error is a *StatusError.
func Dial(ctx context.Context, rawURL string, opts Options) (*Client, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Client{url: withPath(rawURL), sockets: make(map[string]*Socket), wanted: make(chan struct{}, 1)}
	c.backoff = backoff{least: opts.ReconnectDelay, most: opts.MaxReconnectDelay}
	if transport, ok := http.DefaultTransport.(*http.Transport); ok && opts.HTTPClient == nil {
		c.owned = transport.Clone()
		opts.HTTPClient = &http.Client{Transport: c.owned}
	}
	c.opts = opts
	c.ctx, c.cancel = context.WithCancel(context.Background())
	conn, err := c.open(ctx)
	if err != nil {
		c.cancel()
		c.closeIdle()
		return nil, fmt.Errorf("socketio client: %w", err)
	}
	first := c.linked(conn)
	c.running.Go(func() { c.run(first) })
	return c, nil
}

// withPath adds the path of Socket.IO to a URL that has none. It returns an invalid URL
// unchanged, for engineclient.Dial to refuse.
func withPath(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || u.Path != "" && u.Path != "/" {
		return rawURL
	}
	u.Path = "/socket.io/"
	return u.String()
}

// open opens a transport.
func (c *Client) open(ctx context.Context) (*engineclient.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.OpenTimeout)
	defer cancel()
	return engineclient.Dial(ctx, c.url, c.opts.engine())
}

// A Handshake is what the server says when a transport opens.
type Handshake = engineclient.Handshake

// Handshake returns what the server said when the current transport was opened. It is the
// zero Handshake while there is none.
func (c *Client) Handshake() Handshake {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == nil {
		return Handshake{}
	}
	return c.link.conn.Handshake()
}

// Close leaves all namespaces and closes the connection, after what Emit has queued was
// sent or 5 seconds are over. Events that have come can still be received. It may be
// called more than once, but not by Options.Auth. It returns nil.
func (c *Client) Close() error { return c.close(true) }

func (c *Client) close(leave bool) error {
	c.mu.Lock()
	l := c.link
	var joined []string
	for name, s := range c.sockets {
		if s.link != nil && leave {
			joined = append(joined, name)
		}
	}
	c.end(ErrClosed)
	c.mu.Unlock()
	if l != nil {
		if l.leave(joined...) {
			_ = l.conn.Close()
		} else { // the server does not read, or the connection is lost
			l.conn.Abort()
		}
	}
	c.cancel()
	c.running.Wait()
	c.closeIdle()
	return nil
}

// end ends the client and its sockets. The caller holds mu.
func (c *Client) end(err error) {
	if c.ended != nil {
		return
	}
	c.ended = err
	for _, s := range c.sockets {
		s.end(err)
	}
}

func (c *Client) closeIdle() {
	if c.owned != nil {
		c.owned.CloseIdleConnections()
	}
}
