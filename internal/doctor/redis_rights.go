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
	if a.Wire == Streams {
		a.tryStreams(ctx, client, note)
	}
}

// tryStreams tries the commands for the stream and for sessions.
func (a *redisAsked) tryStreams(ctx context.Context, client rueidis.Client, note func(what string, err error)) {
	session := sessions + unused()
	for _, try := range []struct {
		words []string // before the key
		key   string
		args  []string
	}{
		{[]string{"XADD"}, a.Prefix, []string{"0-0", "doctor", ""}}, // an ID that Redis refuses
		{[]string{"XREAD", "COUNT", "1", "STREAMS"}, a.Prefix, []string{"$"}},
		{[]string{"XRANGE"}, a.Prefix, []string{"+", "+", "COUNT", "1"}},
		{[]string{"XINFO", "STREAM"}, a.Prefix, nil},
		{[]string{"SET"}, session, []string{"", "XX"}}, // only if the key exists
		{[]string{"GET"}, session, nil},
		{[]string{"DEL"}, session, nil},
	} {
		shown := a.Prefix
		if try.key == session {
			shown = sessions + "*"
		}
		command := client.B().Arbitrary(try.words...).Keys(try.key).Args(try.args...).Build()
		note(try.words[0]+" on "+quoted(shown), client.Do(ctx, command).Error())
	}
}

// sessions begins the keys of sessions that were lost.
const sessions = "sio:session:"

// rule returns the rights that nodes need, for ACL SETUSER.
func (a *redisAsked) rule() string {
	rule := "+ping +info +time +multi +discard &" + a.Prefix + "*"
	switch a.Wire {
	case Sharded:
		return rule + " +ssubscribe +sunsubscribe +spublish +pubsub|shardnumsub"
	case Streams:
		return rule + " +subscribe +unsubscribe +publish +pubsub|numsub ~" + a.Prefix + "* ~" + sessions + "* +xadd +xread +xrange +xinfo|stream +set +get +del +exec"
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
