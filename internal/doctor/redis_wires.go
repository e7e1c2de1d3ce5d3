package doctor

// redisWires reports the nodes that listen on the channels of the prefix.
func redisWires(e *examination) []Finding {
	if e.redis == nil || e.redis.err != nil {
		return nil
	}
	a, n := e.redis, e.redis.others
	prefix := quoted(a.Prefix)
	// Nodes of this module hear the classic wire on the channel that Node's servers of the
	// streams wire use too.
	streams := max(n.all-n.ours, 0)
	if n.requests == 0 {
		streams = n.all
	}
	const apart = "Give one of them another prefix (--redis-prefix here, the option key of socket.io-redis-adapter, streamName and channelPrefix of the streams adapter)."
	switch {
	case n.requests > 0 && (streams > 0 || n.ours > n.requests || a.Wire == Streams):
		return fail(apart, "servers of the classic wire and of the streams wire use the prefix %s: they have the same channels for messages in different formats, and cannot read each other's", prefix)
	case a.Wire == Classic && streams > 0:
		return fail("Give --redis-wire streams, or another --redis-prefix.", "%s of the streams wire use the prefix %s: this server cannot read their messages", Count(streams, "server"), prefix)
	case a.Wire != Sharded && n.sharded > 0:
		return warn("Give all of them one wire: --redis-wire here.", "%s of the sharded wire use the prefix %s: they hear nothing of the %s wire", Count(n.sharded, "server"), prefix, a.Wire)
	case a.Wire == Sharded && n.requests+n.all > 0:
		return warn("Give all of them one wire: --redis-wire here.", "%s of another wire use the prefix %s: they hear nothing of the sharded wire", Count(max(n.requests, n.all), "server"), prefix)
	}
	total := map[string]int{Classic: n.requests, Sharded: n.sharded, Streams: n.all}[a.Wire]
	if total == 0 {
		return ok("no servers of the %s wire on the prefix %s", a.Wire, prefix)
	}
	ours := max(n.ours, n.oursSharded)
	return ok("%s of the %s wire on the prefix %s, %d of them of this module", Count(total, "server"), a.Wire, prefix, min(ours, total))
}

// redisClusterFits reports a wire that does not fit Redis Cluster.
func redisClusterFits(e *examination) []Finding {
	switch a := e.redis; {
	case a == nil || a.err != nil || !a.cluster:
		return nil
	case a.Wire == Classic:
		return warn("Give --redis-wire sharded to all nodes.", "this is a Redis Cluster of %s, which hands each message of the classic wire to all of its servers", Count(len(a.servers), "master"))
	default:
		return ok("this is a Redis Cluster of %s", Count(len(a.servers), "master"))
	}
}
