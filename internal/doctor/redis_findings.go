package doctor

import (
	"cmp"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// redisAnswers reports whether nodes can use this Redis at all.
func redisAnswers(e *examination) (found []Finding) {
	a := e.redis
	switch {
	case a == nil:
		return nil
	case a.Keys != nil:
		found = fail("Give the same secret to all nodes by SOCKETIO_JWT_SECRET or --secret-file, or name the issuer of the tokens.", "%s", Plain(a.Keys))
	}
	switch {
	case a.Err != nil:
		return append(found, fail("Give the same --redis URL and cluster key to all nodes.", "%s", Plain(a.Err))...)
	case a.err != nil:
		return append(found, fail("Check that Redis runs, that this machine can reach it, and the user, the password and TLS (rediss://) of the URL.",
			"Redis at %s does not answer: %s", a.address(), Plain(a.err))...)
	}
	return found
}

// redisIsRecent reports the version.
func redisIsRecent(e *examination) (found []Finding) {
	for _, s := range e.redisServers() {
		name, version := "Redis", s.info["redis_version"]
		if valkey := s.info["valkey_version"]; valkey != "" {
			name, version = "Valkey", valkey
		}
		least := "6.2"
		if e.redis.Wire != Classic {
			least = "7.0"
		}
		if olderThan(s.info["redis_version"], least) {
			found = append(found, fail("Run a current version of Redis or Valkey.",
				"%s is %s %.20s; the %s wire needs Redis %s", e.redis.name(s), name, version, e.redis.Wire, least)...)
		} else {
			found = append(found, ok("%s is %s %.20s", e.redis.name(s), name, version)...)
		}
		if s.info["loading"] == "1" {
			found = append(found, fail("Wait until it has read its data.", "%s is reading its data, and answers no commands until then", e.redis.name(s))...)
		}
	}
	return found
}

// redisIsPrivate checks how the password and the messages travel.
func redisIsPrivate(e *examination) (found []Finding) {
	if e.redis == nil || e.redis.Err != nil {
		return nil
	}
	c := e.redis.Client
	if e.redis.PasswordFromFlag {
		found = append(found, warn("Use the variable SOCKETIO_JWT_REDIS, or --redis-password-file.",
			"the password of Redis is on the command line, where other users of this machine can see it")...)
	}
	for _, addr := range c.InitAddress {
		host, _, err := net.SplitHostPort(addr)
		if err != nil || isLoopback(host) || c.TLSConfig != nil { // without a port it is a unix socket
			continue
		}
		return append(found, warn("Use rediss:// if others can reach the network between here and Redis.",
			"the connection to Redis is not encrypted: anyone on the network path can read and forge messages")...)
	}
	return found
}

// redisRights reports what the user of Redis must be allowed to do.
func redisRights(e *examination) (found []Finding) {
	if e.redis == nil || e.redis.err != nil {
		return nil
	}
	if missing := e.redis.missing; len(missing) > 0 {
		found = fail("Allow it: ACL SETUSER NAME "+e.redis.rule(), "the user of Redis may not use %s", strings.Join(missing, ", "))
	} else {
		found = ok("the user of Redis has the rights for the %s wire", e.redis.Wire)
	}
	for _, s := range e.redis.servers {
		switch {
		case s.info == nil:
			return append(found, warn("Run doctor as another user of Redis too, or allow +info.",
				"the user of Redis may not use INFO, so the version, eviction, persistence and replicas were not checked")...)
		case s.config == nil:
			return append(found, warn("Run doctor as another user of Redis too, or allow +config|get.",
				"the user of Redis may not use CONFIG GET, so the times of saving and the limits of buffers were not checked")...)
		}
	}
	return found
}

// redisKeeps reports whether Redis may delete what nodes keep in it.
func redisKeeps(e *examination) (found []Finding) {
	for _, s := range e.redisServers() {
		policy, limited := s.info["maxmemory_policy"], s.info["maxmemory"] != "0"
		switch {
		case policy == "noeviction" || policy == "":
		case !limited:
			found = append(found, warn("Set maxmemory-policy to noeviction.",
				"%s evicts keys by policy %s as soon as maxmemory is set: revocations and sessions could be deleted", e.redis.name(s), policy)...)
		default:
			found = append(found, fail("Set maxmemory-policy to noeviction, or use a Redis that is not a cache.",
				"%s evicts keys when its memory is full (maxmemory-policy %s): a deleted log of revocations makes revoked tokens valid again", e.redis.name(s), policy)...)
		}
	}
	if found == nil && len(e.redisServers()) > 0 {
		return ok("Redis evicts no keys")
	}
	return found
}

// redisSaves reports whether revocations survive a restart of Redis.
func redisSaves(e *examination) (found []Finding) {
	for _, s := range e.redisServers() {
		append_, saves := s.info["aof_enabled"] == "1", s.config == nil || s.config["save"] != ""
		switch {
		case append_ && s.info["aof_last_write_status"] == "err":
			found = append(found, fail("Look into the log of Redis: the disk may be full.", "%s cannot write its append-only file, and refuses writes", e.redis.name(s))...)
		case saves && s.info["rdb_last_bgsave_status"] == "err":
			found = append(found, fail("Look into the log of Redis: the disk may be full, or there may be too little memory to fork.", "%s could not save its data, and refuses writes by default", e.redis.name(s))...)
		case append_:
			found = append(found, ok("%s keeps what it has in an append-only file", e.redis.name(s))...)
		case saves:
			found = append(found, warn("Set appendonly to yes.", "%s saves its data only now and then: revocations since the last time are lost with it, unless a node that knows them is running", e.redis.name(s))...)
		default:
			found = append(found, warn("Set appendonly to yes.", "%s keeps its data only in memory: after a restart it knows no revocations, unless a node that knows them is running", e.redis.name(s))...)
		}
	}
	return found
}

// redisReplicates reports on masters and replicas.
func redisReplicates(e *examination) (found []Finding) {
	for _, s := range e.redisServers() {
		if s.info["role"] != "master" {
			found = append(found, fail("Give the address of the master, or those of the sentinels with ?master_set=NAME.",
				"%s is a replica, which refuses writes", e.redis.name(s))...)
			continue
		}
		replicas := replicasOf(s.info)
		for _, r := range replicas {
			if r.state != "online" || r.lag > mostLag {
				found = append(found, warn("Look at its log and its network. If it becomes the master, what it has missed is lost.",
					"the replica %s of %s is %s and %s behind", quoted(r.addr), e.redis.name(s), quoted(r.state), r.lag)...)
			}
		}
		if least := s.config["min-replicas-to-write"]; len(replicas) > 0 && least == "0" {
			found = append(found, warn("Set min-replicas-to-write to 1, and min-replicas-max-lag to 10.",
				"%s accepts writes while it has no replica: when another server takes over, revocations of that time are lost, unless a node that knows them is running", e.redis.name(s))...)
		}
	}
	return found
}

// mostLag is how far a replica may be behind, which acknowledges once a second.
const mostLag = 5 * time.Second

// replica is what a master says about a replica.
type replica struct {
	addr, state string
	lag         time.Duration
}

func replicasOf(info map[string]string) (all []replica) {
	for i := range 100 {
		line, has := info["slave"+strconv.Itoa(i)]
		if !has {
			return all
		}
		fields := make(map[string]string)
		for part := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(part, "=")
			fields[name] = value
		}
		lag, _ := strconv.Atoi(fields["lag"])
		all = append(all, replica{net.JoinHostPort(fields["ip"], fields["port"]), fields["state"], time.Duration(lag) * time.Second})
	}
	return all
}

