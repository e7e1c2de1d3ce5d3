package redisbus_test

import (
	"fmt"
	"testing"
	"time"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
)

// A node that is cut off for a moment reads on, so nothing is lost.
func TestStreamsReadOn(t *testing.T) {
	redis := redistest.Start(t)
	opts := redisbus.Options{Wire: redisbus.Streams}
	a, b := start(t, redis.Addr(), opts, open), start(t, redis.Addr(), opts, open)
	peer := b.dial("r")
	for i := range 200 {
		redis.Do("XADD", "socket.io", "*", "uid", string(a.bus.ID()), "nsp", "/", "type", "3",
			"data", fmt.Sprintf(`{"packet":{"type":2,"data":["n",%d]},"opts":{"rooms":[],"except":[],"flags":{}}}`, i))
		if i%50 == 25 {
			redis.KillClients()
		}
		time.Sleep(time.Millisecond)
	}
	for i := range 200 {
		e, err := peer.Expect(b.ctx, "n")
		var n int
		if err != nil || e.Scan(&n) != nil || n != i {
			t.Fatalf("received %v, %v; want %d", e, err, i)
		}
	}
}
