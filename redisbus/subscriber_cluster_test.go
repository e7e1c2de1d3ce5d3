package redisbus

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/internal/redistest"
)

func clustered(t *testing.T, conf ...string) (*redistest.Cluster, rueidis.Client) {
	t.Helper()
	cluster := redistest.StartCluster(t, conf...)
	client := testClient(t, rueidis.ClientOption{InitAddress: cluster.Addrs()[:1]})
	if client.Mode() != rueidis.ClientModeCluster {
		t.Fatal("not a cluster")
	}
	return cluster, client
}

func TestSlotOfAgreesWithRedis(t *testing.T) {
	redis := redistest.Start(t, "cluster-enabled yes")
	channels := []string{"", "{}", "{", "}{", "a{b}c", "{{a}}", "{}{a}", "socket.io#/#room#", "\x00\xff", "é#{ü}"}
	for range 100 {
		channels = append(channels, fmt.Sprintf("socket.io#/#%x#", rand.Uint64()))
	}
	for _, channel := range channels {
		if got, want := int(slotOf(channel)), redis.Do("CLUSTER", "KEYSLOT", channel); got != want {
			t.Errorf("slotOf(%q) = %d, want %v", channel, got, want)
		}
	}
}

// TestSubscriberOnACluster has one cluster for all its parts, because to start one takes seconds.
func TestSubscriberOnACluster(t *testing.T) {
	t.Parallel()
	cluster, client := clustered(t)
	t.Run("one connection for each master", func(t *testing.T) { testOneConnectionForEachMaster(t, cluster, client) })
	t.Run("moved slot", func(t *testing.T) { testMovedSlot(t, cluster, client) })
	t.Run("100,000 channels", func(t *testing.T) {
		testManyChannels(t, startSubscriber(t, client, true), func() (n int) {
			for _, m := range cluster.Masters {
				n += len(m.ShardChannels("*"))
			}
			return n
		})
	})
	t.Run("failover", func(t *testing.T) { testClusterFailover(t, cluster, client) })
	t.Run("plain channels", func(t *testing.T) { testPlainOnACluster(t, cluster, client) })
}

func testOneConnectionForEachMaster(t *testing.T, cluster *redistest.Cluster, client rueidis.Client) {
	s := startSubscriber(t, client, true)
	list := names(100)
	s.subscribe(list...)
	for _, name := range list {
		if n := cluster.Owner(cluster.Slot(name)).ShardPublish(name, "x"); n != 1 {
			t.Fatalf("%d subscribers of %s", n, name)
		}
	}
	redistest.Eventually(t, "all messages", func() bool {
		for _, name := range list {
			if !s.has(name, "x") {
				return false
			}
		}
		return true
	})
	for _, m := range cluster.Masters {
		if n := m.KillPubSub(); n != 1 {
			t.Errorf("%d connections that subscribe, want 1", n)
		}
	}
	s.awaitGaps(1)
	s.await(list...)
	s.Change(nil, list)
	redistest.Eventually(t, "no link is left", func() bool {
		s.subscriber.mu.Lock()
		defer s.subscriber.mu.Unlock()
		return len(s.links) == 0
	})
	s.subscribe("again")
}

// testMovedSlot publishes numbers to a channel while its slot moves.
func testMovedSlot(t *testing.T, cluster *redistest.Cluster, client rueidis.Client) {
	publisher := testClient(t, rueidis.ClientOption{InitAddress: cluster.Addrs()})
	s := startSubscriber(t, client, true)
	s.subscribe("a", "b", "c")
	stop := make(chan struct{})
	var sending sync.WaitGroup
	sent := 0
	sending.Go(func() {
		for ; ; sent++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				publisher.Do(t.Context(), publisher.B().Spublish().Channel("a").Message(fmt.Sprint(sent)).Build())
			}
		}
	})
	slot := cluster.Slot("a")
	for i := range 3 {
		from := cluster.Owner(slot)
		to := cluster.Masters[0]
		if to == from {
			to = cluster.Masters[1]
		}
		cluster.Move(slot, to)
		redistest.Eventually(t, "subscribed at the new owner", func() bool { return to.ShardSubscribers("a") == 1 })
		before := s.count("a")
		redistest.Eventually(t, "messages", func() bool { return s.count("a") > before+10 })
		if g := s.awaitGaps(i + 1)[i]; g.Channels != 1 || g.Of != 3 {
			t.Errorf("gap: %+v", g)
		}
		if n := shardSubscribers(cluster, "a"); n != 1 {
			t.Errorf("%d subscribers in all", n)
		}
	}
	close(stop)
	sending.Wait()
	lost := sent - s.count("a")
	t.Logf("%d of %d messages were lost in 3 moves", lost, sent)
	if lost > sent/2 {
		t.Errorf("%d of %d messages lost", lost, sent)
	}
}

// testClusterFailover kills a master. Its replica, which takes its place, is no longer one of
// cluster.Masters.
func testClusterFailover(t *testing.T, cluster *redistest.Cluster, client rueidis.Client) {
	s := startSubscriber(t, client, true)
	list := names(60)
	s.subscribe(list...)
	master := cluster.Owner(cluster.Slot(list[0]))
	replica := cluster.AddReplica(master)
	master.Kill()
	s.awaitReady(false)
	replica.Do("CLUSTER", "FAILOVER", "TAKEOVER") // what it would do itself some seconds later
	s.await(list...)
	s.awaitReady(true)
	if g := s.awaitGaps(1)[0]; g.Channels == 0 || g.Channels == 60 || g.Of != 60 {
		t.Errorf("gap: %+v, want the channels of one master of three", g)
	}
	if replica.ShardPublish(list[0], "x") != 1 {
		t.Error("not subscribed at the new master")
	}
	cluster.Masters = append(slices.DeleteFunc(cluster.Masters, func(m *redistest.Server) bool { return m == master }), replica)
	master.Restart() // as a replica
}

func testPlainOnACluster(t *testing.T, cluster *redistest.Cluster, client rueidis.Client) {
	s := startSubscriber(t, client, false)
	s.subscribe("a", "b")
	at := func() (found []*redistest.Server) {
		for _, m := range cluster.Masters {
			if m.Subscribers("a") == 1 && m.Subscribers("b") == 1 {
				found = append(found, m)
			}
		}
		return found
	}
	first := at()
	if len(first) != 1 {
		t.Fatalf("subscribed at %d masters", len(first))
	}
	for _, m := range cluster.Masters {
		m.Publish("a", "from "+m.Addr())
		redistest.Eventually(t, "the message", func() bool { return s.has("a", "from "+m.Addr()) })
	}
	replica := cluster.AddReplica(first[0])
	replica.Do("CLUSTER", "FAILOVER", "TAKEOVER")
	redistest.Eventually(t, "subscribed at a master, not at the replica", func() bool {
		return first[0].Subscribers("a") == 0
	})
	s.await("a", "b")
	s.awaitGaps(1)
}
