package redistest

import (
	"fmt"
	"net"
	"strconv"
	"testing"
)

// Replica starts a server that replicates this one, and returns when it is in step. Each conf is a
// line of its redis.conf.
func (s *Server) Replica(conf ...string) *Server {
	s.t.Helper()
	replica := Start(s.t, append([]string{"replicaof 127.0.0.1 " + strconv.Itoa(s.port)}, conf...)...)
	Eventually(s.t, "the replica is in step", func() bool {
		return replica.Info("replication")["master_link_status"] == "up"
	})
	return replica
}

// A Sentinel watches a master and replaces it with a replica when it does not answer.
type Sentinel struct {
	*Server
	// Name is the name of the set of the master and its replicas.
	Name string
}

// StartSentinel starts a sentinel for master, which needs a replica. It decides by itself, after
// half a second without an answer. It returns when it knows the master's replicas.
func StartSentinel(t testing.TB, master *Server, name string) *Sentinel {
	t.Helper()
	s := launch(t, []string{"--sentinel"}, func(int) []string {
		return []string{
			fmt.Sprintf("sentinel monitor %s 127.0.0.1 %d 1", name, master.port),
			fmt.Sprintf("sentinel down-after-milliseconds %s 500", name),
			fmt.Sprintf("sentinel failover-timeout %s 3000", name),
			fmt.Sprintf("sentinel auth-user %s %s", name, admin),
			fmt.Sprintf("sentinel auth-pass %s any", name),
		}
	})
	sentinel := &Sentinel{s, name}
	replicas := master.Info("replication")["connected_slaves"]
	Eventually(t, "the sentinel knows the replicas", func() bool {
		return sentinel.state()["num-slaves"] == replicas
	})
	return sentinel
}

// state returns what the sentinel knows of the master.
func (s *Sentinel) state() map[string]string {
	s.t.Helper()
	list := s.list("SENTINEL", "MASTER", s.Name)
	m := make(map[string]string)
	for i := 0; i+1 < len(list); i += 2 {
		m[list[i]] = list[i+1]
	}
	return m
}

// MasterAddr returns the address of the current master.
func (s *Sentinel) MasterAddr() string {
	s.t.Helper()
	addr := s.list("SENTINEL", "GET-MASTER-ADDR-BY-NAME", s.Name)
	return net.JoinHostPort(addr[0], addr[1])
}

// WaitForMaster waits until s is the master of the set, and accepts writes.
func (s *Sentinel) WaitForMaster(server *Server) {
	s.t.Helper()
	Eventually(s.t, "the replica is the master", func() bool {
		info, err := server.info("replication") // fails once: the sentinel closes the server's connections
		return err == nil && s.MasterAddr() == server.Addr() && info["role"] == "master"
	})
}
