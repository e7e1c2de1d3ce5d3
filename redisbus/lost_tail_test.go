package redisbus_test

import (
	"fmt"
	"strings"
	"testing"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
)

// Redis loses its latest entries before the loss of a connection is noticed. A session is not
// recovered from an offset before what was lost, because the event is missing. It is recovered from
// an offset after that.
func TestLogThatHasLostItsTail(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	nodes := recovering(t, redis, redisbus.Options{}, 2)
	a, b := nodes[0], nodes[1]
	records(t, redis, a)
	records(t, redis, b)
	behind, upToDate := &recoverer{}, &recoverer{}
	emit := func(from *node, name string) {
		if err := from.Emit(name); err != nil {
			t.Error(err)
		}
		behind.until(name)
		upToDate.until(name)
	}
	behind.connect(a, "ada")
	upToDate.connect(a, "bob")
	emit(a, "kept")
	offset := behind.offset
	epoch := func(n *node) string { return fmt.Sprint(redis.Do("GET", "socket.io-go:epoch:"+string(n.bus.ID()))) }
	epochs := func() string { return epoch(a) + " " + epoch(b) }
	beforeA, beforeB := epoch(a), epoch(b)
	redis.Do("SAVE")
	emit(b, "lost")
	redis.Kill()
	redis.Restart()
	redistest.Eventually(t, "new epochs", func() bool {
		return epoch(a) != beforeA && epoch(b) != beforeB && !strings.Contains(epochs(), "nil")
	})
	emit(a, "later")
	behind.lose()
	upToDate.lose()
	kept(t, redis, behind, upToDate)
	behind.offset = offset
	behind.connect(b, "ada")
	if got := strings.Join(behind.all(), " "); got != "connected" {
		t.Errorf("with an offset before what was lost: %s", got)
	}
	if err := b.Emit("last"); err != nil {
		t.Error(err)
	}
	upToDate.connect(b, "bob")
	upToDate.until("last")
	if got := strings.Join(upToDate.all(), " "); got != "last recovered" {
		t.Errorf("with an offset after what was lost: %s", got)
	}
}
