package auth_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/bustest"
	"socketiojwt/socketio/sockettest"
)

// Revoke, Block and Unblock on one node apply on all of them, also to tokens that the issuer's
// clock has dated ahead.
func TestRevokeInACluster(t *testing.T) {
	inCluster(t, 3, auth.Options{}, func(_ *bustest.Hub, _ []socketio.NodeID, nodes []*fixture) {
		compact := sign(issued("7"))
		ahead := sign(named("7").with("iat", time.Now().Add(time.Minute).Unix()))
		var revoked, others []*sockettest.Peer
		for i, n := range nodes {
			revoked = append(revoked, n.dial(sockettest.Options{Auth: bearing([]string{compact, compact, ahead}[i])}))
			others = append(others, n.dial(sockettest.Options{Auth: bearing(sign(claims{"sub": "eve"}))}))
		}
		nodes[0].revoke(ada, auth.RevokeOptions{Reason: "stolen"}, 1)
		for i, n := range nodes {
			n.revoked(revoked[i])
			if got := n.whoami(others[i]); got != "eve" {
				t.Errorf("node %d: the other one is %s", i, got)
			}
			n.refusedAs("handshake", compact, "token_revoked")
			n.refusedAs("handshake", ahead, "token_revoked")
		}
		if log := nodes[1].log.String(); !strings.Contains(log, `msg="auth: revoked by another node" match=1/sub/https:%2F%2Fissuer/ada why=stolen`) || !strings.Contains(log, `sockets=1 node="node 1"`) {
			t.Errorf("log of another node:\n%s", log)
		}
		time.Sleep(time.Second)
		fresh := sign(issued("8"))
		for _, n := range nodes {
			n.refusedAs("handshake", fresh, "")
		}
		if _, err := nodes[1].gate.Block(nodes[1].ctx, "https://issuer", "ada", auth.RevokeOptions{}); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		for _, n := range nodes {
			n.refusedAs("handshake", fresh, "token_revoked")
		}
		if err := nodes[2].gate.Unblock(nodes[2].ctx, "https://issuer", "ada", ""); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		for _, n := range nodes {
			n.refusedAs("handshake", fresh, "")
			n.refusedAs("handshake", compact, "token_revoked")
		}
	})
}

// The other nodes are told before the peers are, because a peer may come back to another node at once.
func TestRevokeTellsTheNodesFirst(t *testing.T) {
	log := slog.New(slowLog{slog.DiscardHandler, "auth: lease revoked", time.Minute})
	inCluster(t, 2, auth.Options{Logger: log}, func(_ *bustest.Hub, _ []socketio.NodeID, nodes []*fixture) {
		compact := sign(issued("7"))
		p := nodes[0].dial(sockettest.Options{Auth: bearing(compact)})
		go nodes[0].revoke(ada, auth.RevokeOptions{}, 1)
		nodes[0].nothing(p) // the revocation writes to the log
		nodes[1].refusedAs("handshake", compact, "token_revoked")
		time.Sleep(time.Minute)
		nodes[0].revoked(p)
	})
}

// Nodes that start later fetch the entries of the others, in pages, with the first socket, and
// end those that they have admitted meanwhile. Nodes that have just started do not answer each
// other, because their lists are empty.
func TestNodesThatStartLater(t *testing.T) {
	inCluster(t, 1, auth.Options{}, func(hub *bustest.Hub, _ []socketio.NodeID, nodes []*fixture) {
		nodes[0].dial(sockettest.Options{Auth: bearing(sign(claims{"sub": "eve"}))})
		time.Sleep(10 * time.Second) // no other node answers
		nodes[0].revoke(ada, auth.RevokeOptions{}, 0)
		for i := range 2500 {
			_, _ = nodes[0].gate.Block(nodes[0].ctx, "https://issuer", fmt.Sprint("subject ", i), auth.RevokeOptions{Reason: strings.Repeat("x", 500)})
		}
		var late []*fixture
		var peers []*sockettest.Peer
		for range 3 {
			var server socketio.Options
			hub.Join(&server)
			n, stop := startNode(nodes[0].t, server, auth.Options{})
			defer stop()
			late = append(late, n)
			peers = append(peers, n.dial(sockettest.Options{Auth: bearing(sign(named("7")))}))
		}
		for i, n := range late {
			if told, _ := n.unauthorized(peers[i]); told.Reason != "token_revoked" {
				t.Errorf("told %+v", told)
			}
			time.Sleep(time.Second)
			if got := n.gate.Stats().Denied; got != 2501 {
				t.Errorf("node %d has %d entries", i, got)
			}
			n.refusedAs("handshake", sign(named("7")), "token_revoked")
			if log := n.log.String(); !strings.Contains(log, `msg="auth: the entries of the denylist were fetched from another node" node="node 1" entries=2501`) {
				t.Errorf("log:\n%s", log)
			}
		}
		if log := nodes[0].log.String(); !strings.Contains(log, "no other node has answered") {
			t.Errorf("log of the first node:\n%s", log)
		}
	})
}

