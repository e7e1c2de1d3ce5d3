package sockettest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"

	"socketiojwt/engineio"
	"socketiojwt/socketio"
	"socketiojwt/socketio/internal/packet"
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
	// NetDial makes the connection, say to a listener in memory. Nil means a
	// net.Dialer.
	NetDial func(ctx context.Context, network, address string) (net.Conn, error)
	// Trace, when set, is called with each Socket.IO packet, as text or binary.
	Trace func(sent bool, data []byte, binary bool)
}

// ErrDisconnected is what calls fail with once the server sent DISCONNECT: the
// "io server disconnect" of the JavaScript client, which does not come back.
var ErrDisconnected = errors.New("sockettest: server sent DISCONNECT")

// ErrClosed is what calls fail with once the transport is closed: the
// "transport close" of the JavaScript client, which comes back.
var ErrClosed = errors.New("sockettest: transport closed")

var errLeft = errors.New("sockettest: left the namespace")

// An Event is what the server emitted.
type Event struct {
	socketio.Arguments
	Name string

	peer   *Peer
	ackID  uint64
	hasAck bool
}

// Format prints the event with its arguments, for every verb.
func (e Event) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "%s(", e.Name)
	for i, arg := range e.Args() {
		if i > 0 {
			_, _ = fmt.Fprint(f, ", ")
		}
		_, _ = fmt.Fprintf(f, "%s", arg.(socketio.Raw).JSON())
	}
	_, _ = fmt.Fprint(f, ")")
}

// WantsAck reports whether the server waits for an acknowledgement.
func (e Event) WantsAck() bool { return e.hasAck }

// Ack acknowledges the event.
func (e Event) Ack(args ...any) error {
	return e.peer.send(packet.Ack, packet.BinaryAck, e.ackID, true, args)
}

// A Peer is a client's socket in one namespace.
type Peer struct {
	transport *transport
	namespace string

	mu      sync.Mutex
	id      string
	nextAck uint64
	acks    map[uint64]chan socketio.Arguments
	events  []Event
	changed chan struct{} // closed and replaced when something came
	joined  bool
	ended   error
}

// transport is a connection and the namespaces on it.
type transport struct {
	conn  *engineio.ClientConn
	trace func(sent bool, data []byte, binary bool)
	done  chan struct{} // closed when the reader has ended

	write sync.Mutex // a packet and its attachments go out together

	mu    sync.Mutex
	peers map[string]*Peer
	ended error
}

// Dial connects and joins a namespace. A refusal is a *socketio.ConnectError
// whose Data is a json.RawMessage; a DISCONNECT or a closed transport instead of
// an answer is ErrDisconnected or ErrClosed.
func Dial(ctx context.Context, serverURL string, opts Options) (*Peer, error) {
	u, err := url.Parse(serverURL)
	if err != nil {
		return nil, fmt.Errorf("sockettest: %w", err)
	}
	u.Path = opts.Path
	if u.Path == "" {
		u.Path = "/socket.io/"
	}
	query := u.Query()
	for name, values := range opts.Query {
		query[name] = values
	}
	u.RawQuery = query.Encode()
	conn, err := engineio.Dial(ctx, u.String(), engineio.DialOptions{Header: opts.Header, NetDial: opts.NetDial})
	if err != nil {
		return nil, fmt.Errorf("sockettest: %w", err)
	}
	t := &transport{conn: conn, trace: opts.Trace, done: make(chan struct{}), peers: make(map[string]*Peer)}
	go t.read()
	peer, err := t.join(ctx, opts.Namespace, opts.Auth)
	if err != nil {
		_ = t.close() // the first error says more
		return nil, err
	}
	return peer, nil
}

// Join joins another namespace on the same connection. A namespace that was left
// or refused can be joined again.
func (p *Peer) Join(ctx context.Context, namespace string, auth any) (*Peer, error) {
	return p.transport.join(ctx, namespace, auth)
}

