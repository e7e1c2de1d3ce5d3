package redistest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

const slots = 16384

// A Cluster is a Redis Cluster.
type Cluster struct {
	t testing.TB
	// Masters are the servers that have slots, a third each at the start.
	Masters []*Server

	members []*Server // Masters and their replicas
}

// StartCluster starts a Redis Cluster of three masters without replicas, and returns when all of
// them agree on the slots. Each conf is a line of the redis.conf of each server.
func StartCluster(t testing.TB, conf ...string) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	const masters = 3
	for i := range masters {
		s := startMember(t, conf)
		c.Masters = append(c.Masters, s)
		s.Do("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(slots*i/masters), strconv.Itoa(slots*(i+1)/masters-1))
		s.Do("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
	}
	for _, s := range c.Masters[1:] {
		c.meet(s)
	}
	c.members = append(c.members, c.Masters...)
	c.settle()
	return c
}

// startMember starts a server that can be in a cluster.
func startMember(t testing.TB, conf []string) *Server {
	t.Helper()
	return launch(t, nil, func(int) []string {
		return append(append(ordinary(), "cluster-enabled yes", "cluster-node-timeout 2000",
			"cluster-config-file nodes.conf", "cluster-port "+strconv.Itoa(freePort(t))), conf...)
	})
}

// meet introduces a server to the cluster.
func (c *Cluster) meet(s *Server) {
	c.t.Helper()
	bus := s.Do("CONFIG", "GET", "cluster-port").([]any)[1].(string)
	c.Masters[0].Do("CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(s.port), bus)
}

// settle waits until each member knows all of them and says that the cluster works.
func (c *Cluster) settle() {
	c.t.Helper()
	Eventually(c.t, "all servers agree on the cluster", func() bool {
		for _, s := range c.members {
			state := fields(s.Do("CLUSTER", "INFO"))
			if state["cluster_state"] != "ok" || state["cluster_known_nodes"] != strconv.Itoa(len(c.members)) {
				return false
			}
			if strings.Contains(fmt.Sprint(s.Do("CLUSTER", "NODES")), "handshake") {
				return false
			}
		}
		return true
	})
}

// Addrs returns the addresses of the masters.
func (c *Cluster) Addrs() []string {
	addrs := make([]string, len(c.Masters))
	for i, s := range c.Masters {
		addrs[i] = s.Addr()
	}
	return addrs
}

// Slot returns the slot of a key or of a sharded channel.
func (c *Cluster) Slot(key string) int {
	c.t.Helper()
	return c.Masters[0].number("CLUSTER", "KEYSLOT", key)
}

// Owner returns the master that has a slot.
func (c *Cluster) Owner(slot int) *Server {
	c.t.Helper()
	for _, s := range c.Masters {
		for _, span := range s.Do("CLUSTER", "SLOTS").([]any) {
			of := span.([]any)
			if slot >= of[0].(int) && slot <= of[1].(int) && of[2].([]any)[2] == s.id() {
				return s
			}
		}
	}
	c.t.Fatalf("redistest: no master has slot %d", slot)
	return nil
}

// id returns the name of a server in its cluster.
func (s *Server) id() any {
	s.t.Helper()
	return s.Do("CLUSTER", "MYID")
}

// Move moves a slot with its keys to another master, and returns when all masters know it. Redis
// ends the subscriptions to the slot's channels on the old one.
func (c *Cluster) Move(slot int, to *Server) {
	c.t.Helper()
	from, number := c.Owner(slot), strconv.Itoa(slot)
	if from == to {
		return
	}
	target := fmt.Sprint(to.id())
	to.Do("CLUSTER", "SETSLOT", number, "IMPORTING", fmt.Sprint(from.id()))
	from.Do("CLUSTER", "SETSLOT", number, "MIGRATING", target)
	for {
		keys := from.list("CLUSTER", "GETKEYSINSLOT", number, "100")
		if len(keys) == 0 {
			break
		}
		from.Do(append([]string{"MIGRATE", "127.0.0.1", strconv.Itoa(to.port), "", "0", "5000", "AUTH2", admin, "any", "KEYS"}, keys...)...)
	}
	to.Do("CLUSTER", "SETSLOT", number, "NODE", target)
	from.Do("CLUSTER", "SETSLOT", number, "NODE", target)
	for _, s := range c.Masters {
		if s != to && s != from {
			s.Do("CLUSTER", "SETSLOT", number, "NODE", target)
		}
	}
}

// AddReplica starts a server that replicates one of the masters and takes its place some seconds
// after it has stopped. It returns when it is in step. The replica is not one of Masters.
func (c *Cluster) AddReplica(of *Server, conf ...string) *Server {
	c.t.Helper()
	r := startMember(c.t, conf)
	c.meet(r)
	c.members = append(c.members, r)
	c.settle()
	r.Do("CLUSTER", "REPLICATE", fmt.Sprint(of.id()))
	Eventually(c.t, "the replica is in step", func() bool {
		return r.Info("replication")["master_link_status"] == "up"
	})
	return r
}
