package denyredis_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
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
	if err := lists[0].Remove(t.Context(), auth.BySubject("i", "ada"), time.Now().Add(time.Hour)); err == nil || !found(t, lists[0], "ada") {
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
	t.Parallel()
	redis := redistest.Start(t)
	opts := options("node")
	opts.MaxStale = 5 * time.Second
	list := startWith(t, to(redis.Addr()), opts, denyredis.Impatient())
	other := startWith(t, to(redis.Addr()), options("other"), denyredis.Impatient())
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
	if err := lists[0].Remove(t.Context(), auth.BySubject("i", "bob"), time.Now().Add(time.Hour)); err != nil {
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
	client := to("127.0.0.1:1")
	client.ForceSingleClient = true
	client.DialCtxFn = func(ctx context.Context, _ string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
		return d.DialContext(ctx, "tcp", *s.addr.Load())
	}
	return client
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
		lists = append(lists, startWith(t, address.option(), options(fmt.Sprint("node ", i)), denyredis.Pace{}))
	}
	add(t, lists[0], blockOf("kept"))
	add(t, lists[0], blockOf("removed"))
	allFind(t, lists, "removed")
	redistest.Eventually(t, "the replica has the records", func() bool { return length(replica) == 5 })
	replica.Do("REPLICAOF", "NO", "ONE")
	add(t, lists[0], blockOf("lost"))
	allFind(t, lists, "lost")
	if err := lists[1].Remove(t.Context(), auth.BySubject("i", "removed"), time.Now().Add(time.Hour)); err != nil {
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
	late := startWith(t, address.option(), options("late"), denyredis.Pace{})
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
	client := to(sentinel.Addr())
	client.Sentinel.MasterSet = "main"
	var lists []*denyredis.Denylist
	for i := range 2 {
		lists = append(lists, startWith(t, client, options(fmt.Sprint("node ", i)), denyredis.Pace{}))
	}
	add(t, lists[0], blockOf("ada"))
	allFind(t, lists, "ada")
	master.Kill()
	err := lists[0].Add(t.Context(), blockOf("bob"))
	sentinel.WaitForMaster(replica)
	allFind(t, lists, "bob")
	late := startWith(t, client, options("late"), denyredis.Pace{})
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
	client := to(cluster.Addrs()...)
	var lists []*denyredis.Denylist
	for i := range 2 {
		lists = append(lists, startWith(t, client, options(fmt.Sprint("node ", i)), denyredis.Pace{}))
	}
	receipt, err := lists[0].Spread(t.Context(), blockOf("ada"), inTime)
	if err != nil || len(receipt.Confirmed) != 1 {
		t.Errorf("%+v, %v", receipt, err)
	}
	allFind(t, lists, "ada")
}
