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
	away := startWith(t, address.option(), options("away"), denyredis.Pace{})
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
	redistest.Eventually(t, "ada is in the stream again", func() bool {
		h := away.Health()
		return h.Lost > 0 && h.Unlogged == 0 && h.Added+writer.Health().Added > 0
	})
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
	if err := list.Remove(t.Context(), auth.BySubject("i", "removed"), time.Now().Add(time.Hour)); err != nil {
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

// A halting conn delivers what it reads, until halt is set. It then delivers nothing more, and fails
// when it is released.
type halting struct {
	net.Conn
	*halt
}

type halt struct {
	set      atomic.Bool
	reached  chan struct{} // receives when a conn has read something that it does not deliver
	released chan struct{}
}

func (c halting) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n == 0 || !c.set.Load() {
		return n, err
	}
	select {
	case c.reached <- struct{}{}:
	case <-c.released:
	}
	<-c.released
	_ = c.Conn.Close()
	return 0, net.ErrClosed
}

// A record that Redis has acknowledged and lost before its own node has read it leaves no trace in
// the stream. The node adds it again after it has connected again.
func TestAcknowledgedRecordIsLost(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	h := &halt{reached: make(chan struct{}), released: make(chan struct{})}
	var dials atomic.Int32
	client := to(redis.Addr())
	client.ForceSingleClient, client.PipelineMultiplex = true, -1 // one connection for commands that do not wait
	client.DialCtxFn = func(ctx context.Context, addr string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
		conn, err := d.DialContext(ctx, "tcp", addr)
		if err != nil || dials.Add(1) == 1 { // the first one
			return conn, err
		}
		return halting{conn, h}, nil
	}
	list := startWith(t, client, options("node"), denyredis.Pace{})
	release := sync.OnceFunc(func() { h.set.Store(false); close(h.released) })
	t.Cleanup(release) // before the list is closed
	add(t, list, blockOf("read"))
	h.set.Store(true)
	receive(t, h.reached, "the reader is halted") // it waits at most 500 ms for a record
	add(t, list, blockOf("lost"))
	records := redis.Do("XRANGE", "socketiojwt:revocations", "-", "+").([]any)
	redis.Do("XDEL", "socketiojwt:revocations", records[len(records)-1].([]any)[0].(string))
	release()
	redistest.Eventually(t, "the record is added again", func() bool { return length(redis) == 3 })
	if late := start(t, redis.Addr(), "late"); !found(t, late, "lost") || !found(t, late, "read") {
		t.Error("an entry is missing")
	}
}
