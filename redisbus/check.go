package redisbus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

// needs returns the oldest version of Redis that has the wire.
func (w Wire) needs() (major, minor int) {
	if w == Sharded || w == Streams {
		return 7, 0
	}
	return 6, 2
}

// check tries out every command with every kind of channel, without an effect on other nodes.
func (b *Bus) check(ctx context.Context, option *rueidis.ClientOption) error {
	if err := b.checkVersion(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*stuck)
	defer cancel()
	failed := append(b.tryCommands(ctx), b.trySubscribe(ctx)...)
	if len(failed) == 0 {
		return nil
	}
	return refused(failed, option, b.acl())
}

// refused returns the error for commands that Redis has refused, with the rules that allow them.
func refused(failed []error, option *rueidis.ClientOption, acl string) error {
	user := option.Username
	if user == "" {
		user = "default"
	}
	return fmt.Errorf("%w\nredisbus: this grants what is needed: ACL SETUSER %s %s", errors.Join(failed...), user, acl)
}

// acl returns rules that grant all rights that the bus needs.
func (b *Bus) acl() string {
	v := b.vocabulary()
	rules := "'&" + b.opts.Prefix + "*'"
	commands := []string{v.subscribe, v.unsubscribe, v.publish, "pubsub|" + v.count, "ping", "multi", "discard"}
	if b.wire == Streams {
		rules += " '~" + b.opts.Prefix + "*' '~" + b.opts.SessionPrefix + "*'"
		for _, words := range b.keyCommands() {
			commands = append(commands, strings.Replace(words[0], "XINFO", "xinfo|stream", 1))
		}
	}
	slices.Sort(commands[7:])
	for _, command := range slices.Compact(commands) {
		rules += " +" + strings.ToLower(command)
	}
	if b.cluster {
		rules += " +cluster|slots +cluster|shards"
	}
	return rules
}

// keyCommands returns the commands that the streams wire uses for keys, with arguments that try
// them out.
func (b *Bus) keyCommands() [][]string {
	if b.wire != Streams {
		return nil
	}
	commands := [][]string{{"TIME"}, {"INFO", "server"}}
	for _, stream := range b.format.(streams).ReadNames() {
		commands = append(commands, []string{"XADD", stream, "NOMKSTREAM", "*", "uid", ""},
			[]string{"XREAD", "STREAMS", stream, "$"}, []string{"XRANGE", stream, "-", "-"}, []string{"XINFO", "STREAM", stream})
	}
	for _, key := range []string{b.opts.SessionPrefix, epochKey(b.opts.Prefix, string(b.id))} {
		commands = append(commands, []string{"SET", key, ""}, []string{"GET", key}, []string{"GETDEL", key}, []string{"DEL", key}, []string{"PTTL", key})
	}
	return commands
}

// channels returns a channel of each kind.
func (b *Bus) channels() []string {
	channels := []string{b.own.all, b.own.mine}
	for _, l := range b.format.namespace("/") {
		channels = append(channels, l.channel)
	}
	if room := b.format.room("/", string(b.id)); room != "" {
		channels = append(channels, room)
	}
	return channels
}

// tryCommands queues commands in a transaction, which it discards. Redis checks the rights when
// a command is queued. Each server of a Redis Cluster has rights of its own. One that cannot be
// reached is left out: the subscriptions show whether those that matter can be.
func (b *Bus) tryCommands(ctx context.Context) (failed []error) {
	for addr, client := range b.members() {
		for _, err := range b.tryCommandsAt(ctx, client) {
			if b.cluster {
				err = fmt.Errorf("%s: %w", addr, err)
			}
			failed = append(failed, err)
		}
	}
	return failed
}

func (b *Bus) tryCommandsAt(ctx context.Context, client rueidis.Client) (failed []error) {
	v := b.vocabulary()
	tries := [][]string{{"MULTI"}, {"PING"}, {"PUBSUB", v.count}}
	for _, channel := range b.channels() {
		tries = append(tries, []string{v.publish, channel, ""})
	}
	tries = append(tries, b.keyCommands()...)
	return b.try(ctx, client, append(tries, []string{"DISCARD"}))
}

// try sends commands of a transaction to a server, and returns those that it has refused.
func (c *access) try(ctx context.Context, client rueidis.Client, tries [][]string) (failed []error) {
	conn, release := client.Dedicate()
	defer release()
	commands := make(rueidis.Commands, len(tries))
	for i, words := range tries {
		commands[i] = conn.B().Arbitrary(words...).Build()
	}
	for i, result := range conn.DoMulti(ctx, commands...) {
		err := result.Error()
		if err == nil {
			continue
		}
		refusal, ok := rueidis.IsRedisErr(err)
		if c.cluster && !ok {
			continue // it cannot be reached
		}
		if ok {
			if _, moved := refusal.IsMoved(); moved {
				continue // it would be allowed where the slot is
			}
		}
		failed = append(failed, denied(tries[i], err))
	}
	return failed
}

// trySubscribe subscribes to the channels, except the one whose subscribers must reply to
// requests. The right to use a channel is the same for PUBLISH and SUBSCRIBE.
func (b *Bus) trySubscribe(ctx context.Context) (failed []error) {
	channels := slices.DeleteFunc(b.channels(), func(c string) bool { return c == b.format.requests("/") })
	s := newSubscriber(b.client, subscriberOptions{Sharded: b.sharded, Message: func(string, string) {}})
	defer func() { _ = s.Close(ctx) }()
	s.Change(channels, nil)
	for _, channel := range channels {
		if err := s.Wait(ctx, channel); err != nil {
			failed = append(failed, denied([]string{b.vocabulary().subscribe, channel}, err))
		}
	}
	return failed
}

// checkVersion compares the version of Redis with what the wire needs. HELLO needs no right.
func (c *access) checkVersion(ctx context.Context) error {
	info, err := c.client.Do(ctx, c.client.B().Arbitrary("HELLO").Build()).AsMap()
	if err != nil {
		return fmt.Errorf("redisbus: ask Redis for its version: %w", err)
	}
	reply := info["version"]
	text, err := reply.ToString()
	if err != nil {
		return fmt.Errorf("redisbus: ask Redis for its version: %w", err)
	}
	parts := strings.SplitN(text, ".", 3)
	major, _ := strconv.Atoi(parts[0])
	minor := 0
	if len(parts) > 1 {
		minor, _ = strconv.Atoi(parts[1])
	}
	if needMajor, needMinor := c.wire.needs(); major < needMajor || major == needMajor && minor < needMinor {
		return fmt.Errorf("redisbus: Redis has version %s; the %s wire needs at least %d.%d", text, c.wire, needMajor, needMinor)
	}
	return nil
}

// denied says what Redis has refused.
func denied(words []string, err error) error {
	text := err.Error()
	switch {
	case !strings.Contains(text, "NOPERM"):
		return fmt.Errorf("redisbus: %s: %w", strings.TrimSpace(strings.Join(words, " ")), err)
	case strings.Contains(text, "command"):
		return fmt.Errorf("redisbus: the Redis user may not run %s: %w", words[0], err)
	case strings.Contains(text, "key"):
		return fmt.Errorf("redisbus: the Redis user may not use key %q: %w", words[1], err)
	default:
		return fmt.Errorf("redisbus: the Redis user may not %s channel %q: %w", words[0], words[1], err)
	}
}
