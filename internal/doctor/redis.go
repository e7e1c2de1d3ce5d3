package doctor

import (
	"cmp"
	"context"
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// The wires by which nodes talk, as --redis-wire names them.
const (
	Classic = "classic"
	Sharded = "sharded"
	Streams = "streams"
)

// Redis describes the Redis by which the nodes of a cluster talk.
type Redis struct {
	Client           rueidis.ClientOption // zero if Err is set
	Err              error                // why the flags do not describe a Redis and a cluster
	Wire             string
	Prefix           string
	Revocations      string // prefix of the keys of revocations
	PasswordFromFlag bool   // the password is on the command line
	Keys             error  // why other nodes do not accept the tokens of this one; nil if they do
}

// redisAsked is what a Redis has answered.
type redisAsked struct {
	Redis
	err     error         // why it did not answer; nil if it did
	servers []redisServer // the masters of a Redis Cluster, or one server
	cluster bool
	missing []string        // commands that the user may not use
	pings   []time.Duration // sorted
	clock   time.Duration   // how far its clock is ahead of the one here
	others  subscribers
}

// redisServer is what one server says about itself.
type redisServer struct {
	addr   string
	info   map[string]string // INFO; nil if the user may not ask
	config map[string]string // some of CONFIG GET; nil if the user may not ask
}

// subscribers are the numbers of connections that listen on the channels of a prefix.
type subscribers struct {
	requests    int // nodes of the classic wire, ours among them
	all         int // nodes of the streams wire, and ours of the classic one
	sharded     int // nodes of the sharded wire
	ours        int // nodes of this module
	oursSharded int
}

// askRedis connects and asks all that the checks need. It returns nil without a Redis.
func askRedis(ctx context.Context, c *Config) *redisAsked {
	if c.Redis == nil {
		return nil
	}
	a := &redisAsked{Redis: *c.Redis}
	if a.err = a.Err; a.err == nil {
		ctx, cancel := context.WithTimeout(ctx, c.Timeout)
		defer cancel()
		a.err = a.ask(ctx, c.Timeout)
	}
	return a
}

func (a *redisAsked) ask(ctx context.Context, timeout time.Duration) error {
	opts := a.Client
	opts.DisableRetry, opts.DisableCache, opts.Dialer.Timeout, opts.ConnWriteTimeout = true, true, timeout, timeout
	client, err := rueidis.NewClient(opts)
	if err != nil {
		return err
	}
	defer client.Close()
	for addr, one := range client.Nodes() {
		server := redisServer{addr: addr}
		if server.info, err = infoOf(ctx, one); err != nil && !isForbidden(err) {
			return err
		}
		a.cluster = a.cluster || server.info["cluster_enabled"] == "1"
		if a.cluster && server.info["role"] != "master" {
			continue
		}
		server.config = configOf(ctx, one)
		a.servers = append(a.servers, server)
		a.others.add(ctx, one, a.Prefix)
	}
	slices.SortFunc(a.servers, func(x, y redisServer) int { return cmp.Compare(x.addr, y.addr) })
	if err := a.measure(ctx, client); err != nil {
		return err
	}
	a.tryRights(ctx, client)
	return ctx.Err()
}

// measure notes how long the server takes to answer, and the difference of the clocks.
func (a *redisAsked) measure(ctx context.Context, client rueidis.Client) error {
	const times = 20
	for range times {
		began := time.Now()
		if err := client.Do(ctx, client.B().Ping().Build()).Error(); err != nil {
			return err
		}
		a.pings = append(a.pings, time.Since(began))
	}
	slices.Sort(a.pings)
	began := time.Now()
	answer, err := client.Do(ctx, client.B().Time().Build()).AsStrSlice()
	took := time.Since(began)
	if err != nil || len(answer) != 2 {
		return err
	}
	seconds, _ := strconv.ParseInt(answer[0], 10, 64)
	micros, _ := strconv.ParseInt(answer[1], 10, 64)
	a.clock = time.Unix(seconds, micros*1000).Sub(began.Add(took / 2))
	return nil
}

// infoOf returns the fields of INFO.
func infoOf(ctx context.Context, client rueidis.Client) (map[string]string, error) {
	text, err := client.Do(ctx, client.B().Info().Build()).ToString()
	if err != nil {
		return nil, err
	}
	fields := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	return fields, nil
}

// configOf returns some of the configuration, or nil if the user may not read it.
func configOf(ctx context.Context, client rueidis.Client) map[string]string {
	config := make(map[string]string)
	for _, name := range []string{"save", "appendonly", "client-output-buffer-limit", "min-replicas-to-write"} {
		values, err := client.Do(ctx, client.B().ConfigGet().Parameter(name).Build()).AsStrMap()
		if err != nil {
			return nil
		}
		for _, value := range values {
			config[name] = value
		}
	}
	return config
}

// add counts the subscribers of one server.
func (n *subscribers) add(ctx context.Context, client rueidis.Client, prefix string) {
	all, requests, ours := prefix+"#/#", prefix+"-request#/#", prefix+"-go#"
	n.all += listeners(ctx, client, "NUMSUB", all)
	n.requests += listeners(ctx, client, "NUMSUB", requests)
	n.ours += listeners(ctx, client, "NUMSUB", ours)
	n.sharded += listeners(ctx, client, "SHARDNUMSUB", all)
	n.oursSharded += listeners(ctx, client, "SHARDNUMSUB", ours)
}

// listeners returns how many connections to one server are subscribed to a channel. It returns 0
// if the server does not say, as Redis 6 does for sharded channels.
func listeners(ctx context.Context, client rueidis.Client, count, channel string) int {
	counts, _ := client.Do(ctx, client.B().Arbitrary("PUBSUB", count, channel).Build()).AsIntMap()
	return int(counts[channel])
}

// unused returns a name that no node uses.
func unused() string { return "doctor-" + rand.Text() }
