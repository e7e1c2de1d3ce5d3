package redisbus

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// payloads describes parcels.
func payloads(batch []dated) (text string) {
	for _, d := range batch {
		text += string(d.payload) + " "
	}
	return text
}

// A queue hands out what waits, in order and in batches, and drops what has waited for too long.
func TestQueueDropsWhatIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newBus(Options{MaxQueue: 16 << 20}).outbox.queues[0]
		put := func(text string) {
			if err := q.put(parcel{channel: "c", payload: []byte(text)}); err != nil {
				t.Fatal(err)
			}
		}
		put("a")
		put("b")
		time.Sleep(staleAfter)
		put("c")
		if got := payloads(q.take(nil)); got != "a b c " {
			t.Errorf("took %q", got)
		}
		put("d")
		time.Sleep(time.Second)
		put("e")
		time.Sleep(staleAfter - time.Second + 1)
		if got := payloads(q.take(nil)); got != "e " || q.dropped != 1 || q.box.bytes.Load() != 0 {
			t.Errorf("took %q, %d dropped, %d bytes", got, q.dropped, q.box.bytes.Load())
		}
		next, want := 0, 0
		for range 100 { // batches that begin and end anywhere
			for range 700 {
				put(fmt.Sprint(next))
				next++
			}
			for range 1 + next%2 {
				batch := q.take(nil)
				for _, d := range batch {
					if string(d.payload) != fmt.Sprint(want) {
						t.Fatalf("took %s, want %d", d.payload, want)
					}
					want++
				}
			}
		}
		for want < next {
			batch := q.take(nil)
			if len(batch) == 0 || len(batch) > maxSent {
				t.Fatalf("%d in a batch, %d of %d", len(batch), want, next)
			}
			want += len(batch)
		}
		if q.box.bytes.Load() != 0 || q.length() != 0 || q.dropped != 1 {
			t.Errorf("%d bytes, %d parcels are left, %d dropped", q.box.bytes.Load(), q.length(), q.dropped)
		}
	})
}

// A queue that is full or closed accepts nothing. flush waits for what is on its way, too.
func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newBus(Options{MaxQueue: 1000}).outbox.queues[0]
		large := parcel{channel: "c", payload: make([]byte, 5000)}
		if err := q.put(large); err != nil {
			t.Errorf("a large parcel, alone: %v", err)
		}
		if err := q.put(parcel{}); !errors.Is(err, ErrBacklog) {
			t.Errorf("beyond the bound: %v", err)
		}
		flushed := make(chan error)
		go func() { flushed <- q.flush(t.Context()) }()
		if len(q.take(nil)) != 1 {
			t.Error("nothing was taken")
		}
		synctest.Wait()
		select {
		case <-flushed:
			t.Error("flush did not wait for what is on its way")
		default:
		}
		if len(q.take(nil)) != 0 {
			t.Error("taken twice")
		}
		if err := <-flushed; err != nil {
			t.Error(err)
		}
		_ = q.put(parcel{})
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errClosed)
		defer cancel()
		if err := q.flush(ctx); !errors.Is(err, errClosed) {
			t.Errorf("flush: %v", err)
		}
		q.close()
		if err := q.put(parcel{}); !errors.Is(err, errClosed) {
			t.Errorf("after close: %v", err)
		}
	})
}
