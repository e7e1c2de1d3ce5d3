package redisbus_test

import (
	"context"
	"sync"
	"testing"

	"socketiojwt/internal/redistest"
	"socketiojwt/observe"
	"socketiojwt/redisbus"
)

// watcher counts the messages of batches. It uses the bus, so it must be called without a lock.
type watcher struct {
	bus chan *redisbus.Bus

	mu       sync.Mutex
	messages int
	failed   bool
}

func (w *watcher) Start(ctx context.Context, op observe.Operation) (context.Context, func(observe.Outcome)) {
	w.use()
	return ctx, func(o observe.Outcome) {
		w.use()
		w.mu.Lock()
		defer w.mu.Unlock()
		w.messages += o.Count
		w.failed = w.failed || op.Kind != observe.Publish || o.Result != observe.OK
	}
}

func (w *watcher) use() {
	select {
	case bus := <-w.bus:
		w.bus <- bus
		bus.Health()
	default:
	}
}

func TestObserverIsToldAboutBatches(t *testing.T) {
	redis := redistest.Start(t)
	w := &watcher{bus: make(chan *redisbus.Bus, 1)}
	a, b := start(t, redis.Addr(), redisbus.Options{Observer: w}, open), start(t, redis.Addr(), redisbus.Options{}, open)
	w.bus <- a.bus
	p := b.dial()
	for i := range 20 {
		if err := a.Emit("all", i); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		if _, err := p.Expect(a.ctx, "all"); err != nil {
			t.Fatal(err)
		}
	}
	_ = a.Shutdown(a.ctx) // sends what is queued
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.messages < 20 || w.failed {
		t.Errorf("%d messages, failed %v", w.messages, w.failed)
	}
}
