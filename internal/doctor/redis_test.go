package doctor

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/auth/denyredis"
	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
)

// usingRedis gives a Redis by its URL.
func usingRedis(t *testing.T, url, wire string) func(*Config) {
	return func(c *Config) {
		client, err := rueidis.ParseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		c.Redis = &Redis{Client: client, Wire: wire, Prefix: "socket.io", Revocations: revocations}
	}
}

const revocations = "socket.io:revocations"

// aboutRedis examines a Redis, and returns the findings about it.
func aboutRedis(t *testing.T, s *redistest.Server, wire string) report {
	t.Helper()
	return redisFindings(examine(t, with(secret(randomSecret), usingRedis(t, "redis://"+s.Addr(), wire))))
}

func redisFindings(all report) (found report) {
	for _, f := range all {
		if f.Subject == "redis" {
			found = append(found, f)
		}
	}
	return found
}

// has tests that there is a finding of a level whose text and advice have all the words.
func (r report) has(t *testing.T, level Level, words ...string) {
	t.Helper()
	for _, f := range r {
		missing := f.Level != level
		for _, word := range words {
			missing = missing || !strings.Contains(f.Text+" "+f.Advice, word)
		}
		if !missing {
			return
		}
	}
	t.Errorf("no finding %s %q in:\n%s", level, words, r)
}

// worst tests that no finding is worse than a level.
func (r report) worst(t *testing.T, level Level) {
	t.Helper()
	for _, f := range r {
		if f.Level == Fail && level != Fail || f.Level == Warn && level == OK {
			t.Errorf("finding %+v", f)
		}
	}
}

func TestRedisInOrder(t *testing.T) {
	s := redistest.Start(t, "appendonly yes")
	for _, wire := range []string{Classic, Sharded, Streams} {
		r := aboutRedis(t, s, wire)
		r.worst(t, OK)
		r.has(t, OK, "the server is Redis ")
		r.has(t, OK, "has the rights for the "+wire+" wire")
		r.has(t, OK, "evicts no keys")
		r.has(t, OK, "append-only file")
		r.has(t, OK, "to answer")
		r.has(t, OK, "no servers of the "+wire+` wire on the prefix "socket.io"`)
	}
	if keys := s.Do("DBSIZE"); keys != int64(0) && keys != 0 {
		t.Errorf("%v keys were made", keys)
	}
}

func TestRedisConfiguration(t *testing.T) {
	for name, test := range map[string]struct {
		conf  []string
		level Level
		words []string
	}{
		"eviction":         {[]string{"maxmemory 100mb", "maxmemory-policy allkeys-lru"}, Fail, []string{"allkeys-lru", "Set maxmemory-policy to noeviction"}},
		"eviction later":   {[]string{"maxmemory-policy volatile-ttl"}, Warn, []string{"volatile-ttl", "as soon as maxmemory is set"}},
		"no eviction":      {[]string{"maxmemory 100mb"}, OK, []string{"evicts no keys"}},
		"in memory":        {nil, Warn, []string{"only in memory", "Set appendonly to yes"}},
		"snapshots":        {[]string{"save 3600 1"}, Warn, []string{"now and then", "Set appendonly to yes"}},
		"no limit":         {[]string{"client-output-buffer-limit pubsub 0 0 0"}, Warn, []string{"any number of messages", "pubsub 32mb 8mb 60"}},
		"a small limit":    {[]string{"client-output-buffer-limit pubsub 1mb 1mb 60"}, Warn, []string{"1024 KiB", "pubsub 32mb 8mb 60"}},
		"a missing right":  {[]string{"user default on nopass ~* &* +@all -publish"}, Fail, []string{`PUBLISH on "socket.io-request#*"`, "ACL SETUSER NAME", "+publish"}},
		"other channels":   {[]string{"user default on nopass ~* &other* +@all"}, Fail, []string{`SUBSCRIBE on "socket.io#*"`, "&socket.io*"}},
		"no count":         {[]string{"user default on nopass ~* &* +@all -pubsub"}, Fail, []string{"PUBSUB NUMSUB"}},
		"no INFO":          {[]string{"user default on nopass ~* &* +@all -info"}, Warn, []string{"may not use INFO"}},
		"no configuration": {[]string{"user default on nopass ~* &* +@all -config"}, Warn, []string{"may not use CONFIG GET"}},
		"no user":          {[]string{"user default off"}, Fail, []string{"does not answer", "the password"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := aboutRedis(t, redistest.Start(t, test.conf...), Classic)
			r.has(t, test.level, test.words...)
			if test.level != Fail {
				r.worst(t, Warn)
			}
		})
	}
}

