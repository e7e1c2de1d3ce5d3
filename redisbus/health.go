package redisbus

import (
	"errors"
	"sync/atomic"
	"time"

	"socketiojwt/internal/buildversion"
	"socketiojwt/observe"
	"socketiojwt/socketio"
)

// figures are the counters of a Bus.
type figures struct {
	received, ignored, gaps atomic.Uint64
}

// version is the version of this module, for other nodes.
var version = buildversion.Version()

var (
	errNotJoined     = errors.New("redisbus: no server has joined")
	errNotSubscribed = errors.New("redisbus: not all channels are subscribed yet")
	errNoEcho        = errors.New("redisbus: the heartbeats of this node do not come back from Redis")
)

// Health returns the state and the figures of the Bus. It is Connected if all channels are
// subscribed, messages can be sent, and this node's own heartbeats come back.
func (b *Bus) Health() socketio.BusHealth {
	h := socketio.BusHealth{
		Connected: true, Since: b.began, Nodes: b.peers.count(),
		Received: b.figures.received.Load(), Ignored: b.figures.ignored.Load(), Gaps: b.figures.gaps.Load(),
		Overflows: b.inbox.overflows(), Delay: b.peers.took(),
	}
	h.OtherWire = b.peers.others(b.opts.Wire.String()) + int(b.unlike.Load())
	ears := b.ears.Load()
	worse := func(since time.Time, err error) {
		if err != nil && h.Connected {
			h.Connected, h.Err, h.Since = false, err, since
		} else if h.Connected && since.After(h.Since) {
			h.Since = since
		}
	}
	sent, dropped, since, failing := b.outbox.health()
	h.Queued, h.Sent, h.Dropped = int(b.outbox.bytes.Load()), sent, dropped
	switch {
	case b.ctx.Err() != nil:
		worse(time.Now(), errClosed)
	case ears == nil:
		worse(b.began, errNotJoined)
	}
	worse(since, failing)
	if ears != nil {
		state := ears.State()
		err := state.Err
		if !state.Ready && err == nil {
			err = errNotSubscribed
		}
		worse(state.Since, err)
		if deaf := b.peers.deaf(); deaf > silentAfter {
			worse(time.Now().Add(-deaf), errNoEcho)
		}
	}
	return h
}

// published is the outcome of a batch.
func published(messages, failed int) observe.Outcome {
	if failed > 0 {
		return observe.Outcome{Result: observe.Failed, Count: messages}
	}
	return observe.Outcome{Result: observe.OK, Count: messages}
}

// Nodes returns the other nodes of this module that are there. Nodes of other software do not
// make themselves known.
func (b *Bus) Nodes() []Node {
	there, _ := b.peers.known()
	return there
}
