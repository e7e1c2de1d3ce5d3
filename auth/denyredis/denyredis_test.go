package denyredis_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/auth/denyredis"
	"socketiojwt/internal/redistest"
)

// What one node adds and removes, all nodes have, also those that start later.
func TestEntriesReachAllNodes(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	lists := startAll(t, redis.Addr(), 3)
	add(t, lists[0], blockOf("ada"))
	add(t, lists[1], auth.Revocation{Match: auth.ByClaim("team", 7), IssuedBefore: time.Now(), Until: time.Now().Add(time.Hour), At: time.Now()})
	allFind(t, lists, "ada")
	late := start(t, redis.Addr(), "late")
	if !found(t, late, "ada") || found(t, late, "bob") {
		t.Error("a node that starts does not have the entry")
	}
	entries, err := late.List(t.Context(), "", 10)
	if err != nil || len(entries) != 2 || entries[0].Reason != "test" || entries[1].Match != auth.ByClaim("team", 7) {
		t.Errorf("it lists %+v, %v", entries, err)
	}
	if err := lists[2].Remove(t.Context(), auth.BySubject("i", "ada"), time.Now().Add(time.Hour)); err != nil || found(t, lists[2], "ada") {
		t.Error(err)
	}
	for _, list := range append(lists, late) {
		redistest.Eventually(t, "the block is removed", func() bool { return !found(t, list, "ada") })
	}
	add(t, lists[1], blockOf("ada"))
	allFind(t, append(lists, late), "ada")
}

// A block that is made after another one was removed is kept, whatever the clocks and the order.
func TestBlocksAndRemovalsConverge(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	lists := startAll(t, redis.Addr(), 2)
	ahead := blockOf("ada")
	ahead.At = time.Now().Add(time.Hour)
	add(t, lists[0], ahead)
	allFind(t, lists, "ada")
	if err := lists[1].Remove(t.Context(), ahead.Match, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	add(t, lists[1], ahead) // a late copy of the same block
	if redistest.Eventually(t, "the removal arrives", func() bool { return lists[0].Len() <= 1 }); !found(t, lists[1], "ada") {
		t.Error("a block that was made after the removal is missing")
	}
	allFind(t, lists, "ada")
	late := start(t, redis.Addr(), "late")
	if !found(t, late, "ada") {
		t.Error("a node that starts does not have the block")
	}
}

// New says what is missing.
func TestNewFails(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	list := start(t, redis.Addr(), "node")
	add(t, list, blockOf("ada"))
	add(t, list, blockOf("bob"))
	redis.Do("ACL", "SETUSER", "poor", "on", ">secret", "~socketiojwt:*", "+@all", "-xadd")
	redis.Do("ACL", "SETUSER", "foreign", "on", ">secret", "~other:*", "+@all")
	closed := redistest.Start(t)
	closed.Stop()
	poor, foreign := to(redis.Addr()), to(redis.Addr())
	poor.Username, poor.Password = "poor", "secret"
	foreign.Username, foreign.Password = "foreign", "secret"
	otherKey := options("other")
	otherKey.Keys = [][]byte{[]byte("another secret of 16 bytes")}
	for name, c := range map[string]struct {
		err  error
		text string
	}{
		"no keys":          {newList(t, redis.Addr(), denyredis.Options{}), "Keys is empty"},
		"a short key":      {newList(t, redis.Addr(), denyredis.Options{Keys: [][]byte{[]byte("short")}}), "at least 16"},
		"a short MaxStale": {newList(t, redis.Addr(), denyredis.Options{Keys: [][]byte{secret}, MaxStale: time.Second}), "MaxStale"},
		"no server":        {newList(t, closed.Addr(), options("a")), closed.Addr()},
		"a right":          {openAs(t, poor.Username, redis.Addr()), "XADD socketiojwt:revocations"},
		"a key":            {openAs(t, foreign.Username, redis.Addr()), "XRANGE socketiojwt:revocations"},
		"another key":      {newList(t, redis.Addr(), otherKey), "same Keys"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.text) {
			t.Errorf("%s: %v, want %q", name, c.err, c.text)
		}
	}
}

// newList calls New, and closes a list that it returns.
func newList(t *testing.T, addr string, opts denyredis.Options) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	list, err := denyredis.New(ctx, to(addr), opts)
	if err == nil {
		list.Close()
	}
	return err
}

func openAs(t *testing.T, user, addr string) error {
	t.Helper()
	client := to(addr)
	client.Username, client.Password = user, "secret"
	list, err := denyredis.New(t.Context(), client, options("poor"))
	if err == nil {
		list.Close()
	}
	return err
}

// A key is replaced without losing an entry: first all nodes get both, then the new one is used.
func TestKeysAreReplaced(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	fresh := []byte("the key that replaces the other")
	add(t, start(t, redis.Addr(), "old"), blockOf("ada"))
	opts := options("between")
	opts.Keys = [][]byte{secret, fresh}
	between := startWith(t, to(redis.Addr()), opts, denyredis.Pace{})
	opts.Node, opts.Keys = "new", [][]byte{fresh, secret}
	renewed := startWith(t, to(redis.Addr()), opts, denyredis.Pace{})
	add(t, renewed, blockOf("bob"))
	allFind(t, []*denyredis.Denylist{between, renewed}, "bob")
	allFind(t, []*denyredis.Denylist{between, renewed}, "ada")
}