// buses are the wires of nodes.
var buses = map[string]redisbus.Wire{Classic: redisbus.Classic, Sharded: redisbus.Sharded, Streams: redisbus.Streams}

// The rule that doctor prints gives the rights that it asks for, and those that a node needs.
func TestRuleOfRightsSuffices(t *testing.T) {
	for _, test := range []struct {
		wire    string
		cluster bool
	}{{Classic, false}, {Sharded, false}, {Streams, false}, {Sharded, true}} {
		a := redisAsked{Redis: Redis{Wire: test.wire, Prefix: "socket.io", Revocations: revocations}, cluster: test.cluster}
		user := "user default on nopass resetkeys resetchannels -@all " + a.rule()
		addr := ""
		if test.cluster {
			addr = redistest.StartCluster(t, user).Masters[0].Addr()
		} else {
			addr = redistest.Start(t, user).Addr()
		}
		r := redisFindings(examine(t, with(secret(randomSecret), usingRedis(t, "redis://"+addr, test.wire))))
		r.worst(t, Warn)
		r.has(t, OK, "has the rights for the "+test.wire+" wire")
		joins(t, addr, test.wire)
	}
}

// joins tests that a node can use a Redis.
func joins(t *testing.T, addr, wire string) {
	t.Helper()
	client := rueidis.ClientOption{InitAddress: []string{addr}}
	if wire, built := buses[wire]; built {
		bus, err := redisbus.New(t.Context(), client, redisbus.Options{Wire: wire})
		if err != nil {
			t.Fatal(err)
		}
		_ = bus.Close(t.Context())
	}
	list, err := denyredis.New(t.Context(), client, denyredis.Options{Keys: [][]byte{[]byte(randomSecret)}, Prefix: revocations})
	if err != nil {
		t.Fatal(err)
	}
	list.Close()
}

func TestMissingRightsForStreams(t *testing.T) {
	s := redistest.Start(t, "user default on nopass ~other &socket.io* +@all")
	r := aboutRedis(t, s, Streams)
	r.has(t, Fail, `XADD on "socket.io:revocations", XREAD on "socket.io:revocations", XRANGE on "socket.io:revocations", HSET on "socket.io:revocations:*", PEXPIRE`)
	r.has(t, Fail, `XADD on "socket.io", XREAD on "socket.io", XRANGE on "socket.io", XINFO on "socket.io", SET on "sio:session:*", GET on "sio:session:*", GETDEL on "sio:session:*", PTTL on "sio:session:*", DEL on "sio:session:*", SET on "socket.io-go:epoch:*", GET on "socket.io-go:epoch:*", GETDEL on "socket.io-go:epoch:*", PTTL on "socket.io-go:epoch:*", DEL on "socket.io-go:epoch:*"`)

	// With these rights a node starts, and recovers no session.
	s = redistest.Start(t, "user default on nopass ~socket.io ~socket.io:revocations* ~sio:session:* &socket.io* +@all")
	aboutRedis(t, s, Streams).has(t, Fail, `SET on "socket.io-go:epoch:*"`)
}

