package redisbus

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/rueidis"
)

// An access is the client of a Bus or an Emitter.
type access struct {
	client  rueidis.Client
	wire    Wire
	cluster bool // of Redis
	sharded bool // channels are sharded ones
}

// connect makes the client. It returns when that is connected, when ctx ends, or after the
// timeouts of the client.
func connect(ctx context.Context, option rueidis.ClientOption, wire Wire) (access, error) {
	type result struct {
		client rueidis.Client
		err    error
	}
	done := make(chan result, 1)
	go func() {
		client, err := rueidis.NewClient(option)
		done <- result{client, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return access{}, fmt.Errorf("redisbus: connect to Redis at %s: %w", strings.Join(option.InitAddress, ", "), r.err)
		}
		return access{client: r.client, wire: wire, cluster: r.client.Mode() == rueidis.ClientModeCluster, sharded: wire == Sharded}, nil
	case <-ctx.Done():
		go func() {
			if r := <-done; r.err == nil {
				r.client.Close()
			}
		}()
		return access{}, fmt.Errorf("redisbus: connect to Redis at %s: %w", strings.Join(option.InitAddress, ", "), context.Cause(ctx))
	}
}

// A vocabulary is the commands that are used for channels.
type vocabulary struct{ subscribe, unsubscribe, publish, count string }

func (c *access) vocabulary() vocabulary {
	if c.sharded {
		return vocabulary{"SSUBSCRIBE", "SUNSUBSCRIBE", "SPUBLISH", "SHARDNUMSUB"}
	}
	return vocabulary{"SUBSCRIBE", "UNSUBSCRIBE", "PUBLISH", "NUMSUB"}
}

// command returns the command that sends a parcel.
func (c *access) command(p *parcel) rueidis.Completed {
	payload := rueidis.BinaryString(p.payload)
	switch {
	case p.fields != nil:
		return c.client.B().Arbitrary("XADD").Keys(p.channel).Args(p.fields...).Build()
	case c.sharded:
		return c.client.B().Spublish().Channel(p.channel).Message(payload).Build()
	default:
		return c.client.B().Publish().Channel(p.channel).Message(payload).Build()
	}
}