// A receipt names the nodes that have ended their sockets, with the number of sockets, and those
// that have not said so.
func TestReceipt(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	lists := startAll(t, redis.Addr(), 3)
	hold := make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	t.Cleanup(release) // before the lists are closed
	for i, list := range lists {
		list.Watch(func(_ context.Context, r auth.Revocation) (int, error) {
			if i == 2 && r.Match == auth.BySubject("i", "bob") {
				<-hold
			}
			return i + 1, nil
		})
	}
	receipt, err := lists[0].Spread(t.Context(), blockOf("ada"), inTime)
	want := []auth.Confirmation{{Node: "node 1", Sockets: 2}, {Node: "node 2", Sockets: 3}}
	if err != nil || receipt.Sockets != 1 || !slices.Equal(receipt.Confirmed, want) || receipt.Missing != nil {
		t.Errorf("%+v, %v", receipt, err)
	}
	redistest.Eventually(t, "one of two nodes confirms", func() bool { // the first time, node 1 may be too busy to do so
		receipt, err = lists[0].Spread(t.Context(), blockOf("bob"), 300*time.Millisecond)
		return err == nil && len(receipt.Confirmed) == 1 && slices.Equal(receipt.Missing, []string{"node 2"})
	})
	release()
	lists[2].Close()
	receipt, err = lists[0].Spread(t.Context(), blockOf("eve"), inTime)
	if err != nil || len(receipt.Confirmed) != 1 || receipt.Missing != nil {
		t.Errorf("after a node has left: %+v, %v", receipt, err)
	}
	if nodes := lists[0].Health().Nodes; !slices.Equal(nodes, []string{"node 0", "node 1"}) {
		t.Errorf("the nodes are %q", nodes)
	}
}

// An entry for which lists have no room ends the sockets of all nodes, and fails.
func TestFullLists(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	var lists []*denyredis.Denylist
	swept := make(chan string, 100)
	for i := range 2 {
		opts := options(fmt.Sprint("node ", i))
		opts.List.MaxEntries = 1
		lists = append(lists, startWith(t, to(redis.Addr()), opts, denyredis.Pace{}))
		lists[i].Watch(func(_ context.Context, r auth.Revocation) (int, error) {
			swept <- fmt.Sprint(i, r.Match.String())
			return 0, nil
		})
	}
	add(t, lists[0], blockOf("ada"))
	allFind(t, lists, "ada")
	if err := lists[0].Add(t.Context(), blockOf("bob")); !errors.Is(err, auth.ErrDenylistFull) {
		t.Errorf("got %v", err)
	}
	want := []string{`0sub "ada" of issuer "i"`, `0sub "bob" of issuer "i"`, `1sub "ada" of issuer "i"`, `1sub "bob" of issuer "i"`}
	for len(want) > 0 {
		got := receive(t, swept, fmt.Sprintf("%q are swept", want))
		want = slices.DeleteFunc(want, func(w string) bool { return w == got })
	}
	restarted := options("node 2")
	restarted.List.MaxEntries = 1
	startWith(t, to(redis.Addr()), restarted, denyredis.Pace{})
}

// An entry is found before sockets are ended, on the node that adds it and on the others, so that no
// token gets in between.
func TestEntriesAreFoundBeforeTheSweep(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	lists := startAll(t, redis.Addr(), 2)
	bad := tokenOf(t, "ada")
	found := make(chan bool, 2)
	for _, list := range lists {
		list.Watch(func(ctx context.Context, _ auth.Revocation) (int, error) {
			_, ok, err := list.Find(ctx, bad)
			found <- ok && err == nil
			return 0, nil
		})
	}
	add(t, lists[0], blockOf("ada"))
	for range lists {
		if !receive(t, found, "both nodes sweep") {
			t.Error("the entry was not found when its sockets were ended")
		}
	}
}

// An entry that is in memory already ends no sockets again, such as one that a node has written and
// reads, or that was added again after a loss.
func TestKnownEntriesAreNotSweptAgain(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	lists := startAll(t, redis.Addr(), 2)
	var sweeps [2]atomic.Int32
	for i, list := range lists {
		list.Watch(func(context.Context, auth.Revocation) (int, error) { sweeps[i].Add(1); return 0, nil })
	}
	ada := blockOf("ada")
	add(t, lists[0], ada)
	allFind(t, lists, "ada")
	redis.Do("FLUSHALL")
	for _, list := range lists {
		redistest.Eventually(t, "the loss is mended", func() bool { h := list.Health(); return h.Lost > 0 && h.Unlogged == 0 })
	}
	add(t, lists[0], blockOf("bob"))
	allFind(t, lists, "bob")
	redistest.Eventually(t, "both have swept", func() bool { return sweeps[0].Load() >= 2 && sweeps[1].Load() >= 2 })
	if a, b := sweeps[0].Load(), sweeps[1].Load(); a != 2 || b != 2 {
		t.Errorf("%d and %d sweeps for 2 entries", a, b)
	}
}

// A node does not confirm an entry that it could not store, or whose sockets it could not end.
func TestNodeThatFailsDoesNotConfirm(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	a := start(t, redis.Addr(), "node 0")
	opts := options("node 1")
	opts.List.MaxEntries = 1
	b := startWith(t, to(redis.Addr()), opts, denyredis.Pace{})
	b.Watch(func(_ context.Context, r auth.Revocation) (int, error) {
		if r.Match == auth.BySubject("i", "ada") {
			return 0, errors.New("the sweep failed")
		}
		return 0, nil
	})
	for _, subject := range []string{"ada", "bob", "eve"} { // there is no room for eve
		confirmed, wait := subject == "bob", 500*time.Millisecond // a list has room for one more of others
		if confirmed {
			wait = inTime
		}
		receipt, err := a.Spread(t.Context(), blockOf(subject), wait)
		if err != nil || len(receipt.Confirmed) == 1 != confirmed || slices.Contains(receipt.Missing, "node 1") == confirmed {
			t.Errorf("%s: %+v, %v", subject, receipt, err)
		}
	}
}
