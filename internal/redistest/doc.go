// Package redistest starts real Redis servers for tests: one server, a replica, a sentinel, or a
// Redis Cluster. Each server is a process of its own on a free port of 127.0.0.1, with a folder of
// its own, without persistence. It ends with the test, and with the test process on Linux, even if
// that process crashes.
//
//	func TestReconnect(t *testing.T) {
//		redis := redistest.Start(t)
//		bus := connect(t, redis.Addr())
//		redis.KillPubSub()
//		redistest.Eventually(t, "the bus subscribes again", func() bool {
//			return redis.Subscribers("socket.io-request#/#") == 1
//		})
//	}
//
// The program is redis-server, or what the environment variable REDIS_SERVER names, for example
// valkey-server. A test fails if it is missing; it is never skipped. scripts/test.sh installs it.
//
// Servers do not work in a testing/synctest bubble, because they are on a real network. Start and
// all methods fail the test instead of returning an error, so they must be called by the goroutine
// of the test, except where their comment says otherwise.
package redistest
