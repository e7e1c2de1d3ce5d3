package redisbus

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/internal/redistest"
)

func single(t *testing.T, conf ...string) (*redistest.Server, rueidis.Client) {
	t.Helper()
	redis := redistest.Start(t, conf...)
	return redis, testClient(t, rueidis.ClientOption{InitAddress: []string{redis.Addr()}})
}

func TestSubscriberHearsItsChannelsOnly(t *testing.T) {
	redis, client := single(t)
	s := startSubscriber(t, client, false)
	s.subscribe("a", "b")
	s.awaitReady(true)
	if n := redis.Publish("a", "1") + redis.Publish("b", "2") + redis.Publish("c", "3"); n != 2 {
		t.Errorf("%d deliveries, want 2", n)
	}
	redistest.Eventually(t, "both messages", func() bool { return s.has("a", "1") && s.has("b", "2") })
	s.Change([]string{"c"}, []string{"a"})
	s.await("c")
	redistest.Eventually(t, "a is given up", func() bool { return redis.Subscribers("a") == 0 })
	if redis.Publish("c", "4") != 1 {
		t.Error("c is not subscribed")
	}
	s.Change([]string{"a"}, []string{"b"})
	s.Change([]string{"b"}, []string{"a"}) // before the first change has reached Redis
	s.Change(nil, []string{"a", "unknown"})
	s.await("b", "c")
	redistest.Eventually(t, "b and c are left", func() bool { return len(redis.Channels("*")) == 2 })
	if state := s.State(); state.Wanted != 2 || state.Subscribed != 2 || state.Gaps != 0 {
		t.Errorf("%+v", state)
	}
}

func TestSubscriberLeavesNothingOf100000Channels(t *testing.T) {
	for _, test := range []struct {
		name    string
		sharded bool
	}{{"plain", false}, {"sharded", true}} {
		t.Run(test.name, func(t *testing.T) {
			redis, client := single(t)
			s := startSubscriber(t, client, test.sharded)
			testManyChannels(t, s, func() int {
				if test.sharded {
					return len(redis.ShardChannels("*"))
				}
				return len(redis.Channels("*"))
			})
		})
	}
}

// testManyChannels subscribes to 100,000 channels and gives them up.
func testManyChannels(t *testing.T, s *listener, inRedis func() int) {
	t.Helper()
	const n = 100_000
	list := names(n)
	s.subscribe("kept")
	began := time.Now()
	s.Change(list, nil)
	queued := time.Since(began)
	s.await(list...)
	t.Logf("queued in %v, subscribed after %v", queued, time.Since(began))
	if got := inRedis(); got != n+1 {
		t.Errorf("%d channels in Redis, want %d", got, n+1)
	}
	s.Change(nil, list)
	redistest.Eventually(t, "all channels are given up", func() bool { return inRedis() == 1 })
	if left := s.leftovers(); len(left) != 1 {
		t.Errorf("%d channels left in the table", len(left))
	}
	s.subscriber.mu.Lock()
	defer s.subscriber.mu.Unlock()
	if s.peak > 2048 {
		t.Errorf("the table was not shrunk: %d", s.peak)
	}
}

func TestSubscriberReportsAGapForEachKilledConnection(t *testing.T) {
	redis, client := single(t)
	s := startSubscriber(t, client, false)
	list := names(100)
	s.subscribe(list...)
	for i := range 3 {
		redis.KillPubSub()
		g := s.awaitGaps(i + 1)[i]
		if g.Channels != 100 || g.Of != 100 || g.Cause == nil || !g.Until.After(g.From) {
			t.Errorf("gap %d: %+v", i, g)
		}
		if redis.Publish(list[i], "after") != 1 {
			t.Errorf("not subscribed again after kill %d", i)
		}
		redistest.Eventually(t, "the message", func() bool { return s.has(list[i], "after") })
	}
	if state := s.State(); !state.Ready || state.Gaps != 3 || state.Err != nil {
		t.Errorf("%+v", state)
	}
}

func TestSubscriberSurvivesARestart(t *testing.T) {
	redis, client := single(t)
	s := startSubscriber(t, client, true)
	s.subscribe("a")
	redis.Stop()
	s.awaitReady(false)
	if err := s.State().Err; err == nil {
		t.Error("State does not say why")
	}
	s.Change([]string{"b"}, nil) // while Redis is away
	redis.Restart()
	s.await("a", "b")
	s.awaitReady(true)
	if g := s.awaitGaps(1)[0]; g.Channels != 1 {
		t.Errorf("gap: %+v, want one channel, because b had not been heard before", g)
	}
	redis.ShardPublish("b", "x")
	redistest.Eventually(t, "the message", func() bool { return s.has("b", "x") })
}

func TestSubscriberNoticesAFrozenRedis(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	client := testClient(t, rueidis.ClientOption{InitAddress: []string{redis.Addr()}, ConnWriteTimeout: time.Second})
	s := startSubscriber(t, client, false)
	s.subscribe("a")
	redis.Freeze()
	s.awaitReady(false)
	redis.Thaw()
	s.awaitReady(true)
	s.awaitGaps(1)
	if redis.Publish("a", "x") != 1 {
		t.Error("not subscribed once")
	}
}

// watched starts a master with a replica, and a Sentinel that watches them. The client follows the master.
func watched(t *testing.T) (master, replica *redistest.Server, sentinel *redistest.Sentinel, client rueidis.Client) {
	t.Helper()
	master = redistest.Start(t)
	replica = master.Replica()
	sentinel = redistest.StartSentinel(t, master, "set")
	return master, replica, sentinel, testClient(t, rueidis.ClientOption{
		InitAddress: []string{sentinel.Addr()},
		Sentinel:    rueidis.SentinelOption{MasterSet: "set"},
	})
}

