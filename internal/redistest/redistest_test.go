package redistest

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"socketiojwt/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func TestStartAnswersAtOnce(t *testing.T) {
	s := Start(t, "maxmemory 10mb")
	if got := s.Do("PING"); got != "PONG" {
		t.Errorf("PING: %v", got)
	}
	if got := s.Do("CONFIG", "GET", "maxmemory").([]any)[1]; got != "10485760" {
		t.Errorf("maxmemory is %v", got)
	}
	if s.Port() >= 32768 {
		t.Errorf("port %d is among those of connections", s.Port())
	}
}

func TestServerListensOnLoopbackOnly(t *testing.T) {
	s := Start(t)
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		ip := a.(*net.IPNet).IP
		if ip.IsLoopback() || ip.IsLinkLocalUnicast() {
			continue
		}
		if c, err := net.DialTimeout("tcp", net.JoinHostPort(ip.String(), strconv.Itoa(s.Port())), time.Second); err == nil {
			_ = c.Close()
			t.Errorf("it listens on %s", ip)
		}
	}
}

func TestSubscriptionsAreCountedAndKilled(t *testing.T) {
	s := Start(t)
	sub := s.Subscribe("a", "b")
	s.SubscribePattern("c*")
	if got := s.Subscribers("a"); got != 1 {
		t.Errorf("%d subscribers", got)
	}
	if got := s.Patterns(); got != 1 {
		t.Errorf("%d patterns", got)
	}
	channels := s.Channels("")
	if slices.Sort(channels); !slices.Equal(channels, []string{"a", "b"}) {
		t.Errorf("channels %q", channels)
	}
	binary := "\x00\r\n$-1\xff"
	if got := s.Publish("b", binary); got != 1 {
		t.Errorf("%d received it", got)
	}
	if got := sub.Next(); got != (Message{"b", binary}) {
		t.Errorf("received %q", got)
	}
	if got := s.KillPubSub(); got != 2 {
		t.Errorf("%d killed", got)
	}
	Eventually(t, "the subscription ends", func() bool { _, open := <-sub.Messages(); return !open })
}

func TestPatternSubscriptionTellsTheChannel(t *testing.T) {
	s := Start(t)
	sub := s.SubscribePattern("a*")
	s.Publish("ab", "1")
	if got := sub.Next(); got != (Message{"ab", "1"}) {
		t.Errorf("received %q", got)
	}
}

func TestMonitorShowsExactBytes(t *testing.T) {
	s := Start(t)
	m := s.Monitor()
	s.Publish("a b", "\x00\x93\"\n")
	if got := m.Next("publish"); !slices.Equal(got, []string{"PUBLISH", "a b", "\x00\x93\"\n"}) {
		t.Errorf("saw %q", got)
	}
}

func TestCallsCountsACommand(t *testing.T) {
	s := Start(t)
	s.Publish("a", "1")
	s.Publish("a", "2")
	if got := s.Calls("publish"); got != 2 {
		t.Errorf("%d calls", got)
	}
	s.ResetCalls()
	if got := s.Calls("publish"); got != 0 {
		t.Errorf("%d calls after the reset", got)
	}
}

func TestTryReturnsTheErrorOfRedis(t *testing.T) {
	s := Start(t, "user default off")
	if _, err := s.Try("NOTHING"); err == nil || !strings.HasPrefix(err.Error(), "ERR unknown command") {
		t.Errorf("error %v", err)
	}
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	fmt.Fprint(c, "PING\r\n")
	if line, _ := bufio.NewReader(c).ReadString('\n'); !strings.HasPrefix(line, "-NOAUTH") {
		t.Errorf("the user default is answered %q", line)
	}
}

