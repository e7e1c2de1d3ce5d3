package redisbus_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/redis/rueidis"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
)

// Nodes that have another wire than others with the same prefix say so, and an emitter finds out which
// wire the nodes hear.
func TestOtherWire(t *testing.T) {
	for _, pair := range [][2]redisbus.Wire{{redisbus.Classic, redisbus.Streams}, {redisbus.Classic, redisbus.Sharded}, {redisbus.Sharded, redisbus.Streams}} {
		t.Run(pair[0].String()+" and "+pair[1].String(), func(t *testing.T) {
			t.Parallel()
			redis := redistest.Start(t)
			heard := func(wire redisbus.Wire, prefix string) error {
				e, err := redisbus.NewEmitter(t.Context(), rueidis.ClientOption{InitAddress: []string{redis.Addr()}}, redisbus.EmitterOptions{Wire: wire, Prefix: prefix})
				if err != nil {
					t.Fatal(err)
				}
				defer e.Close()
				return e.Heard(t.Context(), "/")
			}
			a := start(t, redis.Addr(), redisbus.Options{Wire: pair[0]}, open)
			for _, wire := range []redisbus.Wire{redisbus.Classic, redisbus.Sharded, redisbus.Streams} {
				if err := heard(wire, ""); (err == nil) != (wire == pair[0]) || err != nil && !errors.Is(err, redisbus.ErrNotHeard) {
					t.Errorf("an emitter on the %s wire: %v", wire, err)
				}
			}
			if err := heard(pair[0], "other"); !errors.Is(err, redisbus.ErrNotHeard) {
				t.Errorf("an emitter with another prefix: %v", err)
			}
			if n := a.bus.Health().OtherWire; n != 0 {
				t.Errorf("%d nodes with another wire", n)
			}
			b := start(t, redis.Addr(), redisbus.Options{Wire: pair[1]}, open)
			redistest.Eventually(t, "the other node is found", func() bool {
				return b.Stats().Bus.OtherWire == 1 && strings.Contains(b.log.String(), "use another wire")
			})
			redistest.Eventually(t, "the first node finds it", func() bool { return a.bus.Health().OtherWire == 1 })
			if err := heard(pair[1], ""); err != nil {
				t.Errorf("an emitter on the second wire: %v", err)
			}
		})
	}
}
