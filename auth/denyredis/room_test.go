package denyredis_test

import (
	"errors"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/auth/denyredis"
	"socketiojwt/internal/redistest"
)

// A node that starts with too little room for the stream works with the entries that it has, and
// fails for other tokens, because they may be revoked. When entries have ended, it recovers.
func TestStreamWithTooManyEntries(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	writer := start(t, redis.Addr(), "writer")
	for _, subject := range []string{"ada", "bob", "eve"} {
		add(t, writer, blockOf(subject))
	}
	opts := options("small")
	opts.List.MaxEntries = 1 // so that it keeps two
	small := startWith(t, to(redis.Addr()), opts, denyredis.Pace{Mend: 100 * time.Millisecond, Rewrite: time.Hour, Keep: time.Hour})
	if !found(t, small, "ada") {
		t.Error("an entry for which there was room is not found")
	}
	_, ok, err := small.Find(t.Context(), tokenOf(t, "eve"))
	if ok || !errors.Is(err, auth.ErrDenylistFull) || small.Available() || small.Health().Full == 0 || !errors.Is(small.Health().Err, auth.ErrDenylistFull) {
		t.Errorf("%t, %v; the list is available: %t; %+v", ok, err, small.Available(), small.Health())
	}
	if err := writer.Remove(t.Context(), auth.BySubject("i", "bob"), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, "the list is complete", small.Available)
	if !found(t, small, "ada") || !found(t, small, "eve") || found(t, small, "bob") || small.Health().Err != nil {
		t.Errorf("an entry is missing; %+v", small.Health())
	}
}

// While the list is incomplete, it is read again and again, and at no time looks complete.
func TestIncompleteListStaysIncomplete(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	writer := start(t, redis.Addr(), "writer")
	for _, subject := range []string{"ada", "bob", "eve"} {
		add(t, writer, blockOf(subject))
	}
	opts := options("small")
	opts.List.MaxEntries = 1
	small := startWith(t, to(redis.Addr()), opts, denyredis.Pace{Mend: time.Millisecond, Rewrite: time.Hour, Keep: time.Hour})
	for began := time.Now(); small.Health().Full < 50; { // without a pause, to see each state
		if small.Available() {
			t.Fatal("the list is available")
		}
		if time.Since(began) > inTime {
			t.Fatal("the stream was not read again")
		}
	}
}

// A node that does not have all entries removes no records, because others may need them.
func TestIncompleteListRemovesNoRecords(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	redis.Do("CONFIG", "SET", "stream-node-max-entries", "1")
	writer := start(t, redis.Addr(), "writer")
	for _, subject := range []string{"ada", "bob", "eve"} {
		add(t, writer, blockOf(subject))
	}
	opts := options("small")
	opts.List.MaxEntries = 1
	small := startWith(t, to(redis.Addr()), opts, denyredis.Pace{Mend: time.Hour, Rewrite: time.Hour, Keep: time.Millisecond})
	for _, subject := range []string{"ada", "bob"} {
		if err := writer.Remove(t.Context(), auth.BySubject("i", subject), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	redistest.Eventually(t, "the removals arrive", func() bool { return small.Len() == 0 })
	small.RememberRemoval(auth.BySubject("i", "x"), time.Now().Add(time.Hour)) // makes it look at what is needed
	redistest.Eventually(t, "the removal is written", func() bool { h := small.Health(); return h.Added == 1 && h.Unlogged == 0 })
	add(t, small, blockOf("mark")) // removes records that are not needed
	if late := start(t, redis.Addr(), "late"); !found(t, late, "eve") {
		t.Error("the record of an entry that lasts was removed")
	}
}
