package redisbus_test

import (
	"strings"
	"testing"
	"time"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
)

// While Redis accepts heartbeats and refuses entries, or the other way round, the node is in one
// state, which is logged when it begins and when it ends.
func TestRedisRefusesWrites(t *testing.T) {
	for wire, refuse := range map[redisbus.Wire][2][]string{
		redisbus.Streams: {{"CONFIG", "SET", "maxmemory", "1"}, {"CONFIG", "SET", "maxmemory", "0"}},
		redisbus.Classic: {{"ACL", "SETUSER", "default", "resetchannels", "&socket.io-*", "&socket.io#/#"}, {"ACL", "SETUSER", "default", "&*"}},
	} {
		t.Run(wire.String(), func(t *testing.T) {
			t.Parallel()
			redis := redistest.Start(t)
			n := start(t, redis.Addr(), redisbus.Options{Wire: wire}, open)
			emit := func() { _ = n.To("room").Emit("e") }
			redis.Do(refuse[0]...)
			redistest.Eventually(t, "the refusal", func() bool { emit(); return !n.bus.Health().Connected })
			since := n.bus.Health().Since
			for began := time.Now(); time.Since(began) < 2500*time.Millisecond; time.Sleep(20 * time.Millisecond) {
				emit()
				if h := n.bus.Health(); h.Connected || !h.Since.Equal(since) {
					t.Fatalf("connected is %t, since %v", h.Connected, h.Since)
				}
			}
			redis.Do(refuse[1]...)
			redistest.Eventually(t, "the end", func() bool { emit(); return n.bus.Health().Connected })
			for text, want := range map[string]int{"messages cannot be sent": 1, "messages can be sent": 1} {
				if got := strings.Count(n.log.String(), text); got != want {
					t.Errorf("%q was logged %d times, want %d", text, got, want)
				}
			}
		})
	}
}
