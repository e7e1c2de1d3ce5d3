package redisbus_test

import (
	"strings"
	"testing"
	"time"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
)

// A Redis that was restarted without its latest entries does not make nodes carry out the older ones
// again: a socket that has connected meanwhile gets no old event, and joins no room by an old message.
func TestRedisThatHasLostEntries(t *testing.T) {
	redis := redistest.Start(t)
	nodes := recovering(t, redis, redisbus.Options{}, 2)
	a, b := nodes[0], nodes[1]
	bob, eve := &recoverer{}, &recoverer{}
	bob.connect(b, "bob")
	_ = a.SocketsJoin("vip") // those who are there now
	_ = a.Emit("x")
	bob.until("x")
	redis.Do("SAVE")
	_ = a.Emit("lost")
	bob.until("lost")
	eve.connect(b, "eve")
	gaps := b.bus.Health().Gaps
	redis.Kill()
	redis.Restart()
	redistest.Eventually(t, "the nodes are connected", func() bool { return a.bus.Health().Connected && b.bus.Health().Connected })
	redistest.Eventually(t, "the gap is known", func() bool { return b.bus.Health().Gaps > gaps })
	redistest.Eventually(t, "messages arrive", func() bool {
		_ = a.To("vip").Emit("for vip")
		time.Sleep(20 * time.Millisecond)
		return strings.Contains(strings.Join(bob.all(), " "), "for vip")
	})
	if got := strings.Join(eve.all(), " "); got != "connected" {
		t.Errorf("the socket that connected later received %q", got)
	}
}