func TestRedisReplicas(t *testing.T) {
	master := redistest.Start(t)
	replica := master.Replica()
	aboutRedis(t, master, Classic).has(t, Warn, "while it has no replica", "Set min-replicas-to-write to 1")
	aboutRedis(t, replica, Classic).has(t, Fail, "is a replica", "?master_set=NAME")
	sentinel := redistest.StartSentinel(t, master, "chat")
	found := redisFindings(examine(t, with(secret(randomSecret), usingRedis(t, "redis://"+sentinel.Addr()+"?master_set=chat", Classic))))
	found.worst(t, Warn)
	found.has(t, OK, "has the rights")
	behind := &examination{redis: &redisAsked{servers: []redisServer{{info: map[string]string{
		"role": "master", "slave0": "ip=10.0.0.7,port=6379,state=online,offset=1,lag=60",
	}}}}}
	report(redisReplicates(behind)).has(t, Warn, `"10.0.0.7:6379"`, "1m0s behind")
}

func TestRedisThatDoesNotAnswer(t *testing.T) {
	s := redistest.Start(t)
	s.Freeze()
	short := func(c *Config) { c.Timeout = 200 * time.Millisecond }
	frozen := redisFindings(examine(t, with(secret(randomSecret), usingRedis(t, "redis://:sesame@"+s.Addr(), Classic), short)))
	frozen.has(t, Fail, s.Addr(), "does not answer")
	s.Thaw()
	s.Stop()
	stopped := redisFindings(examine(t, with(secret(randomSecret), usingRedis(t, "redis://:sesame@"+s.Addr(), Classic))))
	stopped.has(t, Fail, s.Addr(), "connection refused")
	if strings.Contains(frozen.String()+stopped.String(), "sesame") {
		t.Error("the password is in a finding")
	}
}

func TestRedisWires(t *testing.T) {
	const requests, all, ours = "socket.io-request#/#", "socket.io#/#", "socket.io-go#"
	for name, test := range map[string]struct {
		plain   [][]string // channels of each node
		sharded [][]string
		wire    string
		level   Level
		words   []string
	}{
		"Node, classic":             {plain: [][]string{{requests}, {requests}}, wire: Classic, level: OK, words: []string{"2 servers of the classic wire", "0 of them of this module"}},
		"both, classic":             {plain: [][]string{{requests, all, ours}, {requests}}, wire: Classic, level: OK, words: []string{"2 servers of the classic wire", "1 of them of this module"}},
		"Node, streams":             {plain: [][]string{{all}}, wire: Streams, level: OK, words: []string{"1 server of the streams wire"}},
		"both, streams":             {plain: [][]string{{all}, {all, ours}}, wire: Streams, level: OK, words: []string{"2 servers of the streams wire", "1 of them"}},
		"Node, sharded":             {sharded: [][]string{{all}, {all, ours}}, wire: Sharded, level: OK, words: []string{"2 servers of the sharded wire", "1 of them"}},
		"classic and streams":       {plain: [][]string{{requests}, {all}}, wire: Classic, level: Fail, words: []string{"cannot read each other's", "--redis-prefix"}},
		"classic, ours of streams":  {plain: [][]string{{requests}, {all, ours}, {all, ours}}, wire: Classic, level: Fail, words: []string{"cannot read each other's"}},
		"classic for streams":       {plain: [][]string{{requests}}, wire: Streams, level: Fail, words: []string{"cannot read each other's"}},
		"streams for classic":       {plain: [][]string{{all}}, wire: Classic, level: Fail, words: []string{"1 server of the streams wire", "--redis-wire streams"}},
		"sharded beside classic":    {sharded: [][]string{{all}}, wire: Classic, level: Warn, words: []string{"1 server of the sharded wire", "--redis-wire"}},
		"classic beside sharded":    {plain: [][]string{{requests}}, wire: Sharded, level: Warn, words: []string{"1 server of another wire"}},
		"another prefix is ignored": {plain: [][]string{{"chat-request#/#"}, {"chat#/#"}}, wire: Classic, level: OK, words: []string{"no servers of the classic wire"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := redistest.Start(t)
			for _, channels := range test.plain {
				s.Subscribe(channels...)
			}
			for _, channels := range test.sharded {
				s.ShardSubscribe(channels...)
			}
			aboutRedis(t, s, test.wire).has(t, test.level, test.words...)
		})
	}
}

