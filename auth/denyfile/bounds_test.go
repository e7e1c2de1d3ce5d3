package denyfile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"socketiojwt/auth"
	"socketiojwt/auth/denyfile"
	"socketiojwt/token"
)

// clock is a clock that tests set.
type clock struct{ seconds atomic.Int64 }

func (c *clock) now() time.Time { return time.Unix(c.seconds.Load(), 0).UTC() }

// A full list refuses new entries, forgets none, and accepts new ones when old ones have ended.
func TestFullList(t *testing.T) {
	path := newPath(t)
	c := new(clock)
	c.seconds.Store(1_900_000_000)
	opts := denyfile.Options{List: auth.DenylistOptions{MaxEntries: 3, Now: c.now}}
	list := open(t, path, opts)
	block := func(subject string) auth.Revocation {
		return auth.Revocation{Match: auth.BySubject("i", subject), Until: c.now().Add(time.Minute), At: c.now()}
	}
	for _, subject := range []string{"a", "b", "c"} {
		add(t, list, block(subject))
	}
	if err := list.Add(context.Background(), block("d")); !errors.Is(err, auth.ErrDenylistFull) {
		t.Errorf("the fourth: %v", err)
	}
	add(t, list, block("a")) // is there already
	closeList(t, list)
	list = open(t, path, opts)
	if got := all(t, list); len(got) != 3 {
		t.Errorf("got %+v", got)
	}
	c.seconds.Add(60)
	for _, subject := range []string{"d", "e", "f"} {
		add(t, list, block(subject))
	}
	closeList(t, list)
	list = open(t, path, opts)
	if got := all(t, list); len(got) != 3 || !found(t, list, "d") || found(t, list, "a") {
		t.Errorf("got %+v", got)
	}
	closeList(t, list)

	opts.List.MaxEntries = 2
	_, err := denyfile.Open(path, opts)
	if !errors.Is(err, auth.ErrDenylistFull) || errors.Is(err, denyfile.ErrCorrupt) {
		t.Errorf("a smaller MaxEntries: %v", err)
	}
	opts.List.MaxEntries = 3
	open(t, path, opts)
}

// count returns the number of entries in a file, and checks that it is the number that the file
// says.
func count(t *testing.T, path string) (n int) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	_ = db.View(func(tx *bbolt.Tx) error {
		n = tx.Bucket([]byte("entries")).Stats().KeyN
		return nil
	})
	return n
}

// Ended entries are removed from the file when there are more entries than the bound, and the
// file does not grow without end.
func TestEndedEntriesAreSwept(t *testing.T) {
	path := newPath(t)
	c := new(clock)
	c.seconds.Store(1_900_000_000)
	const most = 300
	opts := denyfile.Options{List: auth.DenylistOptions{MaxEntries: most, Now: c.now}}
	list := open(t, path, opts)
	add(t, list, auth.Revocation{Match: auth.BySubject("i", "for ever"), At: c.now()})
	var size int64
	for round := range 40 {
		var group sync.WaitGroup
		for n := range most - 1 {
			group.Go(func() {
				r := auth.Revocation{Match: auth.BySubject("i", fmt.Sprint(round, n)), Until: c.now().Add(time.Minute), At: c.now()}
				if err := list.Add(context.Background(), r); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		c.seconds.Add(60)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if round == 10 {
			size = info.Size()
		} else if round > 10 && info.Size() > 2*size {
			t.Fatalf("%d bytes after 10 rounds, %d after %d", size, info.Size(), round)
		}
	}
	closeList(t, list)
	if n := count(t, path); n > most+most/4 {
		t.Errorf("%d entries in the file", n)
	}
	if list = open(t, path, opts); !found(t, list, "for ever") {
		t.Error("an entry without an end was removed")
	}
}

// A sweep removes few entries in one transaction.
func TestSweepsAreShort(t *testing.T) {
	path := newPath(t)
	c := new(clock)
	c.seconds.Store(1_900_000_000)
	opts := denyfile.Options{List: auth.DenylistOptions{MaxEntries: 5000, Now: c.now}}
	list := open(t, path, opts)
	var group sync.WaitGroup
	for n := range 5000 {
		group.Go(func() {
			r := auth.Revocation{Match: auth.BySubject("i", fmt.Sprint(n)), Until: c.now().Add(time.Minute), At: c.now()}
			if err := list.Add(context.Background(), r); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	c.seconds.Add(60)
	closeList(t, list)
	opts.List.MaxEntries = 10
	list = open(t, path, opts)
	previous := 5000
	for n := range 3 {
		add(t, list, auth.Revocation{Match: auth.BySubject("i", fmt.Sprint("new", n)), Until: c.now().Add(time.Minute), At: c.now()})
		closeList(t, list)
		left := count(t, path)
		if removed := previous + 1 - left; removed != 256+64 {
			t.Errorf("%d entries were removed", removed)
		}
		previous = left
		list = open(t, path, opts)
	}
}

// Concurrent changes share transactions.
func TestChangesAreWrittenTogether(t *testing.T) {
	path := newPath(t)
	list := open(t, path, denyfile.Options{})
	before := denyfile.Transactions(list)
	var group sync.WaitGroup
	const changes = 2000
	for n := range changes {
		group.Go(func() {
			if err := list.Add(context.Background(), blockOf(fmt.Sprint(n))); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := denyfile.Transactions(list) - before; n < 2 || n > changes/10 {
		t.Errorf("%d transactions for %d changes", n, changes)
	}
	if n := len(all(t, list)); n != changes {
		t.Errorf("%d entries", n)
	}
}

func BenchmarkFind(b *testing.B) {
	list := open(b, newPath(b), denyfile.Options{})
	addMany(b, list, 50_000)
	tokens := map[string]*token.Token{"hit": tokenOf(b, "77"), "miss": tokenOf(b, "bob")}
	for name, tok := range tokens {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, ok, err := list.Find(context.Background(), tok)
				if err != nil || ok != (name == "hit") {
					b.Fatal(ok, err)
				}
			}
		})
	}
}

func BenchmarkAdd(b *testing.B) {
	b.Run("one at a time", func(b *testing.B) {
		list := open(b, newPath(b), denyfile.Options{List: auth.DenylistOptions{MaxEntries: 10_000_000}})
		n := 0
		for b.Loop() {
			n++
			add(b, list, blockOf(fmt.Sprint(n)))
		}
	})
	b.Run("100 at a time", func(b *testing.B) {
		list := open(b, newPath(b), denyfile.Options{List: auth.DenylistOptions{MaxEntries: 10_000_000}})
		var n atomic.Int64
		b.SetParallelism(50) // for each of two processors
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := list.Add(context.Background(), blockOf(fmt.Sprint(n.Add(1)))); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

func BenchmarkOpen(b *testing.B) {
	path := newPath(b)
	list := open(b, path, denyfile.Options{})
	addMany(b, list, 100_000)
	closeList(b, list)
	for b.Loop() {
		list, err := denyfile.Open(path, quiet)
		if err != nil {
			b.Fatal(err)
		}
		closeList(b, list)
	}
}

// addMany adds so many entries.
func addMany(b *testing.B, list *denyfile.Denylist, most int) {
	var group sync.WaitGroup
	for g := range 1000 {
		group.Go(func() {
			for n := g; n < most; n += 1000 {
				if err := list.Add(context.Background(), blockOf(fmt.Sprint(n))); err != nil {
					b.Error(err)
				}
			}
		})
	}
	group.Wait()
}
