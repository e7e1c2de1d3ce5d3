package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"socketiojwt/internal/redistest"
	"socketiojwt/socketio/sockettest"
)

// startNodes runs n nodes of one cluster.
func startNodes(t *testing.T, redis *redistest.Server, n int, args ...string) []*served {
	t.Helper()
	secret, key := writeFile(t, "secret.txt", goodSecret), writeFile(t, "key.txt", randomSecret)
	args = append([]string{"--secret-file", secret, "--cluster-key-file", key, "--redis", "redis://" + redis.Addr()}, args...)
	nodes := make([]*served, n)
	for i := range nodes {
		nodes[i] = start(t, args...)
	}
	return nodes
}

// sayTo broadcasts by a node, and waits until each peer has heard the text.
func sayTo(ctx context.Context, t *testing.T, text string, by *sockettest.Peer, heardBy ...*sockettest.Peer) {
	t.Helper()
	if _, err := by.EmitWithAck(ctx, "say", text); err != nil {
		t.Fatal(err)
	}
	for _, p := range heardBy {
		for got := ""; got != text; {
			args, err := p.Expect(ctx, "said")
			if err != nil || args.Scan(new(string), &got) != nil {
				t.Fatalf("%v, want %q", err, text)
			}
		}
	}
}

func status(t *testing.T, url string) int {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func (s *served) logs(text string) bool { return strings.Contains(s.log.String(), text) }

// Peers of all nodes hear each other. While Redis is away, each node serves its own sockets and is
// not ready. It joins the others again by itself.
func TestServeWithOtherNodes(t *testing.T) {
	for wire := range wires {
		t.Run(wire, func(t *testing.T) { serveWithOthers(t, wire) })
	}
}

func serveWithOthers(t *testing.T, wire string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	redis := redistest.Start(t)
	nodes := startNodes(t, redis, 2, "--redis-wire", wire)
	compact := nodes[0].login("ada") // the other accepts it too
	a, b := nodes[0].enter(ctx, "/", compact), nodes[1].enter(ctx, "/", compact)
	sayTo(ctx, t, "hello", a, a, b)
	sayTo(ctx, t, "back", b, a, b)
	for _, n := range nodes {
		if status(t, n.url+"/ready") != http.StatusOK || status(t, n.url+"/health") != http.StatusOK {
			t.Error("a node is not ready")
		}
	}

	redis.Stop()
	redistest.Eventually(t, "the node is not ready", func() bool { return status(t, nodes[0].url+"/ready") == http.StatusServiceUnavailable })
	if status(t, nodes[0].url+"/health") != http.StatusOK {
		t.Error("the node is not healthy")
	}
	sayTo(ctx, t, "alone", a, a)
	redistest.Eventually(t, "the log says that Redis is gone", func() bool { return nodes[0].logs("redisbus: subscriptions lost") })
	redis.Restart()
	for _, n := range nodes {
		redistest.Eventually(t, "the node is ready again", func() bool { return status(t, n.url+"/ready") == http.StatusOK })
		redistest.Eventually(t, "the log says that Redis is back", func() bool { return n.logs("redisbus: messages of other nodes may have been missed") })
	}
	sayTo(ctx, t, "again", a, a, b)
}

// A user that is revoked on one node is gone on all, and its token is refused by a node that
// starts later.
func TestRevokeOnAllNodes(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	t.Setenv("SOCKETIO_JWT_ADMIN_SECRET", randomSecret)
	redis := redistest.Start(t)
	nodes := startNodes(t, redis, 2, "--admin", "127.0.0.1:0")
	compact := nodes[0].login("ada")
	b := nodes[1].enter(ctx, "/", compact)
	redistest.Eventually(t, "the socket of the other node is counted", func() bool {
		o := runWith(t, "", "leases", "--server", nodes[0].operators(), "--count")
		return o.out == "1\n" && o.err == ""
	})
	done := regexp.MustCompile(`^revoked; (1 socket of 2 nodes ended|0 sockets of 1 node ended; not confirmed in time by \S+)\n$`) // the machine may be busy
	if o := runWith(t, "", "revoke", "--server", nodes[0].operators(), "--issuer", "", "--subject", "ada"); !done.MatchString(o.out) {
		t.Errorf("revoke: %s%s", o.out, o.err)
	}
	if _, err := b.Expect(ctx, "unauthorized"); err != nil {
		t.Fatal(err)
	}
	later := startNodes(t, redis, 1, "--admin", "127.0.0.1:0")[0]
	var refused *sockettest.ConnectError
	if _, err := sockettest.Dial(ctx, later.url, sockettest.Options{Auth: map[string]string{"token": compact}}); !errors.As(err, &refused) {
		t.Errorf("the revoked token: %v", err)
	}
}

// operators returns the URL of the API of operators.
func (s *served) operators() string {
	s.t.Helper()
	_, rest, ok := strings.Cut(s.log.String(), `msg="listening for operators" addr=`)
	if !ok {
		s.t.Fatal("the log does not say where operators connect")
	}
	return "http://" + strings.Fields(rest)[0]
}

// Operators see all nodes, and that Redis is away.
func TestOperatorsSeeNodes(t *testing.T) {
	t.Setenv("SOCKETIO_JWT_ADMIN_SECRET", randomSecret)
	redis := redistest.Start(t)
	nodes := startNodes(t, redis, 2, "--admin", "127.0.0.1:0")
	compact := strings.TrimSpace(runWith(t, "", "operator-token").out)
	type known struct {
		Self   struct{ ID, Name string }
		Others []struct{ ID, Name string }
		Bus    *struct{ Connected bool }
	}
	of := func(n *served) (k known) {
		r, err := http.NewRequest(http.MethodGet, n.operators()+"/nodes", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+compact)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		if err := json.NewDecoder(response.Body).Decode(&k); err != nil {
			t.Fatal(err)
		}
		return k
	}
	redistest.Eventually(t, "the nodes know each other", func() bool {
		a, b := of(nodes[0]), of(nodes[1])
		return len(a.Others) == 1 && len(b.Others) == 1 && a.Others[0] == b.Self && b.Others[0] == a.Self && a.Self != b.Self && a.Self.Name != b.Self.Name && a.Bus.Connected
	})
	redis.Freeze()
	redistest.Eventually(t, "the node is cut off", func() bool { return !of(nodes[0]).Bus.Connected })
	redis.Thaw()
	redistest.Eventually(t, "the node is back", func() bool { return of(nodes[0]).Bus.Connected })
}

// Without something that Redis must have, serve does not start, and says what to do.
func TestServeNeedsRedis(t *testing.T) {
	key := writeFile(t, "key.txt", randomSecret)
	denied := redistest.Start(t, "user default on nopass ~* &other* +@all")
	closed := redistest.Start(t, "requirepass sesame")
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no Redis":       {[]string{"--redis", "redis://127.0.0.1:1"}, "connection refused"},
		"no rights":      {[]string{"--redis", "redis://" + denied.Addr()}, "socket.io-request#/#"},
		"wrong password": {[]string{"--redis", "redis://:wrong-sesame@" + closed.Addr()}, "WRONGPASS"},
	} {
		t.Run(name, func(t *testing.T) {
			o := runWith(t, "", append([]string{"serve", "--addr", "localhost:0", "--secret-file", key, "--cluster-key-file", key}, test.args...)...)
			if o.code != exitFailed || !strings.Contains(o.err, test.want) || !strings.Contains(o.err, "doctor") || strings.Contains(o.err+o.out, "sesame") {
				t.Errorf("exit code %d, want an error with %q:\n%s%s", o.code, test.want, o.out, o.err)
			}
		})
	}
	t.Run("password in a file", func(t *testing.T) {
		n := start(t, "--secret-file", key, "--cluster-key-file", key, "--redis", "redis://"+closed.Addr(), "--redis-password-file", writeFile(t, "password.txt", "sesame\n"))
		if status(t, n.url+"/ready") != http.StatusOK || n.logs("sesame") {
			t.Errorf("not ready, or the password is in the log:\n%s", n.log)
		}
	})
}

