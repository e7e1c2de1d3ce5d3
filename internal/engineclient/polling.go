package engineclient

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"sync/atomic"
)

// polling is the transport by HTTP long-polling: a GET that waits for packets of the
// server, and POSTs, one at a time.
type polling struct {
	*requester
	ctx    context.Context // of the connection
	paused atomic.Bool     // the poll under way is the last
	done   chan struct{}   // closed when the last poll has ended
}

// errPaused is returned by polling.read when a WebSocket takes over.
var errPaused = errors.New("engineio: polling is paused")

// bodyLimit bounds the answer of a poll: all that may be pending, in base64.
func (p *polling) bodyLimit() int { return max(p.opts.MaxMessage, p.opts.MaxPending)/3*4 + 1<<10 }

// openPolling opens a session by a first poll.
func (c *Conn) openPolling(ctx context.Context) error {
	p := &polling{requester: c.requester, ctx: c.ctx, done: make(chan struct{})}
	body, err := p.do(p.request(ctx, http.MethodGet, "polling", nil), p.bodyLimit())
	if err != nil {
		return err
	}
	text, rest, more := bytes.Cut(body, []byte{separator})
	first, err := parsePayloadPacket(text)
	if err != nil {
		return err
	}
	h, err := readHandshake(first)
	if err != nil {
		return err
	}
	c.start(h, p, func() error {
		defer close(p.done)
		if more {
			if err := p.readPayload(rest, c.take); err != nil {
				return err
			}
		}
		return p.read(c.take)
	})
	if p.opts.Upgrade {
		c.running.Go(func() { c.upgrade(h) })
	}
	return nil
}

// read polls until a poll or take fails, or polling is paused.
func (p *polling) read(take func(packet) error) error {
	for !p.paused.Load() {
		body, err := p.do(p.request(p.ctx, http.MethodGet, "polling", nil), p.bodyLimit())
		if err == nil {
			err = p.readPayload(body, take)
		}
		if err != nil {
			return err
		}
	}
	return errPaused
}

// readPayload hands the packets of a payload to take, until it fails.
func (p *polling) readPayload(payload []byte, take func(packet) error) error {
	return readPayload(payload, func(packet packet) error {
		if len(packet.data) > p.opts.MaxMessage {
			return ErrTooLarge
		}
		return take(packet)
	})
}

// write posts packets.
func (p *polling) write(packets []packet) error {
	_, err := p.do(p.request(p.ctx, http.MethodPost, "polling", appendPayload(nil, packets)), maxRefusal)
	return err
}

// written returns how many bytes a packet adds to the body of a POST.
func (p *polling) written(packet packet) int {
	if packet.binary {
		return 2 + base64.StdEncoding.EncodedLen(len(packet.data))
	}
	return 2 + len(packet.data)
}

// sendClose posts a close packet. Nothing more can come, so that the poll is given up.
func (p *polling) sendClose() bool {
	_ = p.write([]packet{{kind: packetClose}}) // the server notices in any case that the polls end
	return false
}