func TestRestartKeepsThePort(t *testing.T) {
	for name, end := range map[string]func(*Server){
		"after Stop":   (*Server).Stop,
		"after Kill":   (*Server).Kill,
		"after Freeze": (*Server).Freeze,
		"running":      func(*Server) {},
	} {
		t.Run(name, func(t *testing.T) {
			s := Start(t)
			s.Do("SET", "a", "1")
			addr, pid := s.Addr(), s.PID()
			end(s)
			s.Restart()
			if s.Addr() != addr || s.PID() == pid {
				t.Errorf("%s process %d became %s process %d", addr, pid, s.Addr(), s.PID())
			}
			if got := s.Do("GET", "a"); got != nil {
				t.Errorf("it has %v", got)
			}
		})
	}
}

func TestStoppedServerRefusesConnections(t *testing.T) {
	s := Start(t)
	s.Stop()
	if c, err := net.Dial("tcp", s.Addr()); err == nil {
		_ = c.Close()
		t.Error("connected")
	}
	if s.PID() != 0 {
		t.Errorf("process %d", s.PID())
	}
}

// Another test does not get the port of a server that is stopped for a while.
func TestPortOfAStoppedServerIsKept(t *testing.T) {
	s := Start(t)
	s.Stop()
	guard, err := net.ListenPacket("udp", s.Addr())
	if err == nil {
		_ = guard.Close()
		t.Errorf("the port %d is free", s.Port())
	}
	s.Restart()
}

func TestFrozenServerAnswersAfterThaw(t *testing.T) {
	s := Start(t)
	c := s.dial()
	defer func() { _ = c.Close() }()
	s.Freeze()
	if err := c.send([]string{"PING"}); err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(50 * time.Millisecond))
	if v, err := c.reply(); err == nil {
		t.Fatalf("a frozen server answered %v", v)
	}
	s.Thaw()
	_ = c.SetDeadline(time.Now().Add(patience))
	if v, err := c.reply(); v != "PONG" {
		t.Errorf("%v, %v", v, err)
	}
}

func TestSentinelPromotesTheReplica(t *testing.T) {
	master := Start(t)
	master.Do("SET", "a", "1")
	replica := master.Replica()
	if got := replica.Do("GET", "a"); got != "1" {
		t.Errorf("the replica has %v", got)
	}
	sentinel := StartSentinel(t, master, "main")
	if got := sentinel.MasterAddr(); got != master.Addr() {
		t.Errorf("the master is %s, not %s", got, master.Addr())
	}
	master.Freeze()
	sentinel.WaitForMaster(replica)
	replica.Do("SET", "a", "2")
}

func TestClusterMovesASlot(t *testing.T) {
	c := StartCluster(t)
	slot := c.Slot("room")
	from := c.Owner(slot)
	to := c.Masters[0]
	if from == to {
		to = c.Masters[1]
	}
	from.Do("SET", "room", "1")
	from.ShardSubscribe("room")
	if got := from.ShardSubscribers("room"); got != 1 {
		t.Errorf("%d subscribers", got)
	}
	c.Move(slot, to)
	if got := c.Owner(slot); got != to {
		t.Errorf("%s has the slot", got.Addr())
	}
	if got := to.Do("GET", "room"); got != "1" {
		t.Errorf("the key is %v", got)
	}
	if got := from.ShardChannels(""); len(got) != 0 {
		t.Errorf("still subscribed to %q", got)
	}
	if _, err := from.Try("SPUBLISH", "room", "x"); err == nil || !strings.HasPrefix(err.Error(), "MOVED") {
		t.Errorf("error %v", err)
	}
}

func TestClusterReplicaTakesOver(t *testing.T) {
	c := StartCluster(t)
	r := c.AddReplica(c.Masters[1])
	c.Masters[1].Kill()
	Eventually(t, "the replica takes over", func() bool { return r.Info("replication")["role"] == "master" })
}

func TestMissingProgramIsAnError(t *testing.T) {
	t.Setenv("REDIS_SERVER", "no-such-redis-server")
	_, err := spawn(nil)
	if err == nil || !strings.Contains(err.Error(), "scripts/test.sh") {
		t.Errorf("error %v", err)
	}
}
