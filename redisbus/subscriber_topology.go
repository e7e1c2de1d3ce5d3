package redisbus

import (
	"context"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// A topology says which master of a Redis Cluster has which slots.
type topology struct {
	masters []string
	owners  [slots]uint16 // indexes in masters plus one; 0 if no master has the slot
}

const (
	slots        = 16384
	topologyWait = time.Second // for one node's answer
)

// owner returns the address of the master that has the slot, or "".
func (t *topology) owner(slot uint16) string {
	if t == nil || t.owners[slot] == 0 {
		return ""
	}
	return t.masters[t.owners[slot]-1]
}

// master returns the number of the master at addr.
func (t *topology) master(addr string) uint16 {
	i := slices.Index(t.masters, addr)
	if i < 0 {
		i = len(t.masters)
		t.masters = append(t.masters, addr)
	}
	return uint16(i + 1)
}

// move records that a node has said that addr has the slot.
func (t *topology) move(slot uint16, addr string) {
	if t != nil {
		t.owners[slot] = t.master(addr)
	}
}

// readTopology reads the answer to CLUSTER SLOTS of the node at the address from. It returns
// nil if there is no master in it.
func readTopology(answer []rueidis.RedisMessage, from string) *topology {
	t := &topology{}
	host, _, _ := net.SplitHostPort(from)
	for _, entry := range answer {
		values, err := entry.ToArray()
		if err != nil || len(values) < 3 {
			continue
		}
		first, err1 := values[0].AsInt64()
		last, err2 := values[1].AsInt64()
		master, err3 := values[2].ToArray()
		if err1 != nil || err2 != nil || err3 != nil || len(master) < 2 || first < 0 || last >= slots {
			continue
		}
		name, _ := master[0].ToString()
		port, err := master[1].AsInt64()
		switch {
		case err != nil || name == "?":
			continue
		case name == "": // the node does not know its own address
			name = host
		}
		number := t.master(net.JoinHostPort(name, strconv.FormatInt(port, 10)))
		for slot := first; slot <= last; slot++ {
			t.owners[slot] = number
		}
	}
	if len(t.masters) == 0 {
		return nil
	}
	return t
}

// askForTopology makes the router read the topology again. The caller holds mu.
func (s *subscriber) askForTopology() {
	if s.cluster {
		s.refresh = true
		s.poke()
	}
}

// fetchTopology asks the nodes one after the other, those to which there is a link first.
func (s *subscriber) fetchTopology() *topology {
	nodes := s.client.Nodes()
	addrs := slices.Collect(maps.Keys(nodes))
	rand.Shuffle(len(addrs), func(i, j int) { addrs[i], addrs[j] = addrs[j], addrs[i] })
	s.mu.Lock()
	slices.SortStableFunc(addrs, func(a, b string) int { return s.connected(b) - s.connected(a) })
	s.mu.Unlock()
	for _, addr := range addrs {
		// The context has no deadline, because the client closes the connection that it shares
		// with publishers after one.
		ctx, cancel := context.WithCancel(s.ctx)
		timer := time.AfterFunc(topologyWait, cancel)
		answer, err := nodes[addr].Do(ctx, nodes[addr].B().ClusterSlots().Build()).ToArray()
		timer.Stop()
		cancel()
		if err == nil {
			if t := readTopology(answer, addr); t != nil {
				return t
			}
		}
	}
	return nil
}

// connected returns 1 if there is a link to addr, else 0. The caller holds mu.
func (s *subscriber) connected(addr string) int {
	if l := s.links[addr]; l != nil && l.conn != nil {
		return 1
	}
	return 0
}

// node returns the client of the node that l must connect to. A link that can use any master is
// connected to the next one after a failure.
func (l *link) node() (string, rueidis.Client, error) {
	s, addr := l.s, l.addr
	nodes := s.client.Nodes()
	if !s.cluster {
		for addr := range nodes {
			return addr, s.client, nil // the client knows which one is the master
		}
		return "", s.client, nil
	}
	if addr == "" {
		if addr = after(s.masters(), l.last); addr == "" {
			return "", nil, errNoMaster
		}
		l.last = addr
	}
	client, ok := nodes[addr]
	if !ok {
		return "", nil, errNotKnown
	}
	return addr, client, nil
}

// slotOf returns the hash slot of a channel in a Redis Cluster: CRC-16/XMODEM of its name, or of
// what is between the first brace and the next closing one.
func slotOf(name string) uint16 {
	if start := strings.IndexByte(name, '{'); start >= 0 {
		if length := strings.IndexByte(name[start+1:], '}'); length > 0 {
			name = name[start+1 : start+1+length]
		}
	}
	var crc uint16
	for i := range len(name) {
		crc ^= uint16(name[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc % slots
}
