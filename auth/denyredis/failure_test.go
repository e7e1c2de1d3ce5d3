package denyredis_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/auth"
	"socketiojwt/auth/denyredis"
	"socketiojwt/internal/redistest"
)

// length returns the number of records in the stream.
func length(redis *redistest.Server) int {
	return redis.Do("XLEN", "socketiojwt:revocations").(int)
}

// A node that cannot reach Redis adds entries on itself, says so, and writes them when Redis
// answers again, here without any of its data.
func TestRedisIsStopped(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	lists := startAll(t, redis.Addr(), 2)
	add(t, lists[1], blockOf("ada"))
	allFind(t, lists, "ada")
	redis.Kill()
	var swept atomic.Int32
	lists[0].Watch(func(context.Context, auth.Revocation) (int, error) { swept.Add(1); return 3, nil })
	began := time.Now()
	receipt, err := lists[0].Spread(t.Context(), blockOf("bob"), time.Second)
	if !errors.Is(err, denyredis.ErrNotLogged) || receipt.Sockets != 3 || swept.Load() != 1 {
		t.Errorf("%+v, %v; %d sweeps", receipt, err, swept.Load())
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if !found(t, lists[0], "bob") || found(t, lists[1], "bob") {
		t.Error("the entry must work on this node only")
	}
	if err := lists[0].Remove(t.Context(), auth.BySubject("i", "ada")); err == nil || !found(t, lists[0], "ada") {
		t.Errorf("a block was removed without Redis: %v", err)
	}
	redis.Restart()
	allFind(t, lists, "bob")
	redistest.Eventually(t, "both entries are in Redis", func() bool {
		h := lists[0].Health()
		return h.Unlogged == 0 && h.Err == nil && length(redis) >= 2
	})
	late := start(t, redis.Addr(), "late")
	for _, subject := range []string{"ada", "bob"} {
		if !found(t, late, subject) {
			t.Errorf("%s was not added again", subject)
		}
	}
}

// A Redis that is frozen makes the list stale, and Find fails for tokens that are not in it.
func TestRedisIsFrozen(t *testing.T) {
	redis := redistest.Start(t)
	opts := options("node")
	opts.MaxStale = 2 * time.Second
	list := startWith(t, to(redis.Addr()), opts, denyredis.Ordinary())
	other := start(t, redis.Addr(), "other")
	add(t, list, blockOf("ada"))
	if !list.Available() {
		t.Error("the list is not available")
	}
	redis.Freeze()
	if found(t, list, "bob") {
		t.Error("found bob")
	}
	redistest.Eventually(t, "the list is stale", func() bool {
		_, _, err := list.Find(t.Context(), tokenOf(t, "bob"))
		return errors.Is(err, denyredis.ErrStale)
	})
	if list.Available() {
		t.Error("the list is available")
	}
	if !found(t, list, "ada") {
		t.Error("an entry is not found in a stale list")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := list.Add(ctx, blockOf("bob")); !errors.Is(err, denyredis.ErrNotLogged) || time.Since(began) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	redis.Thaw()
	redistest.Eventually(t, "the list is fresh", list.Available)
	allFind(t, []*denyredis.Denylist{list, other}, "bob")
}

// FLUSHALL on live connections is noticed, and the entries are added again: once, by one node.
func TestFlush(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	lists := startAll(t, redis.Addr(), 3)
	const entries = 700
	for i := range entries {
		add(t, lists[i%3], blockOf(strconv.Itoa(i)))
	}
	add(t, lists[0], blockOf("bob"))
	allFind(t, lists, "bob")
	if err := lists[0].Remove(t.Context(), auth.BySubject("i", "bob")); err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		redistest.Eventually(t, "the list has all", func() bool { return list.Len() == entries })
	}
	redis.Do("FLUSHALL")
	add(t, lists[2], blockOf("ada")) // the reads that wait return this record
	for _, list := range lists {
		redistest.Eventually(t, "the loss is noticed and mended", func() bool {
			h := list.Health()
			return h.Lost > 0 && h.Unlogged == 0 && length(redis) >= entries+1
		})
	}
	if n := length(redis); n > entries+300 { // a few by each node, and the records that nodes begin with
		t.Errorf("the stream has %d records for %d entries", n, entries+1)
	}
	late := start(t, redis.Addr(), "late")
	if late.Len() != entries+1 || !found(t, late, "0") || !found(t, late, "ada") || found(t, late, "bob") {
		t.Errorf("a node that starts has %d entries, want %d", late.Len(), entries+1)
	}
}

// switchable connects to the server whose address it has.
type switchable struct{ addr atomic.Pointer[string] }

func (s *switchable) set(addr string) { s.addr.Store(&addr) }

func (s *switchable) option() rueidis.ClientOption {
	return rueidis.ClientOption{InitAddress: []string{"127.0.0.1:1"}, ForceSingleClient: true,
		DialCtxFn: func(ctx context.Context, _ string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return d.DialContext(ctx, "tcp", *s.addr.Load())
		}}
}

// A replica that takes over without the last records gets them from the nodes that know them,
// also if another record was written before. A removal that was lost is not undone.
func TestFailoverLosesRecords(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t)
	replica := master.Replica()
	var address switchable
	address.set(master.Addr())
	var lists []*denyredis.Denylist
	for i := range 3 {
		lists = append(lists, startWith(t, address.option(), options(fmt.Sprint("node ", i)), denyredis.Ordinary()))
	}
	add(t, lists[0], blockOf("kept"))
	add(t, lists[0], blockOf("removed"))
	allFind(t, lists, "removed")
	redistest.Eventually(t, "the replica has the records", func() bool { return length(replica) == 5 })
	replica.Do("REPLICAOF", "NO", "ONE")
	add(t, lists[0], blockOf("lost"))
	allFind(t, lists, "lost")
	if err := lists[1].Remove(t.Context(), auth.BySubject("i", "removed")); err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		redistest.Eventually(t, "the removal arrives", func() bool { return !found(t, list, "removed") })
	}
	address.set(replica.Addr())
	master.Kill()
	for i, list := range lists {
		redistest.Eventually(t, fmt.Sprint("node ", i, " has noticed the loss"), func() bool {
			h := list.Health()
			return h.Lost > 0 && h.Unlogged == 0 && h.Err == nil
		})
	}
	late := startWith(t, address.option(), options("late"), denyredis.Ordinary())
	if !found(t, late, "kept") || !found(t, late, "lost") || found(t, late, "removed") {
		t.Error("the records were not added again")
	}
	for _, list := range lists {
		if found(t, list, "removed") {
			t.Error("a removed block has come back")
		}
	}
}

