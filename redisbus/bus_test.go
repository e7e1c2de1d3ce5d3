package redisbus_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"socketiojwt/internal/redistest"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// expect reads the next event of a peer and compares it with want.
func expect(t testing.TB, ctx context.Context, p *sockettest.Peer, event, want string) sockettest.Event {
	t.Helper()
	e, err := p.Expect(ctx, event)
	if err != nil || fmt.Sprint(e) != want {
		t.Fatalf("received %v, %v; want %s", e, err, want)
	}
	return e
}

// What one node does has its effect on the sockets of the others.
func TestNodesActAsOne(t *testing.T) { everywhere(t, testNodesActAsOne) }

func testNodesActAsOne(t *testing.T, redis *place) {
	rules := make(map[*socketio.Server]*socketio.Rule)
	setup := func(srv *socketio.Server) {
		open(srv)
		rules[srv] = srv.OfPattern(regexp.MustCompile(`/dyn-\d+`)).Open()
		join(rules[srv].Mux)
		srv.HandleExtension("x", func(from socketio.NodeID, payload []byte) {
			_ = srv.To(string(payload)).Emit("extension", from)
		})
		srv.OnServerSide("hello", func(_ context.Context, e *socketio.ServerSideEvent) (any, error) {
			var name string
			err := e.Scan(&name)
			return "hi " + name, err
		})
	}
	var nodes []*node
	for i := range 3 { // in a cluster, each begins with another server
		nodes = append(nodes, start(t, redis.servers[i%len(redis.servers)].Addr(), redis.opts, setup))
	}
	a, b, c := nodes[0], nodes[1], nodes[2]
	x, y, z := a.dial("x"), b.dial("x", "y"), c.dial("y", "z")
	inRoom(t, redis, 2, "x", "y")
	inRoom(t, redis, 1, "z", x.ID(), y.ID(), z.ID())

	t.Run("broadcasts", func(t *testing.T) {
		if err := a.Emit("all", 1, []byte("x"), nil, "é"); err != nil {
			t.Fatal(err)
		}
		for _, p := range []*sockettest.Peer{x, y, z} {
			e, err := p.Expect(a.ctx, "all")
			var n int
			var data []byte
			var null any
			var text string
			if err != nil || e.Scan(&n, &data, &null, &text) != nil || n != 1 || string(data) != "x" || null != nil || text != "é" {
				t.Fatalf("received %v, %v", e, err)
			}
		}
		_ = a.To("x").Emit("one", "x")
		_ = b.To("x", "z").Except(y.ID()).Emit("two", "xz")
		_ = c.To(x.ID()).Emit("id", "x")
		_ = c.To().Emit("to no socket")
		for _, n := range []*node{a, b, c} { // because the order holds for each node
			_ = n.Emit("end")
		}
		for p, want := range map[*sockettest.Peer]string{x: `one("x") two("xz") id("x")`, y: `one("x")`, z: `two("xz")`} {
			wanted := strings.Fields(want)
			var got []string
			// Masters of a Redis Cluster do not wait for each other.
			for ends := 0; ends < 3 || len(got) < len(wanted); {
				e, err := p.Next(a.ctx)
				if err != nil {
					t.Fatalf("received %q, %v; want %s", got, err, want)
				}
				if text := fmt.Sprint(e); text == "end()" {
					ends++
				} else {
					got = append(got, text)
				}
			}
			slices.Sort(got)
			slices.Sort(wanted)
			if !slices.Equal(got, wanted) {
				t.Errorf("received %q, want %q", got, wanted)
			}
		}
	})

	t.Run("fetch", func(t *testing.T) {
		infos, err := b.FetchSockets(b.ctx)
		var got []string
		for _, i := range infos {
			got = append(got, fmt.Sprint(i.ID, " ", len(i.Rooms), " ", i.Node, " ", i.Handshake.RemoteAddr != ""))
		}
		want := []string{
			fmt.Sprint(x.ID(), " 2 ", a.bus.ID(), " true"),
			fmt.Sprint(y.ID(), " 3  true"),
			fmt.Sprint(z.ID(), " 3 ", c.bus.ID(), " true"),
		}
		slices.Sort(got)
		slices.Sort(want)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("fetched %q, %v; want %q", got, err, want)
		}
	})

	t.Run("answers", func(t *testing.T) {
		for p, answer := range map[*sockettest.Peer]any{x: "ex", z: []byte("zed")} {
			go func() {
				if e, err := p.Expect(a.ctx, "ask"); err == nil {
					_ = e.Ack(answer)
				}
			}()
		}
		ctx, cancel := context.WithTimeout(a.ctx, time.Second)
		defer cancel()
		answers, err := b.EmitWithAck(ctx, "ask", 1)
		if len(answers.List) != 2 || !slices.Equal(answers.Missing, []string{y.ID()}) || answers.Unnamed != 0 || err != context.DeadlineExceeded {
			t.Errorf("answers %+v, %v", answers, err)
		}
	})

	t.Run("server-side events", func(t *testing.T) {
		answers, err := a.ServerSideEmitWithAck(a.ctx, "hello", "a")
		if len(answers) != 2 || err != nil || answers[0].Node == answers[1].Node || string(answers[0].Args()[0].(socketio.Raw).JSON()) != `"hi a"` {
			t.Errorf("answers %+v, %v", answers, err)
		}
		if answers, err := a.ServerSideEmitWithAck(a.ctx, "unknown"); len(answers) != 0 || err != nil {
			t.Errorf("answers %+v, %v", answers, err)
		}
	})

	t.Run("rooms and endings", func(t *testing.T) {
		if err := a.To("z").SocketsJoin("new"); err != nil {
			t.Fatal(err)
		}
		inRoom(t, redis, 1, "new")
		_ = b.To("new").Emit("joined")
		expect(t, a.ctx, z, "joined", "joined()")
		_ = a.To("new").SocketsLeave("new")
		inRoom(t, redis, 0, "new")
		_ = a.To("z").DisconnectSockets(&socketio.Ending{Event: "bye", Args: []any{"now"}})
		expect(t, a.ctx, z, "bye", `bye("now")`)
		inRoom(t, redis, 0, "z")
	})

	t.Run("a namespace that is only on another node", func(t *testing.T) {
		d := c.dialTo("/dyn-1", "r")
		channels := redis.namespace("/dyn-1")
		if redis.roomChannels() {
			channels = append(channels, "socket.io#/dyn-1#r#")
		}
		settle(t, redis, 1, channels...)
		if !redis.roomChannels() {
			redistest.Eventually(t, "a socket in room r", func() bool {
				infos, err := a.BroadcastIn("/dyn-1").To("r").FetchSockets(a.ctx)
				return err == nil && len(infos) == 1
			})
		}
		_ = a.BroadcastIn("/dyn-1").To("r").Emit("far", 1)
		expect(t, a.ctx, d, "far", "far(1)")
		infos, err := a.BroadcastIn("/dyn-1").FetchSockets(a.ctx)
		if len(infos) != 1 || err != nil || infos[0].ID != d.ID() {
			t.Errorf("fetched %+v, %v", infos, err)
		}
		rule := rules[a.Server]
		_ = rule.To("r").Emit("rule")
		expect(t, a.ctx, d, "rule", "rule()")
		if infos, err := rule.FetchSockets(a.ctx); len(infos) != 1 || err != nil || infos[0].Node != c.bus.ID() {
			t.Errorf("fetched %+v, %v", infos, err)
		}
		if answers, err := rule.ServerSideEmitWithAck(a.ctx, "unknown"); len(answers) != 0 || err != nil {
			t.Errorf("answers %+v, %v", answers, err)
		}
		_ = d.Close()
		settle(t, redis, 0, channels...)
	})
	t.Run("extensions", func(t *testing.T) {
		_ = a.PublishExtension("x", []byte("y"))
		expect(t, a.ctx, y, "extension", fmt.Sprintf("extension(%q)", a.bus.ID()))
		_ = c.SendExtension(a.bus.ID(), "x", []byte("x"))
		expect(t, a.ctx, x, "extension", fmt.Sprintf("extension(%q)", c.bus.ID()))
	})
	for _, n := range []*node{a, b, c} {
		if h := n.Stats().Bus; h == nil || !h.Connected || h.Nodes != 2 || h.Ignored+h.Dropped+h.Gaps+h.Overflows != 0 {
			t.Errorf("health %+v", h)
		}
	}
}
