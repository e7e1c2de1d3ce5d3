package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"socketiojwt/admin"
	"socketiojwt/auth"
	"socketiojwt/auth/denyredis"
	"socketiojwt/internal/mac"
	"socketiojwt/redisbus"
	"socketiojwt/socketio"
)

// wires are the values of --redis-wire.
var wires = map[string]redisbus.Wire{
	"classic": redisbus.Classic,
	"sharded": redisbus.Sharded,
	"streams": redisbus.Streams,
}

// member is this server as a node of a cluster. A nil member is the only server.
type member struct {
	cluster *cluster
	name    string // what operators call it
	bus     *redisbus.Bus
	list    *denyredis.Denylist
	since   time.Time
}

// join connects to Redis. It fails if something is missing there.
func (c *cluster) join(ctx context.Context, a *assembly) (*member, error) {
	if c == nil {
		return nil, nil
	}
	m := &member{cluster: c, name: nodeName(portOf(a.listeners[0])), since: time.Now()}
	key := mac.New(c.key).Sum(nil, "socketio-jwt: redisbus")
	var err error
	bus := a.bus
	bus.Wire, bus.Prefix, bus.Key, bus.Name, bus.Logger = wires[c.wire], c.prefix, key[:], m.name, a.log
	m.bus, err = redisbus.New(ctx, c.client, bus)
	if err != nil {
		return nil, fmt.Errorf("--redis: %w; \"%s doctor\" with the same flags says more", err, programName())
	}
	list := a.denylist
	list.Keys, list.Prefix, list.Node, list.MaxStale, list.Logger = [][]byte{c.key}, c.revocations(), m.name, c.stale, a.log
	m.list, err = denyredis.New(ctx, c.client, list)
	if err != nil {
		m.leave()
		return nil, fmt.Errorf("--redis: %w; \"%s doctor\" with the same flags says more", err, programName())
	}
	a.log.Info("joining other nodes by Redis", "wire", c.wire, "prefix", c.prefix, "node", m.bus.ID(), "name", m.name)
	return m, nil
}

// nodeName returns a name for operators, which tells nodes of one machine apart.
func nodeName(port int) string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// options adds what joins a server to the cluster.
func (m *member) options(o socketio.Options) socketio.Options {
	if m != nil {
		o.Bus, o.ClusterKey = m.bus.Join, m.cluster.key
	}
	return o
}

// gateOptions adds the list of revocations of all nodes.
func (m *member) gateOptions(o auth.Options) auth.Options {
	if m == nil {
		return o
	}
	o.Denylist, o.LongestToken = m.list, m.cluster.longest
	if m.cluster.failOpen {
		o.DenylistFailure = auth.FailOpen
	}
	return o
}

// share makes the tickets of a gate good on all nodes.
func (m *member) share(srv *socketio.Server, gates map[string]*auth.Gate) error {
	if m == nil {
		return nil
	}
	for name, gate := range gates {
		if err := gate.Share(srv, name); err != nil {
			return err
		}
	}
	return nil
}

// adminOptions makes the API of operators concern all nodes.
func (m *member) adminOptions(o admin.Options, srv *socketio.Server) admin.Options {
	if m != nil {
		o.Nodes, o.Server, o.Denylist, o.LongestToken = m.nodes, srv, m.list, m.cluster.longest
	}
	return o
}

// require makes a node ready only while it hears the others and knows what they have revoked. With
// --fail-open it admits sockets without knowing that.
func (m *member) require(h *health) {
	if m == nil {
		return
	}
	h.require("bus", func() bool { return m.bus.Health().Connected })
	if !m.cluster.failOpen {
		h.require("denylist", m.list.Available)
	}
}

// nodes returns what operators see.
func (m *member) nodes() admin.Nodes {
	health := m.bus.Health()
	known := admin.Nodes{Self: admin.Node{ID: string(m.bus.ID()), Name: m.name, Version: version(), Since: m.since}, Bus: &health}
	for _, n := range m.bus.Nodes() {
		known.Others = append(known.Others, admin.Node{ID: string(n.ID), Name: n.Name, Version: n.Version, Since: n.Since, Seen: n.Seen})
	}
	return known
}

// leave ends the connections to Redis. The server has ended, or has not started.
func (m *member) leave() {
	if m == nil {
		return
	}
	if m.list != nil {
		m.list.Close()
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = m.bus.Close(ended)
}
