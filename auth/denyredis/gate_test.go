package denyredis_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/auth/denyredis"
	"socketiojwt/internal/redistest"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// A node is a server with a gate whose denylist is in Redis.
type node struct {
	srv  *sockettest.Server
	gate *auth.Gate
	list *denyredis.Denylist
}

// A cluster is some nodes whose gates accept the same tokens.
type cluster struct {
	t     *testing.T
	redis *redistest.Server
	key   mint.SigningKey
	opts  auth.Options
	pace  denyredis.Pace
	nodes []*node
}

// newCluster starts n nodes. They have no bus.
func newCluster(t *testing.T, n int, opts auth.Options) *cluster {
	key, err := mint.Generate(token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, redis: redistest.Start(t), key: key, opts: opts}
	for range n {
		c.join(options(fmt.Sprint("node ", len(c.nodes))))
	}
	return c
}

// join starts one more node.
func (c *cluster) join(list denyredis.Options) *node {
	c.t.Helper()
	n := &node{list: startWith(c.t, to(c.redis.Addr()), list, c.pace)}
	verifier, err := token.NewVerifier(c.key.Key(), token.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	opts := c.opts
	opts.Denylist, opts.LongestToken, opts.Logger = n.list, time.Hour, list.Logger
	if n.gate, err = auth.NewGate(verifier, opts); err != nil {
		c.t.Fatal(err)
	}
	n.srv = sockettest.NewServer(c.t, func(srv *socketio.Server) { srv.Use(n.gate.Handshake) })
	c.nodes = append(c.nodes, n)
	return n
}

// sign returns a token of a subject that was issued some time ago.
func (c *cluster) sign(subject string, ago time.Duration) string {
	c.t.Helper()
	now := time.Now()
	compact, err := mint.Sign(c.key, map[string]any{"iss": "i", "sub": subject, "iat": now.Add(-ago).Unix(), "exp": now.Add(time.Hour).Unix()}, mint.Header{})
	if err != nil {
		c.t.Fatal(err)
	}
	return compact
}

func bearing(compact string) sockettest.Options {
	return sockettest.Options{Auth: map[string]string{"token": compact}}
}

// gone checks that the server sent a peer DISCONNECT.
func gone(t *testing.T, peer *sockettest.Peer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), inTime)
	defer cancel()
	if err := peer.Ended(ctx); !errors.Is(err, sockettest.ErrDisconnected) {
		t.Errorf("the socket ended with %v, want DISCONNECT", err)
	}
}

// Revoke on one of three nodes ends 1,000 sockets of a subject on all of them, says where, and
// keeps the token out everywhere, also of a node that starts later. Others stay.
func TestRevokeOnThreeNodes(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, auth.Options{})
	ada, bob := c.sign("ada", time.Minute), c.sign("bob", time.Minute)
	var peers, others []*sockettest.Peer
	const sockets = 1000
	for i := range sockets {
		peers = append(peers, c.nodes[i%3].srv.Dial(bearing(ada)))
	}
	for _, n := range c.nodes {
		others = append(others, n.srv.Dial(bearing(bob)))
	}
	began := time.Now()
	revoked, err := c.nodes[0].gate.Revoke(t.Context(), auth.BySubject("i", "ada"), auth.RevokeOptions{Reason: "left", Wait: inTime})
	t.Logf("Revoke took %v", time.Since(began))
	want := []auth.Confirmation{{Node: "node 1", Sockets: 333}, {Node: "node 2", Sockets: 333}}
	if err != nil || revoked.Sockets != 334 || !slices.Equal(revoked.Confirmed, want) || revoked.Missing != nil {
		t.Errorf("%+v, %v", revoked, err)
	}
	for _, p := range peers {
		gone(t, p)
	}
	late := c.join(options("late"))
	for _, n := range c.nodes {
		if told := n.srv.Refused(bearing(ada)); told.Message != "jwt revoked" {
			t.Errorf("refused with %q", told.Message)
		}
	}
	fresh := c.sign("ada", -time.Second)
	_ = late.srv.Dial(bearing(fresh)).Close()
	for i, p := range others {
		if p.Ended(ended()) == nil || len(slices.Collect(c.nodes[i].gate.LeasesOf(auth.BySubject("i", "bob")))) != 1 {
			t.Errorf("node %d: bob's socket has ended", i)
		}
	}
}

