package engineclient

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// A Conn is the client's end of a session. It must be closed.
type Conn struct {
	requester *requester // belongs to Dial, then to the goroutines as upgrade.go says
	handshake Handshake
	ctx       context.Context // ends with the connection
	cancel    context.CancelFunc
	running   sync.WaitGroup // the goroutines of the connection
	work      chan struct{}  // tells the writer to look; has room for one signal
	arrived   chan struct{}  // tells one Receive to look, likewise
	room      chan struct{}  // tells one Send to look, likewise

	mu        sync.Mutex // guards the fields below; not held during I/O
	err       error      // why the connection has ended or is closing
	timer     *time.Timer
	transport transport
	next      *webSocket // takes over from polling; nil if there is none
	closing   bool       // Close was called: the writer tells the server once the queue is empty
	pong      bool       // a ping waits for its answer
	frames    []byte     // the pong frame that answers the latest ping frame, or nil
	out       []packet   // packets that the writer has not taken yet
	outSize   int
	in        []packet // packets that Receive has not taken yet
	inSize    int
}

// A transport writes for the writer goroutine only.
type transport interface {
	write(packets []packet) error
	// sendClose tells the server that the session ends. It reports whether the server's
	// answer ends the reader.
	sendClose() (answered bool)
}

const (
	flushTimeout  = 5 * time.Second // of Close, for what is queued
	lingerTimeout = time.Second     // and then for the server's answer
	maxBatch      = 64 << 10        // bytes of one write to a WebSocket
)

func newConn(r *requester) *Conn {
	c := &Conn{
		requester: r,
		work:      make(chan struct{}, 1), arrived: make(chan struct{}, 1), room: make(chan struct{}, 1),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// start begins to read and write, after the open packet.
func (c *Conn) start(h Handshake, t transport, read func() error) {
	c.handshake, c.transport = h, t
	c.requester.id = h.ID
	c.timer = time.AfterFunc(h.PingInterval+h.PingTimeout, func() { c.fail(ErrSilent) })
	c.running.Go(func() { c.read(read) })
	c.running.Go(c.write)
}

func (c *Conn) read(read func() error) {
	if err := read(); err != errPaused {
		c.fail(err)
	}
}

// Handshake returns the content of the server's open packet.
func (c *Conn) Handshake() Handshake { return c.handshake }

// Upgraded reports whether the transport is a WebSocket.
func (c *Conn) Upgraded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.transport.(*webSocket)
	return ok
}

// take handles a packet from the server. It runs on the goroutine that reads.
func (c *Conn) take(p packet) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch p.kind {
	case packetMessage:
		return c.keep(p)
	case packetPing:
		if c.err == nil {
			c.timer.Reset(c.handshake.PingInterval + c.handshake.PingTimeout)
		}
		c.pong = true
		signal(c.work)
	case packetClose:
		return errServer
	}
	return nil
}

// keep keeps a message for Receive. The caller holds mu.
func (c *Conn) keep(p packet) error {
	if c.inSize > 0 && c.inSize+p.size() > c.requester.opts.MaxPending {
		return ErrSlow
	}
	c.in = append(c.in, p)
	c.inSize += p.size()
	signal(c.arrived)
	return nil
}

// pongFrame answers a ping frame. Only the latest is answered, so that a server that
// does not read cannot fill memory by asking.
func (c *Conn) pongFrame(payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frames = appendFrame(nil, opPong, payload)
	signal(c.work)
}

// fail ends the connection at once, with err as the cause.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = fmt.Errorf("%w: %w", ErrClosed, err)
	}
	c.mu.Unlock()
	c.end()
}

// end frees the resources of the connection, and wakes all waiting calls.
func (c *Conn) end() {
	c.cancel()
	c.mu.Lock()
	if c.timer != nil {
		c.timer.Stop()
	}
	next := c.next
	c.next = nil
	c.mu.Unlock()
	if next != nil {
		go next.close() // TLS may wait
	}
	signal(c.arrived)
	signal(c.room)
}

// Receive returns the next message. Messages that came before the connection ended are
// returned before the error, which is ErrClosed with its cause.
func (c *Conn) Receive(ctx context.Context) (data []byte, binary bool, err error) {
	for {
		if p, ok, err := c.pop(); ok || err != nil {
			return p.data, p.binary, err
		}
		select {
		case <-c.arrived:
		case <-ctx.Done():
			return nil, false, context.Cause(ctx)
		}
	}
}

func (c *Conn) pop() (p packet, ok bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.in) > 0 {
		p, c.in = c.in[0], c.in[1:]
		c.inSize -= p.size()
		ok = true
	} else {
		err = c.err
	}
	if len(c.in) > 0 || c.err != nil {
		signal(c.arrived) // others may wait as well
	}
	return p, ok, err
}

// Send queues a text message, which must be UTF-8, and the binary messages that follow
// it, without other packets between them. The caller must not use the slices again. While
// the queue is full, Send waits for room, until ctx is done.
func (c *Conn) Send(ctx context.Context, text []byte, attachments ...[]byte) error {
	for {
		if queued, err := c.TrySend(text, attachments...); queued || err != nil {
			return err
		}
		if err := c.AwaitRoom(ctx); err != nil {
			return err
		}
	}
}

// TrySend is Send, but does not wait: it reports false if the queue has no room.
func (c *Conn) TrySend(text []byte, attachments ...[]byte) (queued bool, err error) {
	packets := append(make([]packet, 0, 1+len(attachments)), packet{kind: packetMessage, data: text})
	for _, data := range attachments {
		packets = append(packets, packet{kind: packetMessage, binary: true, data: data})
	}
	return c.tryPush(packets)
}

// AwaitRoom waits until TrySend may succeed or the connection has ended. It returns an
// error only if ctx ends first.
func (c *Conn) AwaitRoom(ctx context.Context) error {
	select {
	case <-c.room:
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.outSize == 0 || c.err != nil {
			signal(c.room) // the writer signals no more, and the caller may not send
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// SendBinary queues a binary message, as Send does.
func (c *Conn) SendBinary(ctx context.Context, data []byte) error {
	for {
		if queued, err := c.tryPush([]packet{{kind: packetMessage, binary: true, data: data}}); queued || err != nil {
			return err
		}
		if err := c.AwaitRoom(ctx); err != nil {
			return err
		}
	}
}

func (c *Conn) tryPush(packets []packet) (queued bool, err error) {
	size := 0
	for _, p := range packets {
		size += p.size()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return false, c.err
	}
	if c.outSize > 0 && c.outSize+size > c.requester.opts.MaxQueued {
		return false, nil
	}
	c.out = append(c.out, packets...)
	c.outSize += size
	signal(c.work)
	signal(c.room)
	return true, nil
}

// Close sends what is queued, tells the server that the session ends, and waits for its
// answer: 5 seconds and then one at most. It may be called more than once.
func (c *Conn) Close() error {
	c.mu.Lock()
	if c.err == nil {
		c.err = ErrClosed
	}
	c.closing = true
	c.mu.Unlock()
	signal(c.work)
	signal(c.arrived)
	signal(c.room)
	limit := time.AfterFunc(flushTimeout, c.end)
	defer limit.Stop()
	c.running.Wait()
	c.end()
	return nil
}

// Abort frees the connection without telling the server, as a broken network does.
func (c *Conn) Abort() {
	c.fail(ErrClosed)
	c.running.Wait()
}

// signal wakes the goroutine that waits for ch, now or when it next waits.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