// A node that answers goes away, and another one continues with the next page.
func TestFetchContinuesWithAnotherNode(t *testing.T) {
	inCluster(t, 2, auth.Options{}, func(hub *bustest.Hub, ids []socketio.NodeID, nodes []*fixture) {
		for _, n := range nodes {
			n.dial(sockettest.Options{Auth: bearing(sign(claims{"sub": "eve"}))})
		}
		time.Sleep(10 * time.Second)
		for i := range 1500 {
			_, _ = nodes[0].gate.Block(nodes[0].ctx, "https://issuer", fmt.Sprint("subject ", i), auth.RevokeOptions{})
		}
		synctest.Wait()
		var server socketio.Options
		hub.Join(&server)
		list := &closing{Denylist: auth.NewDenylist(auth.DenylistOptions{})}
		n, stop := startNode(nodes[0].t, server, auth.Options{Denylist: list})
		defer stop()
		list.then = func() { // the next question is not answered
			hub.Stall(ids[0], true)
			hub.Stall(ids[1], true)
			time.AfterFunc(3*time.Second, func() { hub.Stall(ids[1], false) })
		}
		n.dial(sockettest.Options{Auth: bearing(sign(claims{"sub": "eve"}))})
		time.Sleep(20 * time.Second)
		if got, err := list.List(n.ctx, "", 10_000); err != nil || len(got) != 1500 {
			t.Errorf("it has %d entries, %v", len(got), err)
		}
		hub.Stall(ids[0], false)
	})
}

// closing is a Denylist that calls a function when the first entry is added.
type closing struct {
	auth.Denylist
	then func()
}

func (d *closing) Add(ctx context.Context, r auth.Revocation) error {
	if d.then != nil {
		d.then()
		d.then = nil
	}
	return d.Denylist.Add(ctx, r)
}

// Malformed and hostile messages are ignored and logged, and the log is bounded.
func TestMessagesAboutRevocationsAreChecked(t *testing.T) {
	inCluster(t, 2, auth.Options{}, func(_ *bustest.Hub, ids []socketio.NodeID, nodes []*fixture) {
		p := nodes[0].dial(sockettest.Options{Auth: bearing(sign(named("7")))})
		match := `"match":"1/sub/https:%2F%2Fissuer/ada"`
		entry := `{` + match + `,"at":"2000-01-01T00:00:00Z"}`
		for range 20 {
			for _, payload := range []string{
				"", "null", "{}", "[]", `{"v":1}`, `{"v":2,"add":[` + entry + `]}`, `{"v":1,"add":[{}]}`, `{"v":1,"add":[{"match":""}]}`, `{"v":1,"add":[{"match":"1/sub//"}]}`,
				`{"v":1,"add":[{` + match + `,"until":"1999-01-01T00:00:00Z"}]}`, `{"v":1,"add":[{` + match + `,"until":"soon"}]}`, `{"v":1,"add":[{` + match + `,` + match + `}]}`,
				`{"v":1,"add":[{` + match + `,"reason":"` + strings.Repeat("x", 501) + `"}]}`, `{"v":1,"add":[` + strings.Repeat(entry+",", 100) + entry + `]}`,
				`{"v":1,"remove":""}`, `{"v":1,"remove":"x"}`, `{"v":1,"ask":{}}`, `{"v":1,"ask":{"id":1}}`, `{"v":1,"page":{"entries":[` + entry + `]}}`,
				`{"v":1,"page":{"id":"guess","entries":[` + entry + `],"next":"a"}}`, strings.Repeat("[", 1<<19),
			} {
				_ = nodes[1].srv.SendExtension(ids[0], "auth:chat", []byte(payload))
			}
		}
		synctest.Wait()
		time.Sleep(time.Second)
		if got := nodes[0].whoami(p); got != "ada" || nodes[0].gate.Stats().Denied != 0 {
			t.Errorf("it is %s, and there are %d entries", got, nodes[0].gate.Stats().Denied)
		}
		if n := strings.Count(nodes[0].log.String(), "level=WARN"); n == 0 || n > 10 {
			t.Errorf("%d lines at level Warn:\n%s", n, nodes[0].log.String())
		}
	})
}

// A node that gets more messages than it can handle drops some, and fetches all entries then.
func TestTooManyMessagesAboutRevocations(t *testing.T) {
	inCluster(t, 1, auth.Options{}, func(hub *bustest.Hub, _ []socketio.NodeID, nodes []*fixture) {
		nodes[0].dial(sockettest.Options{Auth: bearing(sign(claims{"sub": "eve"}))})
		time.Sleep(10 * time.Second)
		var server socketio.Options
		hub.Join(&server)
		list := &slowList{auth.NewDenylist(auth.DenylistOptions{})}
		n, stop := startNode(nodes[0].t, server, auth.Options{Denylist: list})
		defer stop()
		for i := range 12_000 {
			_, _ = nodes[0].gate.Block(nodes[0].ctx, "https://issuer", fmt.Sprint("subject ", i), auth.RevokeOptions{})
		}
		time.Sleep(time.Minute)
		if got := n.gate.Stats().Denied; got != 12_000 {
			t.Errorf("it has %d entries:\n%s", got, n.log.String())
		}
		if log := n.log.String(); !strings.Contains(log, "some were dropped") {
			t.Error("nothing was dropped")
		}
	})
}

// slowList is a Denylist that takes time to add an entry.
type slowList struct{ *auth.MemoryDenylist }

func (d *slowList) Add(ctx context.Context, r auth.Revocation) error {
	time.Sleep(time.Millisecond)
	return d.MemoryDenylist.Add(ctx, r)
}

func TestShareIsChecked(t *testing.T) {
	srv, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		t.Fatal(err)
	}
	gate := newGate(t, verifier(t), auth.Options{})
	if gate.Share(srv, "") == nil || gate.Share(srv, "a") != nil || gate.Share(srv, "b") == nil {
		t.Error("Share accepts an empty name, or a second call")
	}
	if got, err := gate.Revoke(t.Context(), ada, auth.RevokeOptions{}); err != nil || got.Sockets != 0 {
		t.Errorf("without a bus: %+v, %v", got, err)
	}
}
