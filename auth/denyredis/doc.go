// Package denyredis keeps the revoked tokens and blocked subjects of the gates of a cluster in a
// stream of Redis, so that a revocation on one node reaches all of them.
//
//	list, err := denyredis.New(ctx, rueidis.ClientOption{InitAddress: []string{"127.0.0.1:6379"}},
//		denyredis.Options{Keys: [][]byte{secret}})
//	if err != nil { ... }
//	defer list.Close()
//	gate, err := auth.NewGate(verifier, auth.Options{Denylist: list, LongestToken: time.Hour})
//
// Each node reads the stream into memory and then follows it, so Find never waits. A node that
// could not reach Redis reads on where it stopped. If the stream has lost records, for example
// because Redis failed over to a replica, the node reads all of it, and adds those entries again
// that it knows and the stream does not have.
//
// # Failures
//
// A list is fresh if it was read to the end within Options.MaxStale. If it is not, Find fails,
// and auth.Options.DenylistFailure decides about new tokens. Sockets that are admitted stay;
// auth.Options.DenylistRecheck ends them. An entry that is added while Redis cannot be reached
// works on this node at once. Spread returns ErrNotLogged, and the entry is added when Redis
// answers again. A Redis that refuses writes, for example because its memory is full, is read
// nevertheless. A node with too little room for the entries starts and works, but treats tokens
// without an entry as if the list were stale.
//
// # What Redis learns
//
// Records are encrypted and authenticated with a key that is derived from Options.Keys. Redis
// learns when and how often nodes revoke, and the names of nodes, but no subject, token or reason.
// Someone who can write to Redis cannot forge a record, but can delete one before nodes have read
// it. Give the nodes a user of Redis of their own, and use TLS.
//
// # Redis
//
// Version 6.2 or later, or Valkey: one server, with Sentinel, or a Redis Cluster. Set
// maxmemory-policy noeviction. The keys are Options.Prefix, which is the stream, and those that
// begin with it and a colon. The commands are XADD, XRANGE, XREAD, HSET, HGETALL, HDEL, PEXPIRE,
// SET, DEL and HELLO. A record has some 300 bytes. It is removed when its entry has ended, and
// entries that last longer than a week are written again, so that the stream stays short.
//
// # Concurrency
//
// All methods may be called concurrently. A Denylist has two goroutines.
package denyredis
