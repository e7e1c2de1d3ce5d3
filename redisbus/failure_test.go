package redisbus_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
)

// Redis closes all connections that subscribe, three times. See redis-adapter#446 and
// socket.io#4845: others stay deaf after that.
func TestKilledSubscriptions(t *testing.T) {
	everywhere(t, func(t *testing.T, p *place) {
		s := startStream(t, p)
		for i := range 3 {
			for _, redis := range p.servers {
				redis.KillPubSub()
			}
			s.gaps(i + 1)
			settle(t, p, 2, roomChannel)
			s.progress()
		}
		s.finish()
	})
}

// Redis closes all connections, also those that publish.
func TestKilledConnections(t *testing.T) {
	onEachWire(t, func(t *testing.T, p *place) {
		s := startStream(t, p)
		for i := range 3 {
			p.servers[0].KillClients()
			s.gaps(i + 1)
			s.progress()
		}
		s.finish()
	})
}

// Redis is away for so long that messages become too old to be sent. See redis-adapter#190:
// Node's process ends.
func TestStoppedRedis(t *testing.T) {
	onEachWire(t, func(t *testing.T, p *place) {
		redis := p.servers[0]
		s := startStream(t, p)
		redis.Stop()
		away := time.Now()
		s.connected(false)
		s.local(100)
		redistest.Eventually(t, "messages that become too old", func() bool { return s.from.Stats().Bus.Dropped > 500 })
		s.to.dial("opened while Redis is away")
		restarted := time.Now()
		redis.Restart()
		s.connected(true)
		s.gaps(1)
		settle(t, p, 1, "socket.io#/#opened while Redis is away#")
		s.finish()
		for _, n := range s.far.list[:len(s.far.list)-1] { // without the last, which finish has sent
			if at := s.sent[n.n]; at.After(away) && restarted.Sub(at) > 2*time.Second {
				t.Errorf("number %d was sent %v before Redis was there again, and received", n.n, restarted.Sub(at))
				break
			}
		}
	})
}

// Redis does not answer, but its connections stay open.
func TestFrozenRedis(t *testing.T) {
	onEachWire(t, func(t *testing.T, p *place) {
		p.client.ConnWriteTimeout, p.client.Dialer.KeepAlive = time.Second, 200*time.Millisecond
		s := startStream(t, p)
		p.servers[0].Freeze()
		s.connected(false)
		s.local(100)
		p.servers[0].Thaw()
		s.connected(true)
		s.gaps(1)
		s.finish()
	})
}

// Sentinel replaces the master by its replica.
func TestSentinelFailover(t *testing.T) {
	for _, wire := range wires {
		t.Run(wire.String(), func(t *testing.T) {
			t.Parallel()
			master := redistest.Start(t)
			replica := master.Replica()
			sentinel := redistest.StartSentinel(t, master, "set")
			p := at(wire, master)
			p.client.InitAddress = []string{sentinel.Addr()}
			p.client.Sentinel.MasterSet = "set"
			s := startStream(t, p)
			master.Kill()
			s.connected(false)
			s.local(100)
			sentinel.WaitForMaster(replica)
			p.servers = []*redistest.Server{replica}
			settle(t, p, 2, roomChannel)
			s.connected(true)
			s.gaps(1)
			s.finish()
		})
	}
}

// The slot of a channel moves in a Redis Cluster, and the master that has it is killed. See
// go-redis#3806, ioredis#1759 and zishang520/socket.io#182: others subscribe at the wrong server.
func TestShardedClusterFails(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t)
	p := at(redisbus.Sharded, cluster.Masters...)
	slot := cluster.Slot(roomChannel)
	from := cluster.Owner(slot)
	others := slices.DeleteFunc(slices.Clone(cluster.Masters), func(m *redistest.Server) bool { return m == from })
	replica := cluster.AddReplica(others[1])
	s := startStream(t, p)
	for i, to := range others {
		cluster.Move(slot, to)
		s.gaps(i + 1)
		settle(t, p, 2, roomChannel)
		s.progress()
	}
	others[1].Kill()
	s.connected(false)
	s.local(100)
	replica.Do("CLUSTER", "FAILOVER", "TAKEOVER") // what it would do itself some seconds later
	p.servers = []*redistest.Server{from, others[0], replica}
	settle(t, p, 2, roomChannel)
	s.connected(true)
	s.finish()
}

// Two of three servers of a Redis Cluster are killed, each while nodes are connected to it. With
// plain channels, nodes can use any other one.
func TestClassicClusterFails(t *testing.T) {
	t.Parallel()
	p := at(redisbus.Classic, redistest.StartCluster(t).Masters...)
	s := startStream(t, p)
	for range 2 {
		i := slices.IndexFunc(p.servers, func(m *redistest.Server) bool { return m.Subscribers(roomChannel) > 0 })
		p.servers[i].Kill()
		p.servers = slices.Delete(slices.Clone(p.servers), i, i+1)
		s.local(100)
		settle(t, p, 2, roomChannel)
		s.connected(true)
		s.progress()
	}
	s.finish()
	if s.from.Stats().Bus.Gaps+s.to.Stats().Bus.Gaps == 0 {
		t.Error("no gap was reported")
	}
}

