package denyredis_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/auth/denyredis"
	"socketiojwt/internal/redistest"
)

// While Redis refuses writes, the list is read and stays fresh. Health says so all the time, and the
// log has one line at the beginning and one at the end.
func TestWritesAreRefused(t *testing.T) {
	t.Parallel()
	for name, setting := range map[string][3]string{
		"out of memory": {"maxmemory", "1", "0"},
		"no replica":    {"min-replicas-to-write", "1", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := redistest.Start(t)
			var log lockedBuffer
			opts := options("node")
			opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
			list := startWith(t, to(redis.Addr()), opts, denyredis.Pace{})
			add(t, list, blockOf("ada"))
			redis.Do("CONFIG", "SET", setting[0], setting[1])
			if err := list.Add(t.Context(), blockOf("bob")); !errors.Is(err, denyredis.ErrNotLogged) {
				t.Errorf("Add: %v", err)
			}
			redistest.Eventually(t, "Health has the error", func() bool { return list.Health().Err != nil })
			refused := time.Now()
			redistest.Eventually(t, "the list is read", func() bool {
				if list.Health().Err == nil {
					t.Fatal("Health has no error")
				}
				return list.Health().Fresh.Sub(refused) > 3*time.Second
			})
			redis.Do("CONFIG", "SET", setting[0], setting[2])
			redistest.Eventually(t, "bob is in the stream", func() bool { h := list.Health(); return h.Err == nil && h.Unlogged == 0 })
			if text := log.String(); strings.Count(text, "does not accept writes") != 1 || strings.Count(text, "accepts writes again") != 1 || strings.Count(text, "level=ERROR") != 1 {
				t.Error(text)
			}
			if late := start(t, redis.Addr(), "late"); !found(t, late, "ada") || !found(t, late, "bob") {
				t.Error("an entry is missing")
			}
		})
	}
}

// A connection that is lost during a write is not logged as a refusal.
func TestLostConnectionIsNotARefusal(t *testing.T) {
	for _, err := range []error{io.EOF, context.DeadlineExceeded} {
		if denyredis.WriteRefused(err) {
			t.Errorf("%v counts as a refusal", err)
		}
	}
}

// A stream that is lost while Redis refuses writes is read nevertheless.
func TestFlushWhileWritesAreRefused(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	list := start(t, redis.Addr(), "node")
	add(t, list, blockOf("ada"))
	redis.Do("CONFIG", "SET", "maxmemory", "1")
	redis.Do("FLUSHALL")
	redistest.Eventually(t, "the loss is noticed", func() bool { return list.Health().Lost > 0 })
	noticed := time.Now()
	redistest.Eventually(t, "the list is read", func() bool { return list.Health().Fresh.After(noticed) })
	redis.Do("CONFIG", "SET", "maxmemory", "0")
	redistest.Eventually(t, "ada is added again", func() bool { h := list.Health(); return h.Added > 0 && h.Unlogged == 0 })
	if late := start(t, redis.Addr(), "late"); !found(t, late, "ada") {
		t.Error("the entry is missing")
	}
}

// An entry with a time that JSON cannot have is refused, on the node that adds it.
func TestTimesThatCannotBeStored(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	list := start(t, redis.Addr(), "node")
	for name, until := range map[string]time.Time{
		"year":      time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC),
		"time zone": time.Now().Add(time.Hour).In(time.FixedZone("", 25*3600)),
	} {
		r := blockOf("ada")
		r.Until = until
		if err := list.Add(t.Context(), r); err == nil || errors.Is(err, denyredis.ErrNotLogged) || list.Len() != 0 {
			t.Errorf("%s: Add: %v; %d entries", name, err, list.Len())
		}
	}
}

// What cannot be written does not keep other entries from being written, or old records from being
// removed.
func TestUnwritableEntryIsLeftOut(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	redis.Do("CONFIG", "SET", "stream-node-max-entries", "10")
	pace := denyredis.Pace{Mend: 20 * time.Millisecond, Rewrite: 300 * time.Millisecond, Keep: 20 * time.Millisecond}
	list := startWith(t, to(redis.Addr()), options("node"), pace)
	list.RememberRemoval(auth.BySubject("i", "ada"), time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC))
	add(t, list, blockOf("bob"))
	redis.Do("FLUSHALL")
	redistest.Eventually(t, "bob is added again", func() bool { return list.Health().Added > 0 })
	for n, began := 0, time.Now(); n < 100 || time.Since(began) < 200*time.Millisecond; n++ {
		short := blockOf("eve")
		short.Until = time.Now().Add(10 * time.Millisecond)
		add(t, list, short)
	}
	redistest.Eventually(t, "old records are removed", func() bool {
		short := blockOf("eve")
		short.Until = time.Now().Add(10 * time.Millisecond)
		add(t, list, short)
		return length(redis) < 60
	})
}

// The clock and the logger of the user may call methods of the list.
func TestUserCodeIsNotCalledUnderALock(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	var list *denyredis.Denylist
	called := make(chan struct{})
	call := func() {
		select {
		case <-called: // list is set
			list.Health()
		default:
		}
	}
	opts := options("node")
	opts.List.Now = func() time.Time { call(); return time.Now() }
	var log lockedBuffer
	opts.Logger = slog.New(callingHandler{slog.NewTextHandler(&log, nil), call})
	list = startWith(t, to(redis.Addr()), opts, denyredis.Pace{})
	close(called)
	done := make(chan error)
	go func() {
		err := list.Add(t.Context(), blockOf("ada"))
		done <- errors.Join(err, list.Remove(t.Context(), auth.BySubject("i", "ada"), time.Now().Add(time.Hour)))
	}()
	if err := receive(t, done, "Add and Remove return"); err != nil {
		t.Error(err)
	}
	other := start(t, redis.Addr(), "node")
	add(t, other, blockOf("bob"))
	allFind(t, []*denyredis.Denylist{list}, "bob")
	redistest.Eventually(t, "the name is logged", func() bool { return strings.Contains(log.String(), "same name") })
	redistest.Eventually(t, "the list is read on", func() bool { return time.Since(list.Health().Fresh) < time.Second })
}

// callingHandler calls a function for each line.
type callingHandler struct {
	slog.Handler
	call func()
}

func (h callingHandler) Handle(ctx context.Context, r slog.Record) error {
	h.call()
	return h.Handler.Handle(ctx, r)
}