// ended returns a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// All gates of a process that have the list end their sockets.
func TestGatesShareAList(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1, auth.Options{})
	verifier, err := token.NewVerifier(c.key.Key(), token.Options{})
	if err != nil {
		t.Fatal(err)
	}
	other, err := auth.NewGate(verifier, auth.Options{Denylist: c.nodes[0].list, LongestToken: time.Hour, Logger: options("").Logger})
	if err != nil {
		t.Fatal(err)
	}
	srv := sockettest.NewServer(t, func(srv *socketio.Server) { srv.Use(other.Handshake) })
	peers := []*sockettest.Peer{c.nodes[0].srv.Dial(bearing(c.sign("ada", time.Minute))), srv.Dial(bearing(c.sign("ada", time.Minute)))}
	revoked, err := other.Block(t.Context(), "i", "ada", auth.RevokeOptions{})
	if err != nil || revoked.Sockets != 2 {
		t.Errorf("%+v, %v", revoked, err)
	}
	for _, p := range peers {
		gone(t, p)
	}
	if err := c.nodes[0].gate.Unblock(t.Context(), "i", "ada", ""); err != nil {
		t.Error(err)
	}
	_ = srv.Dial(bearing(c.sign("ada", time.Minute))).Close()
}

// A socket whose token the issuer's clock has dated ahead of the revocation ends on its node, and
// its token is refused on all.
func TestTokenDatedAhead(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2, auth.Options{})
	ahead := c.sign("ada", -time.Minute)
	peer := c.nodes[1].srv.Dial(bearing(ahead))
	if _, err := c.nodes[0].gate.Revoke(t.Context(), auth.BySubject("i", "ada"), auth.RevokeOptions{Wait: inTime}); err != nil {
		t.Error(err)
	}
	gone(t, peer)
	redistest.Eventually(t, "the token is on the list of the other node", func() bool { return c.nodes[0].list.Len() == 2 })
	c.nodes[0].srv.Refused(bearing(ahead))
}

// While the list is stale, a gate that fails closed admits no socket, keeps those that it has,
// and ends them if it was told to ask again. A gate that fails open admits all.
func TestStaleList(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		opts        auth.Options
		in, leaving bool
	}{
		"closed":             {auth.Options{}, false, false},
		"open":               {auth.Options{DenylistFailure: auth.FailOpen}, true, false},
		"closed, asks again": {auth.Options{DenylistRecheck: time.Second}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newCluster(t, 0, c.opts)
			f.pace = denyredis.Impatient()
			opts := options("node")
			// Longer than a read may take. Otherwise the list may be stale right after a read.
			opts.MaxStale = 5 * time.Second
			n := f.join(opts)
			peer := n.srv.Dial(bearing(f.sign("bob", time.Minute)))
			f.redis.Freeze()
			redistest.Eventually(t, "the list is stale", func() bool { return !n.list.Available() })
			if n.gate.Available() != c.in {
				t.Errorf("Available is %t", n.gate.Available())
			}
			if c.in {
				_ = n.srv.Dial(bearing(f.sign("eve", time.Minute))).Close()
			}
			if c.leaving {
				ctx, cancel := context.WithTimeout(t.Context(), inTime)
				defer cancel()
				if err := peer.Ended(ctx); errors.Is(err, sockettest.ErrDisconnected) {
					t.Errorf("the socket ended with %v, want an end after which the client comes back", err)
				}
			} else if len(slices.Collect(n.gate.LeasesOf(auth.BySubject("i", "bob")))) != 1 {
				t.Error("the socket has ended")
			}
			thawed := time.Now()
			f.redis.Thaw()
			redistest.Eventually(t, "the gate admits again", func() bool { return n.gate.Available() && n.list.Health().Fresh.After(thawed) })
			_ = n.srv.Dial(bearing(f.sign("eve", time.Minute))).Close()
		})
	}
}

// With Redis away, the sockets of this node end, the error says so, and the other nodes follow
// when Redis answers again.
func TestRevokeWithoutRedis(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2, auth.Options{})
	ada := c.sign("ada", time.Minute)
	peers := []*sockettest.Peer{c.nodes[0].srv.Dial(bearing(ada)), c.nodes[1].srv.Dial(bearing(ada))}
	c.redis.Stop()
	revoked, err := c.nodes[0].gate.Revoke(t.Context(), auth.BySubject("i", "ada"), auth.RevokeOptions{Wait: time.Second})
	if !errors.Is(err, denyredis.ErrNotLogged) || revoked.Sockets != 1 {
		t.Errorf("%+v, %v", revoked, err)
	}
	gone(t, peers[0])
	c.nodes[0].srv.Refused(bearing(ada))
	if got := c.nodes[1].gate.Stats().Leased; got != 1 {
		t.Errorf("%d sockets of the other node, want 1", got)
	}
	c.redis.Restart()
	gone(t, peers[1])
	c.nodes[1].srv.Refused(bearing(ada))
}

// A gate with a shared list must know how long tokens are good.
func TestLongestTokenIsRequired(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1, auth.Options{})
	verifier, err := token.NewVerifier(c.key.Key(), token.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := auth.NewGate(verifier, auth.Options{Denylist: c.nodes[0].list}); err == nil {
		t.Error("a gate was made without LongestToken")
	}
}
