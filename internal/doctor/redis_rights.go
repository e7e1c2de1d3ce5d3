package doctor

import (
	"context"
	"strings"

	"github.com/redis/rueidis"
)

// tryRights tries what nodes do, and notes the commands that the user may not use. Nothing
// changes and no node receives anything: the channels are those of a namespace that no node has,
// and Redis refuses the arguments after it has looked at the rights.
func (a *redisAsked) tryRights(ctx context.Context, client rueidis.Client) {
	note := func(what string, err error) {
		if isForbidden(err) {
			a.missing = append(a.missing, what)
		}
	}
	kinds := []string{"", "-go"}
	if a.Wire == Classic {
		kinds = append(kinds, "-request", "-response")
	}
	b := client.B()
	for _, kind := range kinds {
		channel, shown := a.Prefix+kind+"#/"+unused()+"#", quoted(a.Prefix+kind+"#*")
		if a.Wire == Sharded {
			note("SSUBSCRIBE on "+shown, subscribe(ctx, client, b.Ssubscribe().Channel(channel).Build()))
			note("SPUBLISH on "+shown, client.Do(ctx, b.Spublish().Channel(channel).Message("").Build()).Error())
		} else {
			note("SUBSCRIBE on "+shown, subscribe(ctx, client, b.Subscribe().Channel(channel).Build()))
			note("PUBLISH on "+shown, client.Do(ctx, b.Publish().Channel(channel).Message("").Build()).Error())
		}
	}
	if a.Wire == Sharded {
		note("PUBSUB SHARDNUMSUB", client.Do(ctx, b.PubsubShardnumsub().Build()).Error())
	} else {
		note("PUBSUB NUMSUB", client.Do(ctx, b.PubsubNumsub().Build()).Error())
	}
	for _, try := range a.keyTries() {
		command := b.Arbitrary(try.words...).Keys(try.key).Args(try.args...).Build()
		note(try.words[0]+" on "+quoted(try.shown), client.Do(ctx, command).Error())
	}
}

// A keyTry is a command on a key.
type keyTry struct {
	words []string // before the key
	key   string
	args  []string
	shown string
}

// keyTries returns the commands on keys, for the log of revocations and for the streams wire. An
// entry for a stream has an ID that Redis refuses, and other keys are new.
func (a *redisAsked) keyTries() []keyTry {
	stream := func(key string) []keyTry {
		return []keyTry{
			{[]string{"XADD"}, key, []string{"0-0", "doctor", ""}, key},
			{[]string{"XREAD", "COUNT", "1", "STREAMS"}, key, []string{"$"}, key},
			{[]string{"XRANGE"}, key, []string{"+", "+", "COUNT", "1"}, key},
		}
	}
	revocations, shown := a.Revocations+":"+unused(), a.Revocations+":*"
	tries := append(stream(a.Revocations),
		keyTry{[]string{"HSET"}, revocations, []string{"doctor", ""}, shown},
		keyTry{[]string{"PEXPIRE"}, revocations, []string{"1"}, shown},
		keyTry{[]string{"HGETALL"}, revocations, nil, shown},
		keyTry{[]string{"HDEL"}, revocations, []string{"doctor"}, shown},
		keyTry{[]string{"SET"}, revocations, []string{"", "XX"}, shown},
		keyTry{[]string{"DEL"}, revocations, nil, shown},
	)
	if a.Wire != Streams {
		return tries
	}
	tries = append(append(tries, stream(a.Prefix)...), keyTry{[]string{"XINFO", "STREAM"}, a.Prefix, nil, a.Prefix})
	// A node asks for the same rights to its epochs as to the sessions of package redisbus.
	for _, begin := range []string{sessions, a.Prefix + epochs} {
		key, shown := begin+unused(), begin+"*"
		tries = append(tries,
			keyTry{[]string{"SET"}, key, []string{"", "XX"}, shown},
			keyTry{[]string{"GET"}, key, nil, shown},
			keyTry{[]string{"GETDEL"}, key, nil, shown},
			keyTry{[]string{"PTTL"}, key, nil, shown},
			keyTry{[]string{"DEL"}, key, nil, shown},
		)
	}
	return tries
}

// epochs follows the prefix in the keys of epochs, without which no session is recovered.
const epochs = "-go:epoch:"

// sessions begins the keys of sessions that were lost.
const sessions = "sio:session:"

// rule returns the rights that nodes need, for ACL SETUSER.
func (a *redisAsked) rule() string {
	rule := "+ping +info +time +multi +discard &" + a.Prefix + "* ~" + a.Revocations + "* +xadd +xread +xrange +hset +hgetall +hdel +pexpire +set +del"
	if a.cluster {
		rule += " +cluster|slots +cluster|shards"
	}
	switch a.Wire {
	case Sharded:
		return rule + " +ssubscribe +sunsubscribe +spublish +pubsub|shardnumsub"
	case Streams:
		return rule + " +subscribe +unsubscribe +publish +pubsub|numsub ~" + a.Prefix + "* ~" + sessions + "* +xinfo|stream +get +getdel +pttl"
	}
	return rule + " +subscribe +unsubscribe +publish +pubsub|numsub"
}

// subscribe subscribes to a channel for a moment.
func subscribe(ctx context.Context, client rueidis.Client, command rueidis.Completed) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	hooked := rueidis.WithOnSubscriptionHook(ctx, func(rueidis.PubSubSubscription) { stop() })
	return client.Receive(hooked, command, func(rueidis.PubSubMessage) {})
}

// isForbidden reports whether an error is about rights, and not about arguments.
func isForbidden(err error) bool {
	answer, isAnswer := rueidis.IsRedisErr(err)
	return isAnswer && strings.HasPrefix(answer.Error(), "NOPERM")
}
