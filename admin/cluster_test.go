package admin_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"socketiojwt/admin"
	"socketiojwt/auth"
	"socketiojwt/internal/redistest"
	"socketiojwt/socketio"
	"socketiojwt/socketio/bustest"
	"socketiojwt/socketio/sockettest"
)

// newNodes returns the APIs of n nodes of a cluster, the hub of the nodes, and their IDs.
func newNodes(t *testing.T, n int) (nodes []*fixture, hub *bustest.Hub, ids []socketio.NodeID) {
	t.Helper()
	hub = bustest.New()
	for range n {
		var opts socketio.Options
		ids = append(ids, hub.Join(&opts))
		nodes = append(nodes, newNode(t, opts, ids[len(ids)-1]))
	}
	for i, f := range nodes {
		for j, id := range ids {
			if i != j {
				f.nodes.Others = append(f.nodes.Others, admin.Node{ID: string(id)})
			}
		}
	}
	return nodes, hub, ids
}

// path returns the URL of a lease.
func path(id string, more string) string { return "/leases/" + url.PathEscape(id) + more }

// One API lists, counts, shows, refreshes and disconnects the sockets of all nodes, page by page.
func TestCluster(t *testing.T) {
	nodes, _, ids := newNodes(t, 3)
	peers := map[string]*sockettest.Peer{}
	for i := range 24 {
		subject := fmt.Sprint("user", i)
		peers[subject] = nodes[i%3].dial(map[string]any{"sub": subject, "iss": "i", "sid": "s"})
	}
	first := nodes[0]
	for _, query := range []string{"", "issuer=i", "issuer=i&sessionId=s"} {
		seen := map[string]lease{}
		pages := 0
		for after := ""; ; pages++ {
			var p page
			first.call("GET", "/leases?limit=5&"+query+then("&after=", url.QueryEscape(after)), "", http.StatusOK, &p)
			for _, l := range p.Leases {
				if _, twice := seen[l.ID]; twice || !strings.HasPrefix(l.ID, l.Node+".main.") {
					t.Fatalf("%+v, listed twice: %t", l, twice)
				}
				seen[l.ID] = l
			}
			if after = p.Next; after == "" {
				break
			}
		}
		if len(seen) != 24 || pages != 4 {
			t.Errorf("%q: %d sockets in %d pages", query, len(seen), pages+1)
		}
		var c struct{ Count int }
		first.call("GET", "/leases/count?"+query, "", http.StatusOK, &c)
		if c.Count != 24 {
			t.Errorf("%q: %d counted", query, c.Count)
		}
	}
	var p page
	first.call("GET", "/leases?issuer=i&subject=user2", "", http.StatusOK, &p)
	if len(p.Leases) != 1 || p.Leases[0].Node != string(ids[2]) {
		t.Fatalf("%+v", p)
	}
	var one lease
	first.call("GET", path(p.Leases[0].ID, ""), "", http.StatusOK, &one)
	if one != p.Leases[0] {
		t.Errorf("shown %+v, listed %+v", one, p.Leases[0])
	}
	first.call("POST", path(one.ID, "/refresh"), "", http.StatusNoContent, nil)
	if _, err := peers["user2"].Expect(t.Context(), "token_expiring"); err != nil {
		t.Error(err)
	}
	first.call("POST", path(one.ID, "/disconnect"), "", http.StatusNoContent, nil)
	if err := peers["user2"].Ended(t.Context()); !errors.Is(err, sockettest.ErrDisconnected) {
		t.Errorf("the socket ended with %v", err)
	}
	if !strings.Contains(first.log.String(), "admin: disconnected") {
		t.Errorf("log: %s", &first.log)
	}
	first.call("GET", path(one.ID, ""), "", http.StatusNotFound, nil)
	for _, id := range []string{"x", "node 2.main", "node 9.main.x", "node 2.other.x", "node 2.main.x"} {
		first.call("GET", path(id, ""), "", http.StatusNotFound, nil)
	}
}