func TestSubscriberFollowsSentinel(t *testing.T) {
	t.Parallel()
	master, replica, sentinel, client := watched(t)
	s := startSubscriber(t, client, true)
	s.subscribe("a")
	master.Kill()
	sentinel.WaitForMaster(replica)
	s.awaitGaps(1)
	if replica.ShardPublish("a", "x") != 1 {
		t.Error("not subscribed at the new master")
	}
	redistest.Eventually(t, "the message", func() bool { return s.has("a", "x") })
}

func TestSubscriberLeavesAMasterThatHasBecomeAReplica(t *testing.T) {
	t.Parallel()
	master, replica, sentinel, client := watched(t)
	s := startSubscriber(t, client, false)
	s.subscribe("a")
	redistest.Eventually(t, "the sentinel knows that the replica can take over", func() bool {
		_, err := sentinel.Try("SENTINEL", "FAILOVER", "set")
		return err == nil
	})
	sentinel.WaitForMaster(replica)
	redistest.Eventually(t, "subscribed at the new master", func() bool {
		return replica.Subscribers("a") == 1 && master.Subscribers("a") == 0
	})
	s.awaitGaps(1)
}

func TestSubscriberIsCutOffByAHugeMessage(t *testing.T) {
	redis, client := single(t, "client-output-buffer-limit pubsub 1mb 1mb 1")
	s := startSubscriber(t, client, false)
	s.subscribe("a")
	redis.Publish("a", strings.Repeat("x", 2<<20))
	s.awaitGaps(1)
	if redis.Publish("a", "after") != 1 {
		t.Error("not subscribed again")
	}
	redistest.Eventually(t, "the next message", func() bool { return s.has("a", "after") })
}

func TestSubscriberNamesTheChannelThatIsRefused(t *testing.T) {
	redis, client := single(t)
	redis.Do("ACL", "SETUSER", "default", "resetchannels", "&socket.io*")
	s := startSubscriber(t, client, false)
	s.Change([]string{"other", "socket.io#/#"}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), ceiling)
	defer cancel()
	err := s.Wait(ctx, "other", "socket.io#/#")
	if err == nil || !strings.Contains(err.Error(), `"other"`) || !strings.Contains(err.Error(), "NOPERM") {
		t.Errorf("err = %v", err)
	}
	s.await("socket.io#/#") // although they were in the same command
	s.awaitReady(false)
	redis.Do("ACL", "SETUSER", "default", "allchannels")
	s.awaitReady(true) // a refusal may still be on its way, so Wait would not do
	if state := s.State(); state.Subscribed != 2 || state.Err != nil {
		t.Errorf("%+v", state)
	}
}

func TestSubscriberComesBackWhenRightsDo(t *testing.T) {
	redis, client := single(t)
	s := startSubscriber(t, client, true)
	list := names(500)
	s.subscribe(list...)
	redis.Do("ACL", "SETUSER", "default", "resetchannels") // Redis closes the connection
	s.awaitReady(false)
	redistest.Eventually(t, "the reason", func() bool {
		err := s.State().Err
		return err != nil && strings.Contains(err.Error(), "NOPERM")
	})
	redis.Do("ACL", "SETUSER", "default", "allchannels")
	s.awaitReady(true)
	if state := s.State(); state.Subscribed != len(list) || state.Err != nil {
		t.Errorf("%+v", state)
	}
	if gaps := s.awaitGaps(1); len(gaps) != 1 || gaps[0].Channels != 500 {
		t.Errorf("gaps: %+v", gaps)
	}
}

func TestSubscriberWaitEndsWithItsContext(t *testing.T) {
	redis, client := single(t)
	s := startSubscriber(t, client, false)
	s.subscribe("a")
	redis.Stop()
	s.awaitReady(false)
	s.Change([]string{"b"}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Wait(ctx, "b"); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("err = %v, want one that says that Redis cannot be reached", err)
	}
	redis.Restart()
}

// stallingConn is a connection whose reads can be held up, as those of a stopped process are.
type stallingConn struct {
	net.Conn
	gate *sync.RWMutex // locked while reads are held up
}

func (c *stallingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.gate.RLock()
	defer c.gate.RUnlock()
	return n, err
}

func TestSubscriberIsCutOffWhenItStalls(t *testing.T) {
	redis := redistest.Start(t, "client-output-buffer-limit pubsub 1mb 1mb 1")
	var gate sync.RWMutex
	client := testClient(t, rueidis.ClientOption{
		InitAddress: []string{redis.Addr()},
		DialCtxFn: func(ctx context.Context, addr string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
			conn, err := d.DialContext(ctx, "tcp", addr)
			return &stallingConn{conn, &gate}, err
		},
	})
	s := startSubscriber(t, client, false)
	s.subscribe("a")
	gate.Lock()
	sent := 0
	for redis.Publish("a", strings.Repeat("x", 100<<10)) == 1 { // until Redis has closed the connection
		if sent++; sent > 1000 {
			t.Fatal("Redis keeps a subscriber that does not read")
		}
	}
	gate.Unlock()
	s.awaitGaps(1)
	s.await("a")
	if redis.Publish("a", "after") != 1 {
		t.Error("not subscribed again")
	}
	redistest.Eventually(t, "the next message", func() bool { return s.has("a", "after") })
}