// Sentinel promotes a replica, and the nodes follow it without a restart.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t)
	replica := master.Replica()
	sentinel := redistest.StartSentinel(t, master, "main")
	client := rueidis.ClientOption{InitAddress: []string{sentinel.Addr()}, Sentinel: rueidis.SentinelOption{MasterSet: "main"}}
	var lists []*denyredis.Denylist
	for i := range 2 {
		lists = append(lists, startWith(t, client, options(fmt.Sprint("node ", i)), denyredis.Ordinary()))
	}
	add(t, lists[0], blockOf("ada"))
	allFind(t, lists, "ada")
	master.Kill()
	err := lists[0].Add(t.Context(), blockOf("bob"))
	sentinel.WaitForMaster(replica)
	allFind(t, lists, "bob")
	late := startWith(t, client, options("late"), denyredis.Ordinary())
	if !found(t, late, "ada") {
		t.Error("ada is missing")
	}
	allFind(t, []*denyredis.Denylist{late}, "bob")
	t.Log("during the failover:", err)
}

// In a Redis Cluster, the keys may lie on different servers.
func TestRedisCluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t)
	client := rueidis.ClientOption{InitAddress: cluster.Addrs()}
	var lists []*denyredis.Denylist
	for i := range 2 {
		lists = append(lists, startWith(t, client, options(fmt.Sprint("node ", i)), denyredis.Ordinary()))
	}
	receipt, err := lists[0].Spread(t.Context(), blockOf("ada"), 10*time.Second)
	if err != nil || len(receipt.Confirmed) != 1 {
		t.Errorf("%+v, %v", receipt, err)
	}
	allFind(t, lists, "ada")
}

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
