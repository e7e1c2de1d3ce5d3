package redisbus

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/internal/redistest"
)

// ceiling bounds how long a test waits for an event.
const ceiling = time.Minute

// testClient connects as New does, but asks sooner whether Redis still answers. If o does not say how long it waits for
// answers, it does not give up a connection on which they are late because the machine is busy.
func testClient(t *testing.T, o rueidis.ClientOption) rueidis.Client {
	t.Helper()
	o.DisableCache = true
	o.ConnWriteTimeout = cmp.Or(o.ConnWriteTimeout, ceiling)
	o.Dialer.Timeout = ceiling
	o.Dialer.KeepAlive = 200 * time.Millisecond
	o.ReadBufferEachConn, o.WriteBufferEachConn, o.RingScaleEachConn = 32<<10, 32<<10, 8
	o.ClusterOption.ShardsRefreshInterval = 500 * time.Millisecond
	o.Sentinel.TopologyRefreshInterval = 500 * time.Millisecond
	client, err := rueidis.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// listener records what a subscriber has received.
type listener struct {
	*subscriber
	t        *testing.T
	mu       sync.Mutex
	messages map[string][]string
	gaps     []gap
}

func startSubscriber(t *testing.T, client rueidis.Client, sharded bool) *listener {
	t.Helper()
	h := &listener{t: t, messages: make(map[string][]string)}
	h.subscriber = newSubscriber(client, subscriberOptions{
		Sharded: sharded,
		Message: func(channel, payload string) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.messages[channel] = append(h.messages[channel], payload)
		},
		Gap: func(g gap) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.gaps = append(h.gaps, g)
		},
	})
	t.Cleanup(func() {
		if err := h.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return h
}

// subscribe adds channels and waits until they are heard.
func (h *listener) subscribe(names ...string) {
	h.t.Helper()
	h.Change(names, nil)
	h.await(names...)
}

func (h *listener) await(names ...string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), ceiling)
	defer cancel()
	if err := h.Wait(ctx, names...); err != nil {
		h.t.Fatalf("subscribe to %d channels: %v; %+v", len(names), err, h.State())
	}
}

// has reports whether a message was received.
func (h *listener) has(channel, payload string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.messages[channel], payload)
}

func (h *listener) count(channel string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.messages[channel])
}

// awaitGaps waits until n gaps have been reported and returns them.
func (h *listener) awaitGaps(n int) []gap {
	h.t.Helper()
	var gaps []gap
	redistest.Eventually(h.t, fmt.Sprint(n, " gaps"), func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		gaps = slices.Clone(h.gaps)
		return len(gaps) >= n
	})
	return gaps
}

func (h *listener) awaitReady(ready bool) {
	h.t.Helper()
	redistest.Eventually(h.t, fmt.Sprint("ready is ", ready), func() bool { return h.State().Ready == ready })
}

// names returns n channel names.
func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("socket.io#/#room%d#", i)
	}
	return list
}

// shardSubscribers adds up the subscribers of a sharded channel on all masters.
func shardSubscribers(c *redistest.Cluster, channel string) (n int) {
	for _, m := range c.Masters {
		n += m.ShardSubscribers(channel)
	}
	return n
}

// leftovers returns the channels in the subscriber's table.
func (h *listener) leftovers() []string {
	h.subscriber.mu.Lock()
	defer h.subscriber.mu.Unlock()
	return slices.Collect(maps.Keys(h.channels))
}
