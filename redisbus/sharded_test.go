package redisbus_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
	"socketiojwt/socketio"
)

const twenty = "a room of 20 letters" // the length of a socket's id

// A node sends to the channel that the other nodes of its mode hear.
func TestShardedModes(t *testing.T) {
	redis := redistest.Start(t)
	all := "socket.io#/#"
	sender := redis.ShardSubscribe(all, all+"short#", all+twenty+"#", all+"1234#")
	for _, test := range []struct {
		mode          redisbus.Mode
		short, twenty string
	}{
		{redisbus.Dynamic, all + "short#", all},
		{redisbus.DynamicPrivate, all + "short#", all + twenty + "#"},
		{redisbus.Static, all, all},
	} {
		n := start(t, redis.Addr(), redisbus.Options{Wire: redisbus.Sharded, Mode: test.mode}, open)
		_ = n.To("short").Emit("e")
		_ = n.To(twenty).Emit("e")
		_ = n.To("short", twenty).Emit("e")
		_ = n.To("short").Except("1234").Emit("e")
		_ = n.Emit("e")
		_ = n.To("short").SocketsJoin("other")
		for i, want := range []string{test.short, test.twenty, all, test.short, all, all} {
			if m := sender.Next(); m.Channel != want {
				t.Errorf("mode %d, message %d: sent to %s, want %s: %s", test.mode, i, m.Channel, want, m.Payload)
			}
		}
	}
}

// A node hears nodes of all modes, whatever its own is.
func TestShardedHearsAllModes(t *testing.T) {
	redis := redistest.Start(t)
	p := at(redisbus.Sharded, redis)
	p.opts.Mode = redisbus.Static
	n := p.start(t)
	peer := n.dial("short", twenty, "1234")
	id := peer.ID()
	if len(id) != 20 {
		t.Errorf("the socket's id has %d characters", len(id))
	}
	inRoom(t, p, 1, "short", twenty, "1234", id)
	for i, m := range []struct{ channel, rooms string }{
		{"", ``},
		{"", `"short"`},
		{"", `"` + id + `"`},
		{"short#", `"short"`},
		{twenty + "#", `"` + twenty + `"`},
		{id + "#", `"` + id + `"`},
		{"1234#", `1234`}, // a number is the room of the same name
		{"", `"none",1234`},
	} {
		message := fmt.Sprintf(`{"type":3,"data":{"packet":{"type":2,"data":["e",%d]},"opts":{"rooms":[%s],"except":[],"flags":{}}},"uid":"de630410ad523ad6","nsp":"/"}`, i, m.rooms)
		if heard := redis.ShardPublish("socket.io#/#"+m.channel, message); heard != 1 {
			t.Errorf("%s: %d subscribers", m.channel, heard)
		}
		e, err := peer.Next(n.ctx)
		if want := fmt.Sprintf("e(%d)", i); err != nil || fmt.Sprint(e) != want {
			t.Fatalf("received %v, %v; want %s", e, err, want)
		}
	}
}

// The ids of sockets of old clients in other namespaces are longer than 20 characters, so a node
// of Node's adapter sends to a channel of their own.
func TestTrap9LongSocketIDs(t *testing.T) {
	redis := redistest.Start(t)
	p := at(redisbus.Sharded, redis)
	n := startWith(t, p.client, p.opts, func(srv *socketio.Server) {
		open(srv)
		join(srv.Of("/nsp").Open().Mux)
	})
	long := "/nsp#abcdefghijklmnopqrst" // joined as a room, because what matters is its name
	peer := n.dialTo("/nsp", long)
	settle(t, p, 1, "socket.io#/nsp#"+long+"#")
	redis.ShardPublish("socket.io#/nsp#"+long+"#", `{"type":3,"data":{"packet":{"type":2,"data":["e"]},"opts":{"rooms":["`+long+`"],"except":[],"flags":{}}},"uid":"de630410ad523ad6","nsp":"/nsp"}`)
	expect(t, n.ctx, peer, "e", "e()")
}

