package redisbus_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
)

// A place is a wire and a Redis.
type place struct {
	servers []*redistest.Server
	opts    redisbus.Options
	client  rueidis.ClientOption
}

// at returns a place with default options for the client.
func at(wire redisbus.Wire, servers ...*redistest.Server) *place {
	p := &place{servers: servers, opts: redisbus.Options{Wire: wire}}
	p.client.InitAddress = []string{servers[0].Addr()}
	return p
}

// Subscribers returns the number of connections that are subscribed to a channel.
func (p *place) Subscribers(channel string) (n int) {
	for _, s := range p.servers {
		if p.opts.Wire == redisbus.Sharded || p.opts.ShardedRequests {
			n += s.ShardSubscribers(channel)
		} else {
			n += s.Subscribers(channel)
		}
	}
	return n
}

// publish publishes a message at the first server, and returns the number of its receivers.
func (p *place) publish(channel, payload string) int {
	if p.opts.Wire == redisbus.Sharded {
		return p.servers[0].ShardPublish(channel, payload)
	}
	return p.servers[0].Publish(channel, payload)
}

// namespace returns the channels of a namespace.
func (p *place) namespace(name string) []string {
	if p.opts.Wire != redisbus.Classic {
		return []string{"socket.io#" + name + "#"}
	}
	return []string{"socket.io#" + name + "#", "socket.io-request#" + name + "#", "socket.io-response#" + name + "#"}
}

// start starts a node.
func (p *place) start(t testing.TB) *node {
	t.Helper()
	return startWith(t, p.client, p.opts, open)
}

// inRoom waits until rooms have sockets, or none if want is 0. On the streams wire, rooms have no
// channels, so a node is asked.
func (p *place) inRoom(t testing.TB, want int, rooms ...string) {
	t.Helper()
	n := p.node(t)
	if n == nil {
		return // the test knows its nodes itself
	}
	for _, room := range rooms {
		redistest.Eventually(t, fmt.Sprintf("%d nodes in room %s", want, room), func() bool {
			ctx, cancel := context.WithTimeout(n.ctx, 2*time.Second) // an answer is lost during a gap
			defer cancel()
			infos, err := n.To(room).FetchSockets(ctx)
			return err == nil && len(infos) >= want && (len(infos) == 0) == (want == 0)
		})
	}
}

// node returns a node that runs here.
func (p *place) node(t testing.TB) *node {
	started.Lock()
	defer started.Unlock()
	for n := range started.nodes {
		if n.t == t || slices.ContainsFunc(p.servers, func(s *redistest.Server) bool { return s.Addr() == n.redis }) {
			return n
		}
	}
	return nil
}

// wires are those that each test of what all have in common runs on.
var wires = []redisbus.Wire{redisbus.Classic, redisbus.Sharded, redisbus.Streams}

// everywhere runs a test on each wire, with a single Redis and with a Redis Cluster.
func everywhere(t *testing.T, test func(t *testing.T, p *place)) {
	t.Helper()
	onEachWire(t, test)
	cluster := redistest.StartCluster(t)
	for _, wire := range wires {
		t.Run(wire.String()+" on a cluster", func(t *testing.T) { test(t, at(wire, cluster.Masters...)) })
	}
}

// onEachWire runs a test on each wire, with a single Redis.
func onEachWire(t *testing.T, test func(t *testing.T, p *place)) {
	t.Helper()
	onWires(t, wires, test)
}

// channelWires are those on which each room has a channel.
var channelWires = []redisbus.Wire{redisbus.Classic, redisbus.Sharded}

// onChannels runs a test on each wire on which each room has a channel, with a single Redis.
func onChannels(t *testing.T, test func(t *testing.T, p *place)) {
	t.Helper()
	onWires(t, channelWires, test)
}

func onWires(t *testing.T, wires []redisbus.Wire, test func(t *testing.T, p *place)) {
	t.Helper()
	for _, wire := range wires {
		t.Run(wire.String(), func(t *testing.T) {
			t.Parallel() // because they mostly wait
			test(t, at(wire, redistest.Start(t)))
		})
	}
}

// roomChannels reports whether rooms have channels.
func (p *place) roomChannels() bool { return p.opts.Wire != redisbus.Streams }
