package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"socketiojwt/socketio"
	"socketiojwt/socketio/bustest"
	"socketiojwt/socketio/sockettest"
)

// cluster is one server, or several that are joined in memory, with peers spread over them.
type cluster struct {
	*fixture // of the first server, on which tests act
	hub      *bustest.Hub
	ids      []socketio.NodeID
	nodes    []*fixture
	rules    []*socketio.Rule
	ran      record // records of the handlers of all nodes
	peers    map[string]*sockettest.Peer
}

// clusterPeers are the peers of a cluster. The first one connects to the first node, and so on.
var clusterPeers = []struct{ name, namespace, rooms string }{
	{"a", "/", "x"}, {"b", "/", "x y"}, {"c", "/", "y"},
	{"d", "/", ""}, {"e", "/", "x"}, {"f", "/", "z"},
	{"g", "/dyn-1", "x"}, {"h", "/dyn-2", "x"}, {"i", "/dyn-1", ""},
}

// displayName is a value that other nodes may read.
var displayName = socketio.NewSharedKey[string]("name")

// inCluster runs a test in a cluster of size nodes, with all peers connected.
func inCluster(t *testing.T, size int, opts socketio.Options, test func(c *cluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{hub: bustest.New(), peers: make(map[string]*sockettest.Peer)}
		for i := range size {
			opts := opts
			c.ids = append(c.ids, c.hub.Join(&opts))
			f, stop := start(t, opts, func(srv *socketio.Server) { c.furnish(srv, i) })
			defer stop()
			c.nodes = append(c.nodes, f)
		}
		c.fixture = c.nodes[0]
		for i, p := range clusterPeers {
			c.peers[p.name] = c.nodes[i%size].dial(sockettest.Options{
				Namespace: p.namespace,
				Auth:      map[string]any{"name": p.name, "rooms": strings.Fields(p.rooms), "token": "secret"},
			})
		}
		synctest.Wait()
		test(c)
	})
}

// furnish makes the same registrations on each node.
func (c *cluster) furnish(srv *socketio.Server, node int) {
	rule := srv.OfPattern(regexp.MustCompile(`/dyn-\d`)).Open()
	c.rules = append(c.rules, rule)
	for _, m := range []*socketio.Mux{srv.Open().Mux, rule.Mux} {
		m.OnConnect(func(_ context.Context, s *socketio.Socket) error {
			var auth struct {
				Name  string
				Rooms []string
			}
			err := scan(s.Handshake().Auth, &auth)
			displayName.Set(s, auth.Name)
			return errors.Join(err, s.Join(auth.Rooms...))
		})
		m.OnDisconnect(func(ctx context.Context, s *socketio.Socket, reason socketio.Reason) {
			name, _ := displayName.Value(s)
			var ended *socketio.DisconnectError
			_ = errors.As(context.Cause(s.Context()), &ended)
			cause := ended.Err
			if how := (*socketio.Ending)(nil); errors.As(cause, &how) {
				cause = how.Err
			}
			c.ran.add(fmt.Sprintf("%s ended: %s: %v", name, reason, cause))
		})
		m.OnServerSide("hello", func(_ context.Context, e *socketio.ServerSideEvent) (any, error) {
			var text string
			err := e.Scan(&text)
			c.ran.add(fmt.Sprintf("node %d heard %s from %s", node+1, text, e.Node))
			return fmt.Sprintf("%s, says %d", text, node+1), err
		})
	}
}

// got returns the events that each peer has received, as "a:event b:event", and resets them.
func (c *cluster) got() string {
	synctest.Wait()
	var got []string
	for name, p := range c.peers {
		for _, event := range p.Events() {
			c.expect(p, event)
			got = append(got, name+":"+event)
		}
	}
	slices.Sort(got)
	return strings.Join(got, " ")
}

// socket returns the socket of a peer, on any node.
func (c *cluster) socket(name string) *socketio.Socket {
	c.t.Helper()
	for i, p := range clusterPeers {
		if p.name == name {
			for _, s := range c.nodes[i%len(c.nodes)].srv.Lookup(p.namespace).Sockets() {
				if s.ID() == c.peers[name].ID() {
					return s
				}
			}
		}
	}
	c.t.Fatalf("the socket of %s is not listed", name)
	return nil
}

// names returns the names of sockets by their IDs, sorted.
func (c *cluster) names(ids []string) string {
	var names []string
	for name, p := range c.peers {
		if slices.Contains(ids, p.ID()) {
			names = append(names, name)
		}
	}
	if len(names) != len(ids) {
		names = append(names, fmt.Sprintf("and %d unknown or twice", len(ids)-len(names)))
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// answering makes all peers except the silent ones acknowledge the next event with their names.
func (c *cluster) answering(event string, silent ...string) {
	for _, name := range slices.Sorted(maps.Keys(c.peers)) {
		go func() {
			e, err := c.peers[name].Expect(c.ctx, event)
			if err == nil && !slices.Contains(silent, name) {
				_ = e.Ack(name)
			}
		}()
	}
}

// answered returns which peers have answered, with what, and which have not.
func (c *cluster) answered(answers socketio.Answers) string {
	var said []string
	for _, a := range answers.List {
		var text string
		if err := a.Scan(&text); err != nil {
			text = err.Error()
		}
		said = append(said, c.names([]string{a.Socket})+" says "+text)
	}
	slices.Sort(said)
	return fmt.Sprintf("%s; missing: %s, %d unnamed", strings.Join(said, ", "), c.names(answers.Missing), answers.Unnamed)
}