// redisBuffers checks when Redis cuts off a node that reads too slowly.
func redisBuffers(e *examination) (found []Finding) {
	const small = 8 << 20
	for _, s := range e.redisServers() {
		words := strings.Fields(s.config["client-output-buffer-limit"])
		at := slices.Index(words, "pubsub")
		if at < 0 || at+1 >= len(words) {
			continue
		}
		switch hard, _ := strconv.Atoi(words[at+1]); {
		case hard == 0:
			found = append(found, warn("Set client-output-buffer-limit to pubsub 32mb 8mb 60, the default.",
				"%s keeps any number of messages for a node that does not read: one stopped node can fill its memory", e.redis.name(s))...)
		case hard < small:
			found = append(found, warn("Set client-output-buffer-limit to pubsub 32mb 8mb 60, the default.",
				"%s cuts off a node that has %d KiB to read: it loses messages whenever it pauses for a moment", e.redis.name(s), hard>>10)...)
		}
	}
	return found
}

// redisIsNear reports how long Redis takes to answer, and whether the clocks agree.
func redisIsNear(e *examination) (found []Finding) {
	if e.redis == nil || e.redis.err != nil {
		return nil
	}
	const slow, apart = 5 * time.Millisecond, time.Second
	a := e.redis
	median, worst := a.pings[len(a.pings)/2].Round(10*time.Microsecond), a.pings[len(a.pings)-1].Round(10*time.Microsecond)
	if median > slow {
		found = append(found, warn("Use a Redis in the same data center.", "Redis takes %s to answer, and up to %s: each broadcast and revocation reaches other nodes that much later", median, worst)...)
	} else {
		found = append(found, ok("Redis takes %s to answer, and up to %s", median, worst)...)
	}
	if a.clock.Abs() > apart {
		found = append(found, warn("Set both clocks by NTP.",
			"the clock of Redis differs by %s from the one here: revocations and recovered sessions depend on the time", a.clock.Abs().Round(100*time.Millisecond))...)
	}
	return found
}

// redisServers returns what the servers say about themselves.
func (e *examination) redisServers() (servers []redisServer) {
	if e.redis == nil || e.redis.err != nil {
		return nil
	}
	for _, s := range e.redis.servers {
		if s.info != nil {
			servers = append(servers, s)
		}
	}
	return servers
}

// name names a server in a sentence.
func (a *redisAsked) name(s redisServer) string {
	if len(a.servers) > 1 {
		return quoted(s.addr)
	}
	return "the server"
}

// address returns the addresses of the flags.
func (a *redisAsked) address() string { return quoted(strings.Join(a.Client.InitAddress, ", ")) }

// olderThan compares the first two numbers of versions.
func olderThan(version, least string) bool {
	v, l := strings.Split(version+".0", "."), strings.Split(least, ".")
	for i := range 2 {
		have, err := strconv.Atoi(v[i])
		want, _ := strconv.Atoi(l[i])
		if order := cmp.Compare(have, want); err != nil || order != 0 {
			return err != nil || order < 0
		}
	}
	return false
}
