package redisbus_test

import (
	"strings"
	"testing"
	"time"

	"socketiojwt/internal/cputime"
	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
	"socketiojwt/socketio"
)

// paced calls f b.N times, 100 times every 5 ms.
func paced(b *testing.B, f func(i int)) {
	b.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	b.ResetTimer()
	began := cputime.Used()
	for i := range b.N {
		if i%100 == 0 {
			<-tick.C
		}
		f(i)
	}
	time.Sleep(50 * time.Millisecond)
	b.ReportMetric(float64((cputime.Used()-began).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

var hundred = strings.Repeat("x", 100)

// A broadcast to a room without sockets on this node.
func BenchmarkSender(b *testing.B) {
	redis := redistest.Start(b)
	n := start(b, redis.Addr(), redisbus.Options{}, open)
	b.ReportAllocs()
	paced(b, func(int) {
		if err := n.To("x").Emit("e", hundred); err != nil {
			b.Fatal(err)
		}
	})
	if h := n.bus.Health(); h.Dropped > 0 {
		b.Errorf("health %+v", h)
	}
}

// The cost of a message at a node that receives it: without members of the room, which the bus
// finds out by the channel, and of its own broadcast, which comes back.
func BenchmarkHeard(b *testing.B) {
	redis := redistest.Start(b)
	n := start(b, redis.Addr(), redisbus.Options{}, open)
	other := start(b, redis.Addr(), redisbus.Options{}, open)
	for name, of := range map[string]*redisbus.Bus{"own": n.bus, "other": other.bus} {
		payload := of.Payload(socketio.Message{Kind: socketio.KindBroadcast, Namespace: "/", To: socketio.Selector{All: true}, Data: []byte(`["e","` + hundred + `"]`)})
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				n.bus.Heard("socket.io#/#", payload)
			}
		})
	}
	b.Run("absent", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			n.bus.Heard("socket.io#/#x#", "payload")
		}
	})
}

// A broadcast of another node to a room with 20 sockets of this node.
func BenchmarkReceiver(b *testing.B) {
	redis := redistest.Start(b)
	n := start(b, redis.Addr(), redisbus.Options{}, open)
	other := start(b, redis.Addr(), redisbus.Options{}, open)
	for range 20 {
		p := n.dial("x")
		go func() {
			for {
				if _, err := p.Next(n.ctx); err != nil {
					return
				}
			}
		}()
	}
	inRoom(b, redis, 1, "x")
	payload := other.bus.Payload(socketio.Message{Kind: socketio.KindBroadcast, Namespace: "/", To: socketio.Selector{Rooms: []string{"x"}}, Data: []byte(`["e","` + hundred + `"]`)})
	b.ReportAllocs()
	paced(b, func(int) { n.bus.Heard("socket.io#/#x#", payload) })
}
