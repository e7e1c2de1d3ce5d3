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
	prefix string
}

// check tries out every command with every kind of channel, without an effect on the nodes.
func (s *sender) check(ctx context.Context, option *rueidis.ClientOption, prefix string) error {
	if err := s.checkVersion(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*stuck)
	defer cancel()
	tries := s.tries()
	var failed []error
	for _, client := range s.servers() {
		failed = append(failed, s.try(ctx, client, tries)...)
	}
	if len(failed) == 0 {
		return nil
	}
	rules := fmt.Sprintf("'&%s*' +%s +multi +discard", prefix, strings.ToLower(s.vocabulary().publish))
	if s.wire == Streams {
		rules = fmt.Sprintf("'~%s*' +xadd ", prefix) + rules
	}
	return refused(failed, option, rules)
}

// tries returns the commands of a transaction that is discarded.
func (s *sender) tries() [][]string {
	tries := [][]string{{"MULTI"}}
	for _, l := range s.format.namespace("/") {
		if l.kind != kindReplies {
			tries = append(tries, []string{s.vocabulary().publish, l.channel, ""})
		}
	}
	if f, ok := s.format.(streams); ok {
		tries = append(tries, []string{"XADD", f.Stream("/"), "NOMKSTREAM", "*", "uid", ""})
	}
	return append(tries, []string{"DISCARD"})
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
