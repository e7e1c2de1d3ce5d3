package redisbus

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/redis/rueidis"
)

// members returns the clients of the masters of a Redis Cluster, by address. Before the
// topology is known, replicas are among them. Without a cluster, it returns the one client.
func (b *Bus) members() map[string]rueidis.Client {
	if !b.cluster {
		return map[string]rueidis.Client{"": b.client}
	}
	clients := b.client.Nodes()
	if s := b.ears.Load(); s != nil {
		if masters := s.masters(); masters != nil {
			for addr := range clients {
				if !slices.Contains(masters, addr) {
					delete(clients, addr)
				}
			}
		}
	}
	return clients
}

// masters returns the addresses of the masters of a Redis Cluster, or nil if they are not known.
func (s *subscriber) masters() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.topology == nil {
		return nil
	}
	return slices.Clone(s.topology.masters)
}

// subscribers returns how many connections are subscribed to each of the channels. In a Redis
// Cluster, each master knows only its own. A master that cannot be reached counts as without
// subscribers, because its subscribers cannot hear anything either.
func (b *Bus) subscribers(ctx context.Context, channels []string) ([]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, stuck)
	defer cancel()
	var (
		waiting sync.WaitGroup
		mu      sync.Mutex
		sums    []int64
		failed  error
	)
	for _, c := range b.members() {
		waiting.Go(func() {
			numbers, err := subscribersOf(ctx, c, b.sharded, channels...)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				failed = err
			case sums == nil:
				sums = numbers
			default:
				for i, n := range numbers {
					sums[i] += n
				}
			}
		})
	}
	waiting.Wait()
	if sums == nil {
		if failed == nil {
			failed = errNoMaster
		}
		return nil, fmt.Errorf("redisbus: count subscribers: %w", failed)
	}
	return sums, nil
}

// An outlet is where plain messages are published in a Redis Cluster. All its servers pass them
// on to all others, but messages that were published at different servers may arrive in another
// order. So it is one of them, until that fails.
type outlet struct {
	bus  *Bus
	addr string
	bad  bool // it has failed
}

// client returns the client that publishes. It is called by one goroutine.
func (o *outlet) client() rueidis.Client {
	if !o.bus.cluster || o.bus.sharded || o.bus.wire == Streams {
		return o.bus.client // sharded messages and entries go to the master of their slot
	}
	clients := o.bus.members()
	if c, ok := clients[o.addr]; ok && !o.bad {
		return c
	}
	o.addr, o.bad = after(slices.Collect(maps.Keys(clients)), o.addr), false
	if c, ok := clients[o.addr]; ok {
		return c
	}
	return o.bus.client
}

// doAll sends commands, which belong to parcels. In a Redis Cluster, the client does not send entries
// of several streams together with messages that any server accepts.
func (o *outlet) doAll(ctx context.Context, parcels []dated, commands rueidis.Commands) []rueidis.RedisResult {
	if !o.bus.cluster || o.bus.sharded || o.bus.wire != Streams {
		return o.client().DoMulti(ctx, commands...)
	}
	results := make([]rueidis.RedisResult, len(commands))
	for _, entries := range []bool{true, false} {
		var some rueidis.Commands
		var places []int
		for i := range commands {
			if (parcels[i].fields != nil) == entries {
				some, places = append(some, commands[i]), append(places, i)
			}
		}
		if len(some) > 0 {
			for i, result := range o.bus.client.DoMulti(ctx, some...) {
				results[places[i]] = result
			}
		}
	}
	return results
}

// failed makes the next call of client choose another server.
func (o *outlet) failed() { o.bad = true }

// after returns the address that follows one in the list, so that each gets its turn. It returns
// any one if the list does not contain it, and "" if the list is empty.
func after(addrs []string, addr string) string {
	if len(addrs) == 0 {
		return ""
	}
	slices.Sort(addrs)
	i := slices.Index(addrs, addr)
	if i < 0 {
		i = rand.N(len(addrs))
	}
	return addrs[(i+1)%len(addrs)]
}
