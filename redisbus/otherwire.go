package redisbus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/rueidis"
)

// Nodes of different wires do not hear each other, and only missing events would show that. This
// file finds them.

// ErrNotHeard means that no node hears the wire that an Emitter speaks.
var ErrNotHeard = errors.New("redisbus: no node hears this")

// otherWireEvery is after how many ticks of Bus.beat nodes with other channels are counted.
const otherWireEvery = int(10 * time.Second / watchEvery)

// warnWire logs that there are nodes with another wire.
func (b *Bus) warnWire(attrs ...any) {
	b.sampler.Log(context.Background(), b.opts.Logger, slog.LevelError, "other wire",
		"redisbus: nodes with the same prefix use another wire and do not hear this one; set the same Options.Wire on all", append(attrs, "ours", b.opts.Wire.String())...)
}

// countUnlike counts the nodes whose channels are sharded if those of this node are not, or the other
// way round. Their heartbeats do not arrive here. A Redis that does not allow it, or is too old to have
// sharded channels, counts as without such nodes.
func (b *Bus) countUnlike() {
	ctx, cancel := context.WithTimeout(b.ctx, stuck)
	defer cancel()
	found := int64(0)
	for _, c := range b.members() {
		if n, err := subscribersOf(ctx, c, !b.sharded, b.own.all); err == nil {
			found += n[0]
		}
	}
	if b.unlike.Swap(found) == 0 && found > 0 {
		b.warnWire("nodes", found)
	}
}

// subscribersOf returns the numbers of subscribers of channels at one server of Redis.
func subscribersOf(ctx context.Context, c rueidis.Client, sharded bool, channels ...string) ([]int64, error) {
	words := (&access{sharded: sharded}).vocabulary()
	reply, err := c.Do(ctx, c.B().Arbitrary("PUBSUB", words.count).Args(channels...).Build()).ToArray()
	if err != nil {
		return nil, err
	}
	if len(reply) != 2*len(channels) {
		return nil, fmt.Errorf("Redis returned %d values for %d channels", len(reply), len(channels))
	}
	numbers := make([]int64, len(channels))
	for i := range channels {
		if numbers[i], err = reply[2*i+1].AsInt64(); err != nil {
			return nil, err
		}
	}
	return numbers, nil
}

// heard is Emitter.Heard.
func (s *sender) heard(ctx context.Context, namespace string) error {
	ctx, cancel := context.WithTimeout(ctx, stuck)
	defer cancel()
	ours, classic := s.format.requests(namespace), newClassic(s.prefix, "").requests(namespace)
	total := int64(0)
	for _, client := range s.servers() {
		numbers, err := subscribersOf(ctx, client, s.sharded, ours, classic)
		if err != nil {
			return fmt.Errorf("redisbus: count the nodes that hear this: %w", err)
		}
		if total += numbers[0]; s.wire == Streams && !s.sharded {
			total -= numbers[1] // these nodes of the classic wire hear the same channel
		}
	}
	if total > 0 {
		return nil
	}
	return fmt.Errorf("%w: prefix %q, namespace %s, %s wire; use the wire and the prefix of the nodes", ErrNotHeard, s.prefix, namespace, s.wire)
}
