package turns_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"socketiojwt/internal/turns"
)

// At most as many callers hold a turn as there are, and all get one in the end.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		two := turns.New(2)
		next := make(chan struct{})
		var holders, most, done atomic.Int64
		for range 20 {
			go func() {
				if err := two.Acquire(t.Context()); err != nil {
					t.Error(err)
					return
				}
				most.Store(max(most.Load(), holders.Add(1)))
				<-next
				holders.Add(-1)
				done.Add(1)
				two.Release()
			}()
		}
		for i := range int64(20) {
			synctest.Wait()
			if got, want := holders.Load(), min(2, 20-i); got != want {
				t.Errorf("%d callers hold a turn, want %d", got, want)
			}
			next <- struct{}{}
		}
		synctest.Wait()
		if most.Load() != 2 || done.Load() != 20 {
			t.Errorf("%d callers held a turn at a time, and %d have returned it", most.Load(), done.Load())
		}
	})
}

// A caller whose context is done gets no turn, even if one is free, and loses none.
func TestTurnsOfCancelledCallers(t *testing.T) {
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	one := turns.New(1)
	for range 32 {
		if err := one.Acquire(ctx); err != gone {
			t.Fatalf("%v, want the cause of the context", err)
		}
	}
	if err := one.Acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := one.Acquire(ctx); err != gone {
		t.Fatalf("%v, want the cause of the context", err)
	}
	one.Release()
}
