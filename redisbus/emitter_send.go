package redisbus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/redis/rueidis"

	"socketiojwt/redisbus/internal/wire"
	"socketiojwt/socketio"
)

// A sender sends the messages of an Emitter.
type sender struct {
	access
	format format
}

// check tries out every command with every kind of channel, without an effect on the nodes.
func (s *sender) check(ctx context.Context, option *rueidis.ClientOption, prefix string) error {
	if err := s.checkVersion(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*stuck)
	defer cancel()
	publish := s.vocabulary().publish
	tries := [][]string{{"MULTI"}}
	for _, l := range s.format.namespace("/") {
		if l.kind != kindReplies {
			tries = append(tries, []string{publish, l.channel, ""})
		}
	}
	tries = append(tries, []string{"DISCARD"})
	var failed []error
	for _, client := range s.servers() {
		failed = append(failed, s.try(ctx, client, tries)...)
	}
	if len(failed) == 0 {
		return nil
	}
	return refused(failed, option, fmt.Sprintf("'&%s*' +%s +multi +discard", prefix, strings.ToLower(publish)))
}

// servers returns the clients of all servers of Redis, always in the same order.
func (s *sender) servers() (clients []rueidis.Client) {
	if !s.cluster {
		return []rueidis.Client{s.client}
	}
	all := s.client.Nodes()
	for _, addr := range slices.Sorted(maps.Keys(all)) {
		clients = append(clients, all[addr])
	}
	return clients
}

// send sends a message and waits until Redis has received it.
func (s *sender) send(ctx context.Context, m *socketio.Message) error {
	p, err := s.format.publish(m)
	switch {
	case errors.Is(err, wire.ErrNobody):
		return nil
	case err != nil:
		return fmt.Errorf("redisbus: %w", err)
	}
	if err := s.do(ctx, &p); err != nil {
		return fmt.Errorf("redisbus: send to Redis: %w", err)
	}
	return nil
}

// do sends a parcel. All plain messages go to one server of a Redis Cluster, because messages
// that were published at different servers may arrive in another order.
func (s *sender) do(ctx context.Context, p *parcel) (err error) {
	if s.sharded || p.fields != nil || !s.cluster {
		return s.client.Do(ctx, s.command(p)).Error()
	}
	for _, client := range s.servers() {
		if err = client.Do(ctx, s.command(p)).Error(); err == nil || !notWritten(err) {
			return err
		}
	}
	return err
}
