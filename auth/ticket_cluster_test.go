package auth_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/internal/memnet"
	"socketiojwt/socketio"
	"socketiojwt/socketio/bustest"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// inCluster runs a test with servers of one cluster, whose gates are shared.
func inCluster(t *testing.T, n int, opts auth.Options, test func(hub *bustest.Hub, ids []socketio.NodeID, nodes []*fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		hub := bustest.New()
		var ids []socketio.NodeID
		var nodes []*fixture
		for range n {
			var server socketio.Options
			ids = append(ids, hub.Join(&server))
			f, stop := startNode(t, server, opts)
			defer stop()
			nodes = append(nodes, f)
		}
		test(hub, ids, nodes)
		synctest.Wait()
	})
}

// startNode starts a server whose gate is shared.
func startNode(t *testing.T, server socketio.Options, opts auth.Options) (f *fixture, stop func()) {
	t.Helper()
	srv, err := socketio.NewServer(server)
	if err != nil {
		t.Fatal(err)
	}
	f = &fixture{t: t, srv: srv, in: memnet.Listen()}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.NewTextHandler(&f.log, nil))
	}
	f.gate = newGate(t, verifierOf(t, token.Secret(secret), token.Options{Leeway: -1, NumericSubject: true}), opts)
	if err := f.gate.Share(srv, "chat"); err != nil {
		t.Fatal(err)
	}
	f.furnish(srv.Namespace, f.gate.Handshake)
	handler, err := srv.Handler()
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: handler}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = web.Serve(f.in)
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 1000*time.Hour)
	f.ctx = ctx
	return f, func() {
		cancel()
		_ = srv.Close()
		_ = web.Close()
		<-served
	}
}

// A ticket is good on a node that has not made it, once in the whole cluster. The lease is that
// of the token, with the claims of that.
func TestTicketOnAnotherNode(t *testing.T) {
	opts := ticketed()
	opts.KeepEncoded = true
	inCluster(t, 3, opts, func(_ *bustest.Hub, _ []socketio.NodeID, nodes []*fixture) {
		compact := sign(claims{"sub": 7, "jti": "x", "name": "\u2028<é>", "aud": []string{"a", "b"}})
		ticket := nodes[0].ticket(compact, "https://app.example", auth.TicketOptions{})
		o := inQuery(ticket)
		p := nodes[1].dial(o)
		if got := nodes[1].whoami(p); got != "7" {
			t.Errorf("it is %q", got)
		}
		want, err := verifierOf(t, token.Secret(secret), token.Options{Leeway: -1, NumericSubject: true}).Verify(context.Background(), compact)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range nodes[1].srv.Sockets() {
			lease := auth.Current(s)
			got := lease.Token
			if got.Hash != want.Hash || string(got.RawClaims()) != string(want.RawClaims()) || got.ID != "x" || len(got.Audience()) != 2 ||
				got.Header().Algorithm != want.Header().Algorithm || !got.ValidUntil().Equal(want.ValidUntil()) || !lease.Until.Equal(want.ValidUntil()) || lease.Encoded != compact {
				t.Errorf("%v until %s", lease, lease.Until)
			}
		}
		for i, n := range nodes {
			n.refusedTicket("a second use", o)
			if auth.TicketsLeft(n.gate) != 0 {
				t.Errorf("node %d keeps tickets", i)
			}
		}
	})
}

// A ticket that is bound is bound on every node, and two nodes cannot both take it.
func TestTicketIsTakenOnceInACluster(t *testing.T) {
	inCluster(t, 3, ticketed(), func(_ *bustest.Hub, _ []socketio.NodeID, nodes []*fixture) {
		for range 20 {
			ticket := nodes[0].ticket(sign(nil), "", auth.TicketOptions{})
			var admitted record
			var all sync.WaitGroup
			for _, n := range nodes {
				for range 3 {
					all.Go(func() {
						if _, err := n.try(inQuery(ticket)); err == nil {
							admitted.add("")
						}
					})
				}
			}
			all.Wait()
			if n := len(admitted.all()); n != 1 {
				t.Errorf("%d admitted", n)
			}
		}
		bound := nodes[0].ticket(sign(nil), "", auth.TicketOptions{Namespace: "/other"})
		nodes[2].refusedTicket("another namespace", inQuery(bound))
		other := inQuery(nodes[0].ticket(sign(nil), "http://server", auth.TicketOptions{}))
		other.Header = http.Header{"Origin": {"http://server:80"}} // allowed by the server, but another text
		nodes[2].refusedTicket("another origin", other)
	})
}

