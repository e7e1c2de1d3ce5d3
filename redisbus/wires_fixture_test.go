package redisbus_test

import (
	"testing"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
)

// A place is a wire and a Redis.
type place struct {
	servers []*redistest.Server
	opts    redisbus.Options
}

// Subscribers returns the number of connections that are subscribed to a channel.
func (p *place) Subscribers(channel string) (n int) {
	for _, s := range p.servers {
		if p.opts.Wire == redisbus.Sharded {
			n += s.ShardSubscribers(channel)
		} else {
			n += s.Subscribers(channel)
		}
	}
	return n
}

// namespace returns the channels of a namespace.
func (p *place) namespace(name string) []string {
	if p.opts.Wire == redisbus.Sharded {
		return []string{"socket.io#" + name + "#"}
	}
	return []string{"socket.io#" + name + "#", "socket.io-request#" + name + "#", "socket.io-response#" + name + "#"}
}

// start starts a node.
func (p *place) start(t testing.TB) *node { return start(t, p.servers[0].Addr(), p.opts, open) }

// everywhere runs a test on each wire, with a single Redis and with a Redis Cluster.
func everywhere(t *testing.T, test func(t *testing.T, p *place)) {
	t.Helper()
	for _, wire := range []redisbus.Wire{redisbus.Classic, redisbus.Sharded} {
		t.Run(wire.String(), func(t *testing.T) {
			test(t, &place{[]*redistest.Server{redistest.Start(t)}, redisbus.Options{Wire: wire}})
		})
	}
	cluster := redistest.StartCluster(t)
	for _, wire := range []redisbus.Wire{redisbus.Classic, redisbus.Sharded} {
		t.Run(wire.String()+" on a cluster", func(t *testing.T) {
			test(t, &place{cluster.Masters, redisbus.Options{Wire: wire}})
		})
	}
}
