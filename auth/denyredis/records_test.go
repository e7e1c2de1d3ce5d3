package denyredis_test

import (
	"context"
	"crypto/tls"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/auth/denyredis"
	"socketiojwt/internal/redistest"
)

// Entries that last are written again before their records are removed, and the stream stays
// short.
func TestOldRecordsAreRemoved(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	pace := denyredis.Pace{Mend: 50 * time.Millisecond, Rewrite: 2 * time.Second, Keep: time.Second}
	redis.Do("CONFIG", "SET", "stream-node-max-entries", "10") // so that few records are removed too
	list := startWith(t, to(redis.Addr()), options("node"), pace)
	add(t, list, blockOf("ada"))
	first := redis.Do("XRANGE", "socketiojwt:revocations", "-", "+", "COUNT", "1").([]any)[0].([]any)[0]
	n := 0
	redistest.Eventually(t, "the first records are removed", func() bool {
		n++
		short := blockOf(strconv.Itoa(n))
		short.Until = time.Now().Add(10 * time.Millisecond)
		add(t, list, short)
		now := redis.Do("XRANGE", "socketiojwt:revocations", "-", "+", "COUNT", "1").([]any)[0].([]any)[0]
		return now != first && n > 500
	})
	redistest.Eventually(t, "the stream is short", func() bool {
		n++
		short := blockOf(strconv.Itoa(n))
		short.Until = time.Now().Add(10 * time.Millisecond)
		add(t, list, short)
		return length(redis) < n/2
	})
	if late := start(t, redis.Addr(), "late"); !found(t, late, "ada") {
		t.Error("an entry without an end is not in the stream any more")
	}
}

// A node whose last record was removed while it was away reads the whole stream.
func TestAwayForLong(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	var address switchable
	address.set(redis.Addr())
	away := startWith(t, address.option(), options("away"), denyredis.Ordinary())
	writer := start(t, redis.Addr(), "writer")
	add(t, writer, blockOf("ada"))
	allFind(t, []*denyredis.Denylist{away}, "ada")
	address.set("127.0.0.1:1")
	redis.KillClients()
	redistest.Eventually(t, "the node cannot read", func() bool { return away.Health().Err != nil })
	add(t, writer, blockOf("bob"))
	redis.Do("XTRIM", "socketiojwt:revocations", "MAXLEN", "1")
	address.set(redis.Addr())
	allFind(t, []*denyredis.Denylist{away}, "bob")
	redistest.Eventually(t, "ada is in the stream again", func() bool { return away.Health().Lost > 0 && length(redis) >= 3 })
	if late := start(t, redis.Addr(), "late"); !found(t, late, "ada") || !found(t, late, "bob") {
		t.Error("an entry was lost")
	}
}

// The record of an entry that lasts is not removed before it is written again, however many newer
// ones there are.
func TestNeededRecordsStay(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	redis.Do("CONFIG", "SET", "stream-node-max-entries", "10")
	pace := denyredis.Pace{Mend: 20 * time.Millisecond, Rewrite: time.Hour, Keep: 20 * time.Millisecond}
	list := startWith(t, to(redis.Addr()), options("node"), pace)
	add(t, list, blockOf("removed"))
	if err := list.Remove(t.Context(), auth.BySubject("i", "removed")); err != nil {
		t.Fatal(err)
	}
	add(t, list, blockOf("ada"))
	for began, n := time.Now(), 0; n < 300 || time.Since(began) < 500*time.Millisecond; n++ {
		short := blockOf(strconv.Itoa(n))
		short.Until = time.Now().Add(10 * time.Millisecond)
		add(t, list, short)
	}
	if late := start(t, redis.Addr(), "late"); !found(t, late, "ada") || found(t, late, "removed") {
		t.Error("a record that is needed was removed")
	}
}

// A halting conn delivers nothing while it is told so, until it is closed.
type halting struct {
	net.Conn
	halt   *atomic.Bool
	closed chan struct{}
	once   sync.Once
}

func (c *halting) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.halt.Load() {
		<-c.closed
		return 0, net.ErrClosed
	}
	return n, err
}

func (c *halting) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// A record that Redis has acknowledged and lost before its own node has read it leaves no trace in
// the stream. The node adds it again after it has connected again.
func TestAcknowledgedRecordIsLost(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	var halt atomic.Bool
	var dials atomic.Int32
	var reading atomic.Pointer[halting]
	client := to(redis.Addr())
	client.ForceSingleClient, client.PipelineMultiplex = true, -1 // one connection for commands that do not wait
	client.DialCtxFn = func(ctx context.Context, addr string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
		conn, err := d.DialContext(ctx, "tcp", addr)
		if err != nil || dials.Add(1) == 1 { // the first one
			return conn, err
		}
		h := &halting{Conn: conn, halt: &halt, closed: make(chan struct{})}
		reading.Store(h)
		return h, nil
	}
	list := startWith(t, client, options("node"), denyredis.Ordinary())
	redistest.Eventually(t, "the reader waits", func() bool { return reading.Load() != nil })
	add(t, list, blockOf("read"))
	redistest.Eventually(t, "the record is read", func() bool { return list.Health().Nodes != nil && length(redis) == 2 })
	halt.Store(true)
	add(t, list, blockOf("lost"))
	records := redis.Do("XRANGE", "socketiojwt:revocations", "-", "+").([]any)
	redis.Do("XDEL", "socketiojwt:revocations", records[len(records)-1].([]any)[0].(string))
	halted := reading.Load()
	halt.Store(false)
	_ = halted.Close()
	redistest.Eventually(t, "the record is added again", func() bool { return length(redis) == 3 })
	if late := start(t, redis.Addr(), "late"); !found(t, late, "lost") || !found(t, late, "read") {
		t.Error("an entry is missing")
	}
}
