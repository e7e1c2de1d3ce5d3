package bustest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/bustest"
	"socketiojwt/socketio/sockettest"
)

// This example joins two servers in one process. A broadcast reaches a socket of the other
// server.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	hub := bustest.New()
	var peers []*sockettest.Peer
	var servers []*socketio.Server
	for range 2 {
		var opts socketio.Options
		hub.Join(&opts)
		srv, err := socketio.NewServer(opts)
		if err != nil {
			log.Fatal(err)
		}
		srv.Open()
		handler, err := srv.Handler()
		if err != nil {
			log.Fatal(err)
		}
		web := httptest.NewServer(handler)
		defer web.Close()
		defer func() { _ = srv.Close() }()
		peer, err := sockettest.Dial(ctx, web.URL, sockettest.Options{})
		if err != nil {
			log.Fatal(err)
		}
		servers, peers = append(servers, srv), append(peers, peer)
	}
	if err := servers[0].To(peers[1].ID()).Emit("hello", "from afar"); err != nil {
		log.Fatal(err)
	}
	e, err := peers[1].Expect(ctx, "hello")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(e)
	// Output: hello("from afar")
}

// join makes a Bus as a server does, and returns the messages delivered to it.
func join(t *testing.T, hub *bustest.Hub) (socketio.NodeID, socketio.Bus, *[]socketio.Message) {
	t.Helper()
	var opts socketio.Options
	id := hub.Join(&opts)
	came := new([]socketio.Message)
	bus, err := opts.Bus(func(m socketio.Message) { *came = append(*came, m) })
	if err != nil || len(opts.ClusterKey) < 16 {
		t.Fatal(err)
	}
	if _, err := opts.Bus(nil); err == nil {
		t.Error("a node joined twice")
	}
	return id, bus, came
}

// Messages reach the other nodes in order, with their sender. A node that has left receives
// nothing and is not counted.
func TestHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := bustest.New()
		one, a, toA := join(t, hub)
		two, b, toB := join(t, hub)
		for i := range 3 {
			if err := a.Publish(&socketio.Message{Kind: socketio.KindCount, From: "forged", Count: i}); err != nil {
				t.Fatal(err)
			}
		}
		hub.Stall(two, true)
		synctest.Wait()
		_ = a.Publish(&socketio.Message{Kind: socketio.KindCount, Count: 3})
		synctest.Wait()
		if n := len(*toB); n == 4 {
			t.Error("a stalled node received a message")
		}
		hub.Stall(two, false)
		synctest.Wait()
		_ = b.Reply(one, &socketio.Message{Kind: socketio.KindAnswer})
		_ = b.Reply("unknown", &socketio.Message{Kind: socketio.KindAnswer})
		if asked, err := a.Ask(t.Context(), &socketio.Message{Kind: socketio.KindCount, Count: 4}); err != nil || !slices.Equal(asked.Nodes, []socketio.NodeID{two}) {
			t.Errorf("asked %+v, %v", asked, err)
		}
		synctest.Wait()
		var counts []int
		for _, m := range *toB {
			counts = append(counts, m.Count)
		}
		if !slices.Equal(counts, []int{0, 1, 2, 3, 4}) || (*toB)[0].From != one || len(*toA) != 1 || (*toA)[0].From != two {
			t.Errorf("%v, %v", *toB, *toA)
		}
		a.(socketio.RoomWatcher).Rooms("/", []string{"x", "y"}, nil)
		a.(socketio.RoomWatcher).Rooms("/", []string{"z"}, []string{"x"})
		if got := hub.Rooms(one, "/"); !slices.Equal(got, []string{"y", "z"}) || hub.Rooms(two, "/") != nil {
			t.Errorf("rooms %q", got)
		}
		_ = b.Close(t.Context())
		synctest.Wait()
		if last := (*toA)[len(*toA)-1]; last.Kind != socketio.KindGone || last.From != two {
			t.Errorf("after the other node has left: %+v", last)
		}
		if asked, err := a.Ask(t.Context(), &socketio.Message{}); len(asked.Nodes) != 0 || err != nil || a.Publish(&socketio.Message{}) != nil || hub.Rooms(two, "/") != nil {
			t.Errorf("%+v, %v", asked, err)
		}
	})
}

// The memory for a node that receives nothing is bounded.
func TestBacklog(t *testing.T) {
	hub := bustest.New()
	_, a, _ := join(t, hub)
	two, _, _ := join(t, hub)
	hub.Stall(two, true)
	for range 200_000 {
		if err := a.Publish(&socketio.Message{}); err != nil {
			if !errors.Is(err, bustest.ErrBacklog) {
				t.Error(err)
			}
			return
		}
	}
	t.Error("no bound")
}
