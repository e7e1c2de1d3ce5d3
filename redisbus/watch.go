package redisbus

import (
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/socketio"
)

const (
	// watchEvery is how often the bus looks whether nodes have vanished, while answers may be
	// missing. Otherwise it looks with each heartbeat.
	watchEvery = 250 * time.Millisecond
	// answersFor is how long answers may be missing after a request.
	answersFor = 6 * time.Second
)

// beat sends heartbeats until the Bus closes, and notices nodes that have vanished.
func (b *Bus) beat() {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-tick.C:
		case <-b.ctx.Done():
			return
		}
		beats := n%int(beatEvery/watchEvery) == 0
		if n%otherWireEvery == 1 {
			b.countUnlike()
		}
		if beats {
			b.sendBeat()
		}
		if beats || time.Since(time.Unix(0, b.asked.Load())) < answersFor {
			b.watch()
		}
	}
}

// sendBeat sends a heartbeat, and records whether Redis has accepted it.
func (b *Bus) sendBeat() {
	b.peers.saying()
	err := b.say(b.ctx, b.own.all, ownBeat)
	if b.ctx.Err() != nil {
		return
	}
	if _, refused := rueidis.IsRedisErr(err); refused || err == nil {
		b.outbox.answered(&parcel{channel: b.own.all}, err) // the right to publish may have been taken away
		err = nil
	}
	b.outbox.state(b.outbox.queue(b.own.all), err)
}

// watch notices nodes whose connection has ended, long before they are silent for long enough.
// Without it, each request that a node has received before it was killed would take seconds.
func (b *Bus) watch() {
	there, _ := b.peers.known()
	channels := make([]string, len(there))
	for i, n := range there {
		channels[i] = b.own.to(n.ID)
	}
	if len(there) > 0 {
		numbers, err := b.subscribers(b.ctx, channels)
		if err != nil {
			return
		}
		for i, n := range there {
			if b.peers.subscribed(n.ID, numbers[i] > 0) {
				b.opts.Logger.Info("redisbus: node has vanished", "node", n.ID)
				b.gone(n.ID)
			}
		}
	}
	for _, namespace := range b.surveys.waiting() {
		asked, _, _, err := b.count(b.ctx, namespace)
		if err != nil {
			return
		}
		for _, request := range b.surveys.left(namespace, asked.Unnamed) {
			b.inbox.put(laneReplies, letter{gone: &socketio.Message{Kind: socketio.KindGone, Request: request}})
		}
	}
}
