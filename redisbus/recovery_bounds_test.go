package redisbus_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
)

// Redis keeps a bounded number of sessions of one user.
func TestSavedSessionsOfAUserAreBounded(t *testing.T) {
	redis := redistest.Start(t)
	a := recovering(t, redis, redisbus.Options{}, 1)[0]
	records(t, redis, a)
	other := &recoverer{}
	other.connect(a, "bob")
	_ = a.Emit("one")
	other.until("one")
	other.lose()
	kept(t, redis, other)
	var keys []string
	for range 20 {
		p := &recoverer{}
		p.connect(a, "ada")
		_ = a.To(p.sid).Emit("own")
		p.until("own")
		p.lose()
		kept(t, redis, p)
		keys = append(keys, "sio:session:"+p.pid)
	}
	redistest.Eventually(t, "16 sessions of a user", func() bool {
		return fmt.Sprint(redis.Do(append([]string{"EXISTS"}, keys...)...)) == "16"
	})
	kept(t, redis, other)
}

// Large entries are read in small pages.
func TestPagesAreBoundedInBytes(t *testing.T) {
	const events = 24
	redis := redistest.Start(t)
	nodes := recovering(t, redis, redisbus.Options{}, 2)
	a, b := nodes[0], nodes[1]
	records(t, redis, a)
	p := &recoverer{}
	p.connect(a, "ada")
	_ = a.Emit("one")
	p.until("one")
	p.lose()
	kept(t, redis, p)
	large := strings.Repeat("x", 1<<20)
	for range events {
		for a.To("other").Emit("large", large) != nil {
			time.Sleep(time.Millisecond)
		}
		redistest.Eventually(t, "it is sent", func() bool { return a.bus.Health().Queued == 0 }) // so that nothing waits behind many
	}
	_ = a.Emit("last")
	settled(t, a, b)
	calls := redis.Calls("xrange")
	p.connect(b, "ada")
	if got := strings.Join(p.all(), " "); got != "last recovered" {
		t.Errorf("got %q", got)
	}
	// One for the offset, one page of 16 entries, and then pages of about 4.
	if calls = redis.Calls("xrange") - calls; calls < 2+(events-16)/4 {
		t.Errorf("%d entries of 1 MiB were read by %d calls", events, calls)
	}
}

// A node for which Redis answers late, because one of both is busy, keeps its epoch.
func TestEpochOfABusyNode(t *testing.T) {
	redis := redistest.Start(t)
	var delay atomic.Int64
	a := startRecovering(t, slowly(t, redis.Addr(), &delay), redisbus.Options{Wire: redisbus.Streams}, recovery, users)
	records(t, redis, a)
	p := &recoverer{}
	p.connect(a, "ada")
	key := "socket.io-go:epoch:" + string(a.bus.ID())
	epoch, calls := fmt.Sprint(redis.Do("GET", key)), redis.Calls("set")
	delay.Store(int64(600 * time.Millisecond))
	redistest.Eventually(t, "the epoch to be renewed", func() bool { return redis.Calls("set") >= calls+4 })
	if got := fmt.Sprint(redis.Do("GET", key)); got != epoch {
		t.Errorf("epoch %s became %s", epoch, got)
	}
}

// An answer is sent to the client when it is due.
type answer struct {
	data []byte
	due  time.Time
}

// slowly returns the address of a proxy that delays what a server sends.
func slowly(t *testing.T, server string, delay *atomic.Int64) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", server)
			if err != nil {
				_ = from.Close()
				continue
			}
			go func() {
				_, _ = io.Copy(to, from)
				_ = to.Close()
			}()
			answers := make(chan answer, 10_000)
			go func() {
				defer close(answers)
				for {
					buf := make([]byte, 64<<10)
					n, err := to.Read(buf)
					if err != nil {
						return
					}
					answers <- answer{buf[:n], time.Now().Add(time.Duration(delay.Load()))}
				}
			}()
			go func() {
				for a := range answers {
					time.Sleep(time.Until(a.due))
					_, _ = from.Write(a.data)
				}
				_ = from.Close()
			}()
		}
	}()
	return l.Addr().String()
}