// One message of 33 MB makes Redis close the connections of all that hear its channel.
func TestHugeMessage(t *testing.T) {
	onChannels(t, func(t *testing.T, p *place) {
		s := startStream(t, p)
		p.publish(roomChannel, strings.Repeat("x", 33<<20))
		s.gaps(1)
		settle(t, p, 2, roomChannel)
		s.connected(true)
		s.finish()
	})
}

// heldConn is a connection whose reads can be held up, as those of a stopped process are.
type heldConn struct {
	net.Conn
	gate *sync.RWMutex // locked while reads are held up
}

func (c *heldConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.gate.RLock()
	defer c.gate.RUnlock()
	return n, err
}

// A node that does not read loses its connection, and says so when it goes on.
func TestStalledNode(t *testing.T) {
	for _, wire := range channelWires {
		t.Run(wire.String(), func(t *testing.T) {
			p := at(wire, redistest.Start(t, "client-output-buffer-limit pubsub 1mb 1mb 1"))
			var gate sync.RWMutex
			p.client.DialCtxFn = func(ctx context.Context, addr string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
				conn, err := d.DialContext(ctx, "tcp", addr)
				return &heldConn{conn, &gate}, err
			}
			stalled := p.start(t)
			p.client.DialCtxFn = nil
			other := p.start(t)
			peer := stalled.dial(room)
			settle(t, p, 1, roomChannel)
			gate.Lock()
			payload := strings.Repeat("x", 100<<10)
			sent := 0
			for p.Subscribers(roomChannel) == 1 {
				if sent++; sent > 1000 || other.To(room).Emit("lost", payload) != nil {
					t.Fatal("Redis keeps a subscriber that does not read")
				}
			}
			gate.Unlock()
			redistest.Eventually(t, "a gap", func() bool { return len(stalled.gaps.all()) == 1 })
			settle(t, p, 1, roomChannel)
			_ = other.To(room).Emit("after")
			expect(t, stalled.ctx, peer, "after", "after()")
			redistest.Eventually(t, "the node is connected", func() bool { return stalled.Stats().Bus.Connected })
			if h := stalled.Stats().Bus; h.Gaps != 1 {
				t.Errorf("health %+v", h)
			}
			if gaps := other.gaps.all(); len(gaps) != 0 {
				t.Errorf("gaps of the other node: %v", gaps)
			}
		})
	}
}

// One master of a Redis Cluster does not answer. Messages for the others go on.
func TestShardedClusterWithAFrozenMaster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, "cluster-node-timeout 60000")
	p := at(redisbus.Sharded, cluster.Masters...)
	p.client.Dialer.KeepAlive = 200 * time.Millisecond
	frozen := cluster.Masters[0]
	find := func(there bool) string {
		for i := 0; ; i++ {
			name := fmt.Sprint("room", i)
			if (cluster.Owner(cluster.Slot("socket.io#/#"+name+"#")) == frozen) == there {
				return name
			}
		}
	}
	there, elsewhere := find(true), find(false)
	a, b := p.start(t), p.start(t)
	peer := b.dial(there, elsewhere)
	inRoom(t, p, 1, there, elsewhere)
	var mu sync.Mutex
	var sent []time.Time
	inTime, back := 0, false
	go func() {
		for {
			e, err := peer.Next(b.ctx)
			if err != nil {
				return
			}
			var i int
			mu.Lock()
			back = back || e.Name == "back"
			if e.Name == "elsewhere" && e.Scan(&i) == nil && time.Since(sent[i]) < time.Second {
				inTime++
			}
			mu.Unlock()
		}
	}()
	frozen.Freeze()
	const many = 15
	for i := range many {
		mu.Lock()
		sent = append(sent, time.Now())
		mu.Unlock()
		_ = a.To(there).Emit("there")
		_ = a.To(elsewhere).Emit("elsewhere", i)
		time.Sleep(100 * time.Millisecond) // all of them while the first one for the frozen master is on its way
	}
	redistest.Eventually(t, "messages for another master arrive in time", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return inTime > many/2
	})
	redistest.Eventually(t, "the node knows", func() bool { return !a.Stats().Bus.Connected })
	frozen.Thaw()
	redistest.Eventually(t, "messages arrive by the master that was frozen", func() bool {
		_ = a.To(there).Emit("back")
		mu.Lock()
		defer mu.Unlock()
		return back
	})
	redistest.Eventually(t, "both nodes are connected", func() bool { return a.Stats().Bus.Connected && b.Stats().Bus.Connected })
}
