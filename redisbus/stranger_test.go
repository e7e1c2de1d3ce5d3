package redisbus_test

import (
	"testing"
	"time"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
)

// A node that another one has not heard yet is found before it is asked, so that its answer
// counts. A client of Redis that only listens costs a request the time to find out, once.
func TestNodeThatWasNotHeard(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	a, b := start(t, redis.Addr(), redisbus.Options{}, open), start(t, redis.Addr(), redisbus.Options{}, open)
	a.bus.Forget(b.bus.ID())
	if took, partial := a.fetch(); took > 900*time.Millisecond || partial != nil {
		t.Errorf("a node that was not heard: %v after %v", partial, took)
	}
	spy := redis.Subscribe("socket.io-go#")
	defer spy.Close()
	if took, partial := a.fetch(); took > 3*time.Second || partial != nil {
		t.Errorf("with a listener: %v after %v", partial, took)
	}
	for range 3 {
		if took, partial := a.fetch(); took > 900*time.Millisecond || partial != nil {
			t.Errorf("with a listener that is known: %v after %v", partial, took)
		}
	}
}
