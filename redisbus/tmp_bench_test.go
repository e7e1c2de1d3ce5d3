package redisbus_test

import (
	"testing"
	"time"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
)

type tmpMessage struct {
	T   int64  `json:"t"`
	Pad string `json:"pad"`
}

func BenchmarkTmpEmit(b *testing.B) {
	redis := redistest.Start(b)
	n := start(b, redis.Addr(), redisbus.Options{}, open)
	b.ReportAllocs()
	b.ResetTimer()
	pad := hundred[:80]
	for i := range b.N {
		if i%400 == 0 {
			b.StopTimer()
			time.Sleep(3 * time.Millisecond)
			b.StartTimer()
		}
		if err := n.To("room").Emit("broadcast", tmpMessage{int64(i), pad}); err != nil {
			b.Fatal(err)
		}
	}
}
