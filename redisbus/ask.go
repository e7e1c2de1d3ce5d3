package redisbus

import (
	"context"
	"time"

	"socketiojwt/socketio"
)

// Ask queues a request for the other nodes, and says which of them receive it. A node that has
// the namespace is subscribed to its request channel, so Redis knows their number. Each of our
// own nodes is also subscribed to a channel of its own in the namespace, by which Redis knows
// which of them have it. The rest are nodes of other software.
func (b *Bus) Ask(ctx context.Context, m *socketio.Message) (asked socketio.Asked, err error) {
	b.asked.Store(time.Now().UnixNano())
	if m.Namespace == "" { // a message for a rule, which only our own nodes understand
		there, _ := b.peers.known()
		for _, n := range there {
			asked.Nodes = append(asked.Nodes, n.ID)
		}
		return asked, b.Publish(m)
	}
	asked, silent, err := b.countAll(ctx, m.Namespace)
	if err == nil && asked.Unnamed > 0 {
		asked.Unnamed, asked.Silent = b.surveys.begin(m.Namespace, m.Request, asked.Unnamed, m.Timeout)
	}
	if failed := b.Publish(m); failed != nil {
		return asked, failed
	}
	for _, id := range silent {
		b.deliver(socketio.Message{Kind: socketio.KindGone, From: id})
	}
	return asked, err
}

// countAll is count. If there are more of our own nodes than have been heard, it first waits for
// them, because they would be counted as nodes without a name and answer with one. A client of
// Redis that only listens to our own nodes is not waited for again.
func (b *Bus) countAll(ctx context.Context, namespace string) (asked socketio.Asked, silent []socketio.NodeID, err error) {
	asked, silent, unheard, err := b.count(ctx, namespace)
	known := int(b.unheard.Load())
	if err != nil || unheard <= known {
		b.unheard.CompareAndSwap(int64(known), int64(unheard))
		return asked, silent, err
	}
	b.greetAgain()
	if err := b.await(ctx, b.peers.count()+unheard-known); err != nil {
		return asked, silent, err
	}
	asked, silent, unheard, err = b.count(ctx, namespace)
	b.unheard.Store(int64(unheard))
	return asked, silent, err
}

// count returns the nodes that have a namespace. Those of silent are among them, but are not
// expected to answer. Unheard are the clients of Redis that listen to our own nodes and have
// not been heard.
func (b *Bus) count(ctx context.Context, namespace string) (asked socketio.Asked, silent []socketio.NodeID, unheard int, err error) {
	there, gone := b.peers.known()
	channels := []string{b.format.requests(namespace), b.format.member(namespace, b.id), b.own.all}
	ids := make([]socketio.NodeID, 0, len(there)+len(gone))
	for _, n := range there {
		ids = append(ids, n.ID)
	}
	ids = append(ids, gone...)
	for _, id := range ids {
		channels = append(channels, b.format.member(namespace, id))
	}
	numbers, err := b.subscribers(ctx, channels)
	if err != nil {
		return asked, nil, 0, err
	}
	unheard = max(0, int(numbers[2])-1-b.peers.listening())
	asked.Unnamed = int(numbers[0] - min(numbers[1], 1))
	for i, id := range ids {
		if numbers[i+3] == 0 {
			continue
		}
		asked.Nodes = append(asked.Nodes, id)
		asked.Unnamed--
		if i >= len(there) {
			silent = append(silent, id)
		}
	}
	asked.Unnamed = max(0, asked.Unnamed)
	return asked, silent, unheard, nil
}

// greet tells the other nodes that this one is here, and waits until they have answered, so
// that requests know who they are. A node that does not answer within greetFor is not waited
// for.
func (b *Bus) greet(ctx context.Context) error {
	b.peers.expect()
	numbers, err := b.subscribers(ctx, []string{b.own.all})
	if err != nil {
		return err
	}
	if err := b.say(ctx, b.own.all, ownHello); err != nil {
		return err
	}
	return b.await(ctx, int(numbers[0])-1)
}

// await waits until so many other nodes are there, but no longer than greetFor.
func (b *Bus) await(ctx context.Context, nodes int) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(greetFor); b.peers.count() < nodes && time.Now().Before(end); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

const greetFor = time.Second

// self returns what this node says about itself.
func (b *Bus) self() beat {
	return beat{ID: b.id, Name: b.opts.Name, Version: version, Wire: b.opts.Wire.String(), Since: b.began}
}

// greetAgain makes this node and the others known to each other again, after some of them may
// have taken others for gone. Otherwise that would last until the next heartbeats.
func (b *Bus) greetAgain() {
	p, err := b.own.encode(b.own.all, ownHello, b.self())
	if err == nil {
		_ = b.outbox.put(p) // the next heartbeat comes in any case
	}
}

// say sends a message about this node, past the queue.
func (b *Bus) say(ctx context.Context, channel string, what byte) error {
	p, err := b.own.encode(channel, what, b.self())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, stuck)
	defer cancel()
	return b.client.Do(ctx, b.command(&p)).Error()
}