// The only server is ready without Redis, and until it shuts down.
func TestReadyWithoutNodes(t *testing.T) {
	n := start(t)
	for _, path := range []string{"/ready", "/health"} {
		if body := get(t, n.url+path); body != `{"ok":true}` {
			t.Errorf("%s: %s", path, body)
		}
	}
}

// The URL of --redis can name sentinels, or servers of a Redis Cluster.
func TestServeWithSentinelAndCluster(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	master := redistest.Start(t)
	master.Replica()
	sentinel := redistest.StartSentinel(t, master, "chat")
	cluster := redistest.StartCluster(t)
	for name, test := range map[string]struct {
		args []string
		fail func()
	}{
		"sentinel": {[]string{"--redis", "redis://" + sentinel.Addr() + "?master_set=chat"}, master.Kill},
		"cluster":  {[]string{"--redis", "redis://" + cluster.Masters[0].Addr() + "?addr=" + cluster.Masters[1].Addr(), "--redis-wire", "sharded", "--redis-prefix", "chat"}, func() {}},
	} {
		t.Run(name, func(t *testing.T) {
			nodes := startNodes(t, master, 2, test.args...)
			compact := nodes[0].login("ada")
			a, b := nodes[0].enter(ctx, "/", compact), nodes[1].enter(ctx, "/", compact)
			sayTo(ctx, t, "hello", a, a, b)
			test.fail()
			for _, n := range nodes {
				redistest.Eventually(t, "the node is ready after the failure", func() bool { return status(t, n.url+"/ready") == http.StatusOK })
			}
			redistest.Eventually(t, "the nodes hear each other", func() bool {
				if _, err := a.EmitWithAck(ctx, "say", "again"); err != nil {
					t.Fatal(err)
				}
				return slices.Contains(b.Events(), "said")
			})
		})
	}
}
