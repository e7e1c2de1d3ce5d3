package denyredis_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/auth/denyredis"
	"socketiojwt/internal/redistest"
)

// Redis learns no subject, claim or reason.
func TestRedisLearnsNoSubject(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	list := start(t, redis.Addr(), "node")
	add(t, list, auth.Revocation{Match: auth.BySubject("issuer-of-ada", "ada-lovelace"), Reason: "left-the-company", At: time.Now()})
	add(t, list, auth.Revocation{Match: auth.ByClaim("tenant-claim", "acme-tenant"), At: time.Now()})
	if err := list.Remove(t.Context(), auth.BySubject("issuer-of-ada", "ada-lovelace"), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprint(redis.Do("XRANGE", "socketiojwt:revocations", "-", "+"), redis.Do("HGETALL", "socketiojwt:revocations:nodes"))
	for _, secret := range []string{"ada", "acme", "tenant", "left", "issuer"} {
		if strings.Contains(all, secret) {
			t.Errorf("Redis has %q", secret)
		}
	}
}

// Records that cannot be read are counted, and end neither the reader nor the process.
func TestForeignRecords(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	lists := startAll(t, redis.Addr(), 2)
	for _, value := range []string{"", "\x01", "\x02version", strings.Repeat("\x01", 100), `{"add":{}}`} {
		redis.Do("XADD", "socketiojwt:revocations", "*", "r", value)
		redis.Do("XADD", "socketiojwt:revocations", "*", "other", value)
		redis.Do("HSET", "socketiojwt:revocations:nodes", "x"+value, value)
	}
	add(t, lists[0], blockOf("ada"))
	allFind(t, lists, "ada")
	if n := lists[1].Health().Unreadable; n != 10 {
		t.Errorf("%d records could not be read, want 10", n)
	}
	receipt, err := lists[0].Spread(t.Context(), blockOf("bob"), inTime)
	if err != nil || len(receipt.Confirmed) != 1 || len(receipt.Missing) != 5 {
		t.Errorf("%+v, %v", receipt, err)
	}
}

// Someone who can write to Redis, and adds old records again, neither blocks a user whose block was
// removed nor removes a later block.
func TestRecordsThatAreAddedAgain(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	lists := startAll(t, redis.Addr(), 2)
	again := func(after int) { // adds the records again that were written until now
		t.Helper()
		for _, r := range redis.Do("XRANGE", "socketiojwt:revocations", "-", "+").([]any) {
			fields := r.([]any)[1].([]any)
			redis.Do("XADD", "socketiojwt:revocations", "*", fields[0].(string), fields[1].(string))
		}
		mark := fmt.Sprint("mark ", after)
		add(t, lists[0], blockOf(mark))
		allFind(t, lists, mark)
	}
	add(t, lists[0], blockOf("ada"))
	allFind(t, lists, "ada")
	if err := lists[1].Remove(t.Context(), auth.BySubject("i", "ada"), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	again(1)
	for i, list := range lists {
		if found(t, list, "ada") {
			t.Errorf("node %d: a removed block has come back", i)
		}
	}
	add(t, lists[0], blockOf("ada"))
	again(2)
	for i, list := range lists {
		if !found(t, list, "ada") {
			t.Errorf("node %d: a block was removed", i)
		}
	}
}

// Two nodes of one name are logged, once.
func TestNodesOfOneName(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	var log lockedBuffer
	opts := options("node")
	opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
	startWith(t, to(redis.Addr()), opts, denyredis.Pace{})
	start(t, redis.Addr(), "node")
	redistest.Eventually(t, "it is logged", func() bool { return strings.Contains(log.String(), "another node has the same name") })
}