// Results without a node that does not answer name it, and it costs time once.
func TestClusterWithoutANode(t *testing.T) {
	nodes, hub, ids := newNodes(t, 3)
	for i := range 6 {
		nodes[i%3].dial(map[string]any{"sub": fmt.Sprint("user", i), "iss": "i"})
	}
	var p page
	nodes[0].call("GET", "/leases?issuer=i&subject=user1", "", http.StatusOK, &p)
	if len(p.Leases) != 1 {
		t.Fatalf("%+v", p)
	}
	hub.Stall(ids[1], true)
	id := p.Leases[0].ID
	began := time.Now()
	for range 3 {
		p = page{}
		nodes[0].call("GET", "/leases", "", http.StatusOK, &p)
		if len(p.Leases) != 4 || !slices.Equal(p.Missing, []string{string(ids[1])}) {
			t.Errorf("%+v", p)
		}
		var c struct {
			Count   int
			Missing []string
		}
		nodes[0].call("GET", "/leases/count", "", http.StatusOK, &c)
		if c.Count != 4 || !slices.Equal(c.Missing, []string{string(ids[1])}) {
			t.Errorf("%+v", c)
		}
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("it took %v", took)
	}
	nodes[0].call("POST", path(id, "/disconnect"), "", http.StatusServiceUnavailable, nil)
	hub.Stall(ids[1], false)
	redistest.Eventually(t, "the node is asked again", func() bool {
		p = page{}
		nodes[0].call("GET", "/leases", "", http.StatusOK, &p)
		return len(p.Leases) == 6 && p.Missing == nil
	})
}

// Messages of other nodes that are malformed end nothing.
func TestClusterMessages(t *testing.T) {
	nodes, _, ids := newNodes(t, 2)
	nodes[0].dial(map[string]any{"sub": "ada"})
	for _, payload := range []string{
		"", "null", "[]", `{"v":2}`, `{"v":1,"id":"1","answer":true,"leases":[{}]}`, `{"v":1,"ask":"list","limit":-1}`, `{"v":1,"ask":"list","query":"%zz"}`,
		`{"v":1,"ask":"show"}`, `{"v":1,"ask":"disconnect","lease":"main."}`, `{"v":1,"ask":"nothing"}`, `{"v":1,"ask":"list","after":"x.y.z","limit":100000000}`,
	} {
		if err := nodes[1].node.SendExtension(ids[0], "admin", []byte(payload)); err != nil {
			t.Fatal(err)
		}
	}
	var c struct{ Count int }
	nodes[1].call("GET", "/leases/count", "", http.StatusOK, &c)
	if c.Count != 1 {
		t.Errorf("%d sockets, want 1", c.Count)
	}
}

// The token of an operator is revoked on all nodes, and only if the gate of operators is named.
func TestOperatorsAreRevoked(t *testing.T) {
	nodes, _, _ := newNodes(t, 2)
	stolen := nodes[0].operator(map[string]any{"sub": "mallory", "iss": "i", "jti": "7"})
	other := nodes[1].operator(map[string]any{"sub": "mallory", "iss": "i", "jti": "8"})
	nodes[0].call("POST", "/revocations", `{"issuer":"i","tokenId":"7"}`, http.StatusOK, nil)
	nodes[0].callAs(stolen, "GET", "/stats", "", http.StatusOK, nil)
	nodes[0].call("POST", "/revocations", `{"gate":"operators","issuer":"i","tokenId":"7"}`, http.StatusOK, nil)
	nodes[0].callAs(stolen, "GET", "/stats", "", http.StatusUnauthorized, nil)
	redistest.Eventually(t, "the other node refuses the token", func() bool {
		var list revocations
		nodes[1].call("GET", "/revocations?gate=operators", "", http.StatusOK, &list)
		return len(list.Revocations) == 1
	})
	nodes[1].callAs(other, "GET", "/stats", "", http.StatusOK, nil)
}

// A page of a user with many sockets keeps only the first ones.
func TestFirstLeases(t *testing.T) {
	var all []auth.LeaseInfo
	for i := range 100 {
		all = append(all, auth.LeaseInfo{ID: fmt.Sprintf("%03d", i*37%100)})
	}
	got := admin.First(all, 7)
	for i, l := range got {
		if want := fmt.Sprintf("%03d", i); l.ID != want || len(got) != 7 {
			t.Errorf("%d: %s, want %s", i, l.ID, want)
		}
	}
}