// The channel of replies to a node has the name of the channel of a room that is named like the
// node. Messages for the room arrive once.
func TestShardedRoomNamedLikeANode(t *testing.T) {
	redis := redistest.Start(t)
	p := at(redisbus.Sharded, redis)
	p.opts.Mode = redisbus.DynamicPrivate
	a, b := p.start(t), p.start(t)
	name := string(b.bus.ID())
	peer := b.dial(name, "fence")
	inRoom(t, p, 1, "fence", name)
	_ = a.To(name).Emit("e")
	_ = a.To("fence").Emit("end")
	expect(t, b.ctx, peer, "e", "e()")
	if e, err := peer.Next(b.ctx); err != nil || e.Name != "end" {
		t.Errorf("received %v, %v; want the end", e, err)
	}
	if infos, err := a.FetchSockets(a.ctx); err != nil || len(infos) != 1 {
		t.Errorf("fetched %v, %v", infos, err)
	}
	_ = peer.Close()
	settle(t, p, 0, "socket.io#/#fence#")
	if infos, err := a.FetchSockets(a.ctx); err != nil || len(infos) != 0 {
		t.Errorf("fetched %v, %v after the room has gone", infos, err)
	}
}

// Other software answers in its form, and a subscriber that does not answer is learnt.
func TestShardedForeignNode(t *testing.T) {
	redis := redistest.Start(t)
	p := at(redisbus.Sharded, redis)
	a, b := p.start(t), p.start(t)
	mine := b.dial("x")
	inRoom(t, p, 1, "x")
	foreign := redis.ShardSubscribe("socket.io#/#", "socket.io#/#0123456789abcdef#")
	var infos []socketio.SocketInfo
	var err error
	fetched := make(chan struct{})
	go func() {
		defer close(fetched)
		infos, err = a.FetchSockets(a.ctx)
	}()
	answerFetch(t, redis, foreign)
	<-fetched
	if err != nil || len(infos) != 2 {
		t.Fatalf("fetched %+v, %v", infos, err)
	}
	byID := make(map[string]socketio.SocketInfo)
	for _, i := range infos {
		byID[i.ID] = i
	}
	if i := byID["foreign-socket"]; i.Node != socketio.UnnamedNode || string(i.Data) != `{"k":1}` {
		t.Errorf("the foreign socket: %+v", i)
	}
	if i := byID[mine.ID()]; i.Node != b.bus.ID() {
		t.Errorf("the socket of our node: %+v", i)
	}

	redis.ShardPublish("socket.io#/#", `{"type":7,"data":{"opts":{"rooms":[],"except":[]},"requestId":"r1"},"uid":"0123456789abcdef","nsp":"/"}`)
	var sockets int
	for range 2 { // both of our nodes answer, one without sockets
		m := foreign.Next()
		for !strings.Contains(m.Payload, `"type":8`) {
			m = foreign.Next()
		}
		var reply struct {
			Data struct {
				RequestID string
				Sockets   []struct{ ID string }
			}
		}
		if err := json.Unmarshal([]byte(m.Payload), &reply); err != nil || reply.Data.RequestID != "r1" || m.Channel != "socket.io#/#0123456789abcdef#" {
			t.Errorf("reply on %s: %s", m.Channel, m.Payload)
		}
		sockets += len(reply.Data.Sockets)
	}
	if sockets != 1 {
		t.Errorf("%d sockets in the replies", sockets)
	}
}

// answerFetch answers the next request for sockets as a node of Node's adapter does.
func answerFetch(t *testing.T, redis *redistest.Server, s *redistest.Subscription) {
	t.Helper()
	for {
		var request struct {
			Type int
			Data struct{ RequestID string }
			UID  string
		}
		if err := json.Unmarshal([]byte(s.Next().Payload), &request); err != nil {
			t.Fatal(err)
		}
		if request.Type == 7 {
			redis.ShardPublish("socket.io#/#"+request.UID+"#", `{"type":8,"data":{"requestId":"`+request.Data.RequestID+
				`","sockets":[{"id":"foreign-socket","handshake":{"headers":{},"query":{},"auth":{}},"rooms":["foreign-socket"],"data":{"k":1}}]},"uid":"0123456789abcdef","nsp":"/"}`)
			return
		}
	}
}
