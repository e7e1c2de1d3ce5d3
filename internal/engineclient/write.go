package engineclient

import "time"

// write is the goroutine that writes.
func (c *Conn) write() {
	for {
		select {
		case <-c.work:
		case <-c.ctx.Done():
			return
		}
		if last, err := c.writeAll(); last || err != nil {
			if err != nil {
				c.fail(err)
			}
			return
		}
	}
}

// writeAll writes until nothing is left to write. It reports whether it was the last
// that is written.
func (c *Conn) writeAll() (last bool, err error) {
	for {
		t, b := c.takeBatch()
		switch {
		case b.next != nil:
			err = c.changeOver(t.(*polling), b.next)
		case len(b.packets) > 0:
			err = t.write(b.packets)
		case b.last:
			c.closeTransport(t)
			return true, nil
		case b.frames == nil:
			return false, nil
		}
		if w, ok := t.(*webSocket); ok && err == nil && b.frames != nil {
			err = w.writeFrames(b.frames)
		}
		if err != nil {
			return false, err
		}
	}
}

// A batch is what the writer does next.
type batch struct {
	packets []packet
	frames  []byte     // of WebSocket's own protocol
	next    *webSocket // to change over to
	last    bool       // Close was called; true even if packets are left
}

// takeBatch takes the next batch out of the queue.
func (c *Conn) takeBatch() (transport, batch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := batch{frames: c.frames, next: c.next}
	c.frames, c.next = nil, nil
	if b.next != nil {
		return c.transport, b
	}
	if c.pong {
		c.pong = false
		b.packets = append(b.packets, packet{kind: packetPong})
	}
	n, size := c.batchSize()
	b.packets = append(b.packets, c.out[:n]...)
	clear(c.out[:n])
	if c.out = c.out[n:]; len(c.out) == 0 {
		c.out = nil
	}
	if c.outSize -= size; size > 0 {
		signal(c.room)
	}
	b.last = c.closing
	return c.transport, b
}

// batchSize returns how many queued packets are written at once. The body of a POST
// must not be larger than the server allows. The caller holds mu.
func (c *Conn) batchSize() (n, size int) {
	p, polling := c.transport.(*polling)
	written := 1 // the pong
	for n < len(c.out) {
		if polling {
			written += p.written(c.out[n])
		} else {
			written += len(c.out[n].data)
		}
		limit := maxBatch
		if polling && c.handshake.MaxPayload > 0 {
			limit = c.handshake.MaxPayload
		}
		if n > 0 && written > limit {
			break
		}
		size += c.out[n].size()
		n++
	}
	return n, size
}

// closeTransport tells the server that the session ends, and waits a while for the reader.
func (c *Conn) closeTransport(t transport) {
	if !t.sendClose() {
		c.end()
		return
	}
	limit := time.NewTimer(lingerTimeout)
	defer limit.Stop()
	select {
	case <-c.ctx.Done():
	case <-limit.C:
		c.end()
	}
}
