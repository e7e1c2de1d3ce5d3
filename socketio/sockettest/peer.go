package sockettest

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/client"
	"socketiojwt/socketio/internal/clienthook"
)

// Options say how to connect.
type Options struct {
	// Namespace is the namespace to join. Zero means "/".
	Namespace string
	// Auth is the auth payload, any value that is a JSON object. Nil sends none.
	Auth any
	// Header is added to the first request.
	Header http.Header
	// Query is added to the first request's URL.
	Query url.Values
	// Path is the server's path. Zero means "/socket.io/".
	Path string
	// NetDial opens the network connection, for example to a listener in memory. Nil means a
	// net.Dialer.
	NetDial func(ctx context.Context, network, address string) (net.Conn, error)
	// Trace, if not nil, is called with each Socket.IO packet, as text or binary.
	Trace func(sent bool, data []byte, binary bool)
}

// ErrDisconnected is returned by calls after the server has sent DISCONNECT. The JavaScript
// client reports it as "io server disconnect" and does not reconnect.
var ErrDisconnected = client.ErrDisconnected

// ErrClosed is returned by calls after the transport has closed. The JavaScript client reports
// it as "transport close" and reconnects.
var ErrClosed = client.ErrClosed

// A ConnectError is returned if the server refuses a socket.
type ConnectError = client.ConnectError

// A Peer is a client's socket in one namespace. All methods may be called concurrently.
type Peer struct {
	*connection
	socket *client.Socket
	id     string

	mu      sync.Mutex
	events  []Event
	changed chan struct{} // closed and replaced when an event arrives
	ended   error
}

// A connection is shared by the peers of one Dial.
type connection struct {
	client  *client.Client
	readers sync.WaitGroup

	mu   sync.Mutex
	auth map[string]any // by namespace
}

// Dial connects and joins a namespace. If the server refuses the socket, the error is a
// *ConnectError whose Data is a json.RawMessage. If it answers with DISCONNECT or closes the
// transport, the error is ErrDisconnected or ErrClosed. If it answers with an HTTP error, the
// error is a *client.StatusError.
func Dial(ctx context.Context, serverURL string, opts Options) (*Peer, error) {
	u, err := url.Parse(serverURL)
	if err != nil {
		return nil, fmt.Errorf("sockettest: %w", err)
	}
	u.Path = opts.Path
	query := u.Query()
	maps.Copy(query, opts.Query)
	u.RawQuery = query.Encode()
	c := &connection{auth: make(map[string]any)}
	wide := client.Options{
		Auth: c.payload, Header: opts.Header, NoReconnect: true, Trace: opts.Trace, Logger: slog.New(slog.DiscardHandler),
		OpenTimeout: 1000 * time.Hour, // ctx bounds it
		MaxPending:  math.MaxInt, MaxAttachments: math.MaxInt,
	}
	if opts.NetDial != nil {
		wide.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: opts.NetDial}}
	}
	if c.client, err = client.Dial(ctx, u.String(), wide); err != nil {
		return nil, fmt.Errorf("sockettest: %w", err)
	}
	peer, err := c.Join(ctx, opts.Namespace, opts.Auth)
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return peer, nil
}

// payload is the client's auth function.
func (c *connection) payload(_ context.Context, namespace string) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.auth[namespace], nil
}

// Join joins another namespace on the same connection. A namespace that was left or refused can
// be joined again.
func (c *connection) Join(ctx context.Context, namespace string, auth any) (*Peer, error) {
	if namespace == "" {
		namespace = "/"
	}
	c.mu.Lock()
	c.auth[namespace] = auth
	c.mu.Unlock()
	s, err := c.client.Join(ctx, namespace)
	if err != nil {
		return nil, err
	}
	p := &Peer{connection: c, socket: s, id: s.ID(), changed: make(chan struct{})}
	c.readers.Go(p.read)
	return p, nil
}

// SendRaw sends text unchanged as one Engine.IO message. It is for tests of how a server
// handles packets that no client sends.
func (c *connection) SendRaw(text string) error { return clienthook.SendRaw(c.client, text) }