func (t *transport) join(ctx context.Context, namespace string, auth any) (*Peer, error) {
	if namespace == "" {
		namespace = "/"
	}
	var payload []byte
	if auth != nil {
		var err error
		if payload, err = json.Marshal(auth); err != nil {
			return nil, fmt.Errorf("sockettest: auth payload: %w", err)
		}
	}
	p := &Peer{transport: t, namespace: namespace, acks: make(map[uint64]chan socketio.Arguments), changed: make(chan struct{})}
	t.mu.Lock()
	if t.ended != nil {
		defer t.mu.Unlock()
		return nil, t.ended
	}
	t.peers[namespace] = p
	t.mu.Unlock()
	head := packet.Packet{Type: packet.Connect, Namespace: namespace}.AppendHead(nil)
	if err := t.send(append(head, payload...), nil); err != nil {
		return nil, err
	}
	return p, p.wait(ctx, func() bool { return p.joined })
}

// ID returns the socket id.
func (p *Peer) ID() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.id
}

// Emit sends an event.
func (p *Peer) Emit(event string, args ...any) error {
	return p.send(packet.Event, packet.BinaryEvent, 0, false, append([]any{event}, args...))
}

// EmitWithAck sends an event and waits for its acknowledgement.
func (p *Peer) EmitWithAck(ctx context.Context, event string, args ...any) (socketio.Arguments, error) {
	answer := make(chan socketio.Arguments, 1)
	p.mu.Lock()
	id := p.nextAck
	p.nextAck++
	p.acks[id] = answer
	p.mu.Unlock()
	defer func() { // an answer that comes too late is nobody's
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.acks, id)
	}()
	if err := p.send(packet.Event, packet.BinaryEvent, id, true, append([]any{event}, args...)); err != nil {
		return socketio.Arguments{}, err
	}
	var answered socketio.Arguments
	err := p.wait(ctx, func() bool {
		select {
		case answered = <-answer:
			return true
		default:
			return false
		}
	})
	return answered, err
}

// Next returns the next event that neither Next nor Expect returned.
func (p *Peer) Next(ctx context.Context) (Event, error) {
	return p.take(ctx, func(Event) bool { return true })
}

// Expect returns the next event of that name that neither Next nor Expect
// returned. Events of other names stay.
func (p *Peer) Expect(ctx context.Context, event string) (Event, error) {
	return p.take(ctx, func(e Event) bool { return e.Name == event })
}

func (p *Peer) take(ctx context.Context, wanted func(Event) bool) (taken Event, err error) {
	err = p.wait(ctx, func() bool {
		for i, e := range p.events {
			if wanted(e) {
				taken = e
				p.events = append(p.events[:i:i], p.events[i+1:]...)
				return true
			}
		}
		return false
	})
	return taken, err
}

// Events returns the names of the events that came and were not taken.
func (p *Peer) Events() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	names := make([]string, len(p.events))
	for i, e := range p.events {
		names[i] = e.Name
	}
	return names
}

// Ended waits until the server ended the socket, and returns ErrDisconnected or
// ErrClosed; or, when ctx ends first, its error.
func (p *Peer) Ended(ctx context.Context) error {
	return p.wait(ctx, func() bool { return false })
}

// Leave leaves the namespace. The connection stays. A socket that has ended has
// nothing to leave: then Leave returns how it ended.
func (p *Peer) Leave() error {
	p.mu.Lock()
	ended := p.ended
	p.mu.Unlock()
	if ended != nil {
		return ended
	}
	p.transport.mu.Lock()
	delete(p.transport.peers, p.namespace)
	p.transport.mu.Unlock()
	p.end(errLeft)
	return p.transport.send(packet.Packet{Type: packet.Disconnect, Namespace: p.namespace}.AppendHead(nil), nil)
}

// SendRaw sends a text as it is, as one Engine.IO message: for tests of what a
// server does with packets that no client sends.
func (p *Peer) SendRaw(text string) error { return p.transport.send([]byte(text), nil) }

// Close closes the connection, with all its namespaces.
func (p *Peer) Close() error { return p.transport.close() }

func (t *transport) close() error {
	err := t.conn.Close()
	<-t.done
	return err
}

// wait waits until ready, which is called with the lock held. What came before
// the socket ended can still be had.
func (p *Peer) wait(ctx context.Context, ready func() bool) error {
	for {
		p.mu.Lock()
		if ready() {
			p.mu.Unlock()
			return nil
		}
		ended, changed := p.ended, p.changed
		p.mu.Unlock()
		if ended != nil {
			return ended
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// wake tells those who wait that something came. The caller holds mu.
func (p *Peer) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Peer) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended == nil {
		p.ended = err
		p.wake()
	}
}