func TestRedisCluster(t *testing.T) {
	c := redistest.StartCluster(t)
	for i, s := range c.Masters { // the counts of all servers count
		s.Subscribe("socket.io-request#/#")
		r := aboutRedis(t, c.Masters[i], Classic)
		r.worst(t, Warn)
		r.has(t, Warn, "Redis Cluster of 3 masters", "--redis-wire sharded")
		r.has(t, OK, Count(i+1, "server")+" of the classic wire")
		r.has(t, Warn, s.Addr(), "only in memory")
	}
	r := redisFindings(examine(t, with(secret(randomSecret), usingRedis(t, "redis://"+c.Masters[0].Addr(), Sharded))))
	r.has(t, OK, "Redis Cluster of 3 masters")
	r.has(t, OK, "has the rights for the sharded wire")
}

func TestRedisIsPrivate(t *testing.T) {
	for name, test := range map[string]struct {
		redis Redis
		want  string // empty for no finding
	}{
		"on this machine": {Redis{Client: rueidis.ClientOption{InitAddress: []string{"127.0.0.1:6379"}}}, ""},
		"unix socket":     {Redis{Client: rueidis.ClientOption{InitAddress: []string{"/run/redis.sock"}}}, ""},
		"TLS":             {Redis{Client: rueidis.ClientOption{InitAddress: []string{"redis.example:6379"}, TLSConfig: new(tls.Config)}}, ""},
		"plain":           {Redis{Client: rueidis.ClientOption{InitAddress: []string{"redis.example:6379"}}}, "not encrypted"},
		"command line":    {Redis{Client: rueidis.ClientOption{InitAddress: []string{"localhost:6379"}}, PasswordFromFlag: true}, "on the command line"},
	} {
		found := report(redisIsPrivate(&examination{redis: &redisAsked{Redis: test.redis}}))
		if test.want == "" && len(found) > 0 {
			t.Errorf("%s: %s", name, found)
		} else if test.want != "" {
			found.has(t, Warn, test.want)
		}
	}
}

func TestRedisVersionsAndClocks(t *testing.T) {
	for _, test := range []struct {
		version, least string
		older          bool
	}{
		{"6.2.0", "6.2", false}, {"6.0.16", "6.2", true}, {"7.0.15", "7.0", false}, {"6.2.14", "7.0", true},
		{"10.1", "7.0", false}, {"8", "7.0", false}, {"", "6.2", true}, {"x", "6.2", true},
	} {
		if got := olderThan(test.version, test.least); got != test.older {
			t.Errorf("olderThan(%q, %q) is %t", test.version, test.least, got)
		}
	}
	old := &examination{redis: &redisAsked{
		Redis: Redis{Wire: Sharded}, clock: -3 * time.Second, pings: []time.Duration{9 * time.Millisecond},
		servers: []redisServer{{info: map[string]string{"redis_version": "6.2.7", "loading": "1"}}},
	}}
	report(redisIsRecent(old)).has(t, Fail, "Redis 6.2.7", "needs Redis 7.0")
	report(redisIsRecent(old)).has(t, Fail, "reading its data")
	report(redisIsNear(old)).has(t, Warn, "differs by 3s", "NTP")
	report(redisIsNear(old)).has(t, Warn, "takes 9ms to answer")
	valkey := &examination{redis: &redisAsked{Redis: Redis{Wire: Sharded}, servers: []redisServer{{info: map[string]string{"redis_version": "7.2.4", "valkey_version": "8.1.1"}}}}}
	report(redisIsRecent(valkey)).has(t, OK, "Valkey 8.1.1")
	disk := &examination{redis: &redisAsked{servers: []redisServer{{info: map[string]string{"aof_enabled": "1", "aof_last_write_status": "err"}}}}}
	report(redisSaves(disk)).has(t, Fail, "refuses writes")
	forked := &examination{redis: &redisAsked{servers: []redisServer{{info: map[string]string{"rdb_last_bgsave_status": "err"}}}}}
	report(redisSaves(forked)).has(t, Fail, "could not save")
}
