package engineclient

import (
	"context"
	"slices"
	"time"
)

// upgradeTimeout is how long a WebSocket may take to open and to answer the probe.
const upgradeTimeout = 20 * time.Second

// openWebSocket opens a session by WebSocket.
func (c *Conn) openWebSocket(ctx context.Context) error {
	w, err := c.requester.dialWebSocket(ctx)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, w.close)
	p, err := w.next(func([]byte) {})
	if !stop() {
		return context.Cause(ctx)
	}
	var h Handshake
	if err == nil {
		h, err = readHandshake(p)
	}
	if err != nil {
		w.close()
		return err
	}
	c.start(h, w, c.reader(w))
	return nil
}

// reader returns what reads w until it or the connection ends, and closes it.
func (c *Conn) reader(w *webSocket) func() error {
	return func() error {
		stop := context.AfterFunc(c.ctx, w.close)
		defer w.close()
		defer stop()
		return w.read(c.take, c.pongFrame)
	}
}

// upgrade tries a WebSocket (Engine.IO protocol 4, "Upgrade"). Whatever goes wrong,
// polling goes on. Once the server has answered the probe, the writer changes over.
func (c *Conn) upgrade(h Handshake) {
	if !slices.Contains(h.Upgrades, "websocket") {
		return
	}
	ctx, cancel := context.WithTimeout(c.ctx, upgradeTimeout)
	defer cancel()
	w, err := c.requester.dialWebSocket(ctx)
	if err != nil {
		return
	}
	stop := context.AfterFunc(ctx, w.close)
	err = w.write([]packet{{kind: packetPing, data: []byte(probe)}})
	var p packet
	if err == nil {
		p, err = w.next(func([]byte) {})
	}
	if !stop() || err != nil || p.kind != packetPong || string(p.data) != probe {
		w.close()
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		c.running.Go(w.close)
		return
	}
	c.next = w
	signal(c.work)
}

// changeOver makes w the transport. It runs on the goroutine that writes, so that no
// POST is under way. The server ends the poll that is.
func (c *Conn) changeOver(p *polling, w *webSocket) error {
	p.paused.Store(true)
	select {
	case <-p.done:
	case <-c.ctx.Done():
		w.close()
		return ErrClosed
	}
	c.mu.Lock()
	c.transport = w
	c.mu.Unlock()
	c.running.Go(func() { c.read(c.reader(w)) })
	return w.write([]packet{{kind: packetUpgrade}})
}

// sendClose writes the close frame, which the server answers.
func (w *webSocket) sendClose() bool {
	w.writeClose(0)
	return true
}