// A node that does not answer, and one that has restarted, cost a bounded time, and the ticket
// is refused.
func TestTicketOfANodeThatDoesNotAnswer(t *testing.T) {
	inCluster(t, 2, ticketed(), func(hub *bustest.Hub, ids []socketio.NodeID, nodes []*fixture) {
		ticket := nodes[0].ticket(sign(nil), "", auth.TicketOptions{})
		hub.Stall(ids[0], true)
		began := time.Now()
		nodes[1].refusedTicket("no answer", inQuery(ticket))
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("it took %s", took)
		}
		hub.Stall(ids[0], false)
		synctest.Wait()
		nodes[0].refusedTicket("the question took it", inQuery(ticket))

		ticket = nodes[0].ticket(sign(nil), "", auth.TicketOptions{})
		var server socketio.Options
		hub.Join(&server)
		again, stop := startNode(nodes[0].t, server, ticketed())
		defer stop()
		_ = nodes[0].srv.Close() // the process that has made the ticket ends
		began = time.Now()
		again.refusedTicket("after a restart", inQuery(ticket))
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// Text that no node has made is refused at once and asks no node, however many peers show it.
func TestJunkTicketsAskNoNode(t *testing.T) {
	inCluster(t, 2, ticketed(), func(hub *bustest.Hub, ids []socketio.NodeID, nodes []*fixture) {
		ticket := nodes[0].ticket(sign(nil), "", auth.TicketOptions{})
		hub.Stall(ids[0], true)
		began := time.Now()
		for _, at := range []int{0, 20, 60} {
			junk := []byte(ticket)
			junk[at] ^= 3
			nodes[1].refusedTicket("junk", inQuery(string(junk)))
		}
		nodes[1].refusedTicket("junk", inQuery(strings.Repeat("A", len(ticket))))
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %s", took)
		}
	})
}

// Messages of other versions and other forms are ignored.
func TestTicketMessagesAreChecked(t *testing.T) {
	inCluster(t, 2, ticketed(), func(_ *bustest.Hub, ids []socketio.NodeID, nodes []*fixture) {
		ticket := nodes[0].ticket(sign(nil), "", auth.TicketOptions{})
		for _, payload := range []string{
			"", "null", "{}", `{"v":1,"id":"AAAAAAAAAAAAAAAAAAAAAA=="}`, `{"v":2,"id":"AA=="}`, `{"v":2,"id":"AAAAAAAAAAAAAAAAAAAAAA==","answer":true}`,
			`{"v":2,"id":"AAAAAAAAAAAAAAAAAAAAAA==","node":"AA==","ticket":"AA=="}`, `{"v":2,"id":"AAAAAAAAAAAAAAAAAAAAAA==","answer":true,"found":{}}`,
			`{"v":2,"id":"AAAAAAAAAAAAAAAAAAAAAA==","answer":true,"found":"AAAA"}`,
		} {
			_ = nodes[1].srv.PublishExtension("auth.ticket:chat", []byte(payload))
			_ = nodes[1].srv.SendExtension(ids[0], "auth.ticket:chat", []byte(payload))
		}
		synctest.Wait()
		nodes[1].dial(sockettest.Options{Auth: map[string]any{"ticket": ticket}})
	})
}

// Further tickets of a node that has not answered cost little, until it answers again. A ticket that
// was used asks no node.
func TestTicketsOfASilentNode(t *testing.T) {
	inCluster(t, 2, ticketed(), func(hub *bustest.Hub, ids []socketio.NodeID, nodes []*fixture) {
		show := func(what, ticket string, want time.Duration) {
			t.Helper()
			began := time.Now()
			nodes[1].refusedTicket(what, inQuery(ticket))
			if took := time.Since(began); took != want {
				t.Errorf("%s took %s, want %s", what, took, want)
			}
		}
		var tickets []string
		for range 6 {
			tickets = append(tickets, nodes[0].ticket(sign(nil), "", auth.TicketOptions{Lifetime: 5 * time.Minute}))
		}
		hub.Stall(ids[0], true)
		show("the first", tickets[0], 2*time.Second)
		show("the second", tickets[1], 100*time.Millisecond)
		show("the third", tickets[2], 100*time.Millisecond)
		hub.Stall(ids[0], false)
		synctest.Wait()
		_ = nodes[1].dial(inQuery(tickets[3])).Close()
		hub.Stall(ids[0], true)
		show("one that was used", tickets[3], 0)
		show("the first after an answer", tickets[4], 2*time.Second)
		hub.Stall(ids[0], false)
	})
}
