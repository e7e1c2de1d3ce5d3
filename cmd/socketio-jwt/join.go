package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"

	"socketiojwt/admin"
	"socketiojwt/auth"
	"socketiojwt/internal/mac"
	"socketiojwt/redisbus"
	"socketiojwt/socketio"
)

// wires are the values of --redis-wire.
var wires = map[string]redisbus.Wire{
	"classic": redisbus.Classic,
	"sharded": redisbus.Sharded,
}

// member is this server as a node of a cluster. A nil member is the only server.
type member struct {
	cluster *cluster
	name    string // what operators call it
	bus     *redisbus.Bus
}

// join connects to Redis. It fails if something is missing there.
func (c *cluster) join(ctx context.Context, port int, log *slog.Logger) (*member, error) {
	if c == nil {
		return nil, nil
	}
	wire, built := wires[c.wire]
	if !built {
		return nil, fmt.Errorf("--redis-wire %s is not available yet; use classic", c.wire)
	}
	m := &member{cluster: c, name: nodeName(port)}
	key := mac.New(c.key).Sum(nil, "socketio-jwt: redisbus")
	var err error
	m.bus, err = redisbus.New(ctx, c.client, redisbus.Options{Wire: wire, Prefix: c.prefix, Key: key[:], Name: m.name, Logger: log})
	if err != nil {
		return nil, fmt.Errorf("--redis: %w; \"%s doctor\" with the same flags says more", err, programName())
	}
	log.Info("joining other nodes by Redis", "wire", c.wire, "prefix", c.prefix, "node", m.bus.ID())
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

// share makes what is revoked by a gate of one node known to the others.
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

// connected reports whether the node hears the others.
func (m *member) connected() bool { return m == nil || m.bus.Health().Connected }

// nodes returns what operators see.
func (m *member) nodes() admin.Nodes {
	if m == nil {
		return admin.Nodes{}
	}
	health := m.bus.Health()
	known := admin.Nodes{Self: admin.Node{ID: string(m.bus.ID()), Name: m.name, Version: version()}, Bus: &health}
	for _, n := range m.bus.Nodes() {
		known.Others = append(known.Others, admin.Node{ID: string(n.ID), Name: n.Name, Version: n.Version, Since: n.Since, Seen: n.Seen})
	}
	return known
}

// leave ends the connection of a node whose server has not started.
func (m *member) leave() {
	if m != nil {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = m.bus.Close(ended)
	}
}