// Close closes the connection with all its namespaces.
func (c *connection) Close() error {
	clienthook.CloseOnly(c.client)
	c.readers.Wait()
	return nil
}

// read stores the events of the socket until it ends.
func (p *Peer) read() {
	for {
		e, err := p.socket.Receive(context.Background()) // ends with the socket
		p.mu.Lock()
		switch {
		case err != nil:
			p.ended = err
		case e.Name != client.EventConnect && e.Name != client.EventDisconnect:
			p.events = append(p.events, Event{e})
		}
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// ID returns the socket id.
func (p *Peer) ID() string { return p.id }

// sendTimeout is how long a Peer waits for a server that reads nothing.
const sendTimeout = 10 * time.Second

// Emit sends an event. It waits for up to 10 s while the server does not read.
func (p *Peer) Emit(event string, args ...any) error {
	ctx, cancel := context.WithTimeout(context.Background(), sendTimeout)
	defer cancel()
	return p.socket.Emit(ctx, event, args...)
}

// EmitWithAck sends an event and waits for its acknowledgement.
func (p *Peer) EmitWithAck(ctx context.Context, event string, args ...any) (socketio.Arguments, error) {
	return p.socket.EmitWithAck(ctx, event, args...)
}

// Next returns the next event that neither Next nor Expect has returned. It waits until ctx or
// the socket ends.
func (p *Peer) Next(ctx context.Context) (Event, error) {
	return p.take(ctx, func(Event) bool { return true })
}

// Expect returns the next event of that name that neither Next nor Expect has returned. Events
// of other names are kept. It waits until ctx or the socket ends.
func (p *Peer) Expect(ctx context.Context, event string) (Event, error) {
	return p.take(ctx, func(e Event) bool { return e.Name == event })
}

// take waits for an event that is wanted. Events that arrived before the socket ended can still
// be taken.
func (p *Peer) take(ctx context.Context, wanted func(Event) bool) (Event, error) {
	for {
		p.mu.Lock()
		if i := slices.IndexFunc(p.events, wanted); i >= 0 {
			e := p.events[i]
			p.events = slices.Delete(p.events, i, i+1)
			p.mu.Unlock()
			return e, nil
		}
		ended, changed := p.ended, p.changed
		p.mu.Unlock()
		if ended != nil {
			return Event{}, ended
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Event{}, context.Cause(ctx)
		}
	}
}

// Events returns the names of the events that have arrived and were not taken.
func (p *Peer) Events() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	names := make([]string, len(p.events))
	for i, e := range p.events {
		names[i] = e.Name
	}
	return names
}

// Ended waits until the server has ended the socket, and returns ErrDisconnected or ErrClosed.
// If ctx ends first, it returns the context's error.
func (p *Peer) Ended(ctx context.Context) error {
	_, err := p.take(ctx, func(Event) bool { return false })
	return err
}

// Leave leaves the namespace. The connection stays. If the socket has already ended, Leave
// returns the error with which it ended.
func (p *Peer) Leave() error { return p.socket.Leave() }

// An Event is an event that the server emitted.
type Event struct{ *client.Event }

// Format prints the event and its arguments, for every verb.
func (e Event) Format(f fmt.State, _ rune) {
	if e.Event == nil {
		_, _ = fmt.Fprint(f, "no event")
		return
	}
	_, _ = fmt.Fprintf(f, "%s(", e.Name)
	for i, arg := range e.Args() {
		if i > 0 {
			_, _ = fmt.Fprint(f, ", ")
		}
		_, _ = fmt.Fprintf(f, "%s", arg.(socketio.Raw).JSON())
	}
	_, _ = fmt.Fprint(f, ")")
}

// Ack acknowledges the event.
func (e Event) Ack(args ...any) error {
	ctx, cancel := context.WithTimeout(context.Background(), sendTimeout)
	defer cancel()
	return e.Event.Ack(ctx, args...)
}
