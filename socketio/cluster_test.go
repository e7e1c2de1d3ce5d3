package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/bustest"
	"socketiojwt/socketio/sockettest"
)

// operations are the operations of a program on the sockets of a cluster. Each returns its
// effect, which must not depend on the number of nodes.
var operations = []struct {
	name string
	do   func(c *cluster) string
	want string
}{
	{"to all", emit(func(c *cluster) socketio.Broadcast { return c.srv.Except() }), "a:e b:e c:e d:e e:e f:e"},
	{"to a room", emit(func(c *cluster) socketio.Broadcast { return c.srv.To("x") }), "a:e b:e e:e"},
	{"to rooms", emit(func(c *cluster) socketio.Broadcast { return c.srv.To("x", "y").To("x") }), "a:e b:e c:e e:e"},
	{"to no room", emit(func(c *cluster) socketio.Broadcast { return c.srv.To() }), ""},
	{"to an empty room", emit(func(c *cluster) socketio.Broadcast { return c.srv.To("empty") }), ""},
	{"except a room", emit(func(c *cluster) socketio.Broadcast { return c.srv.Except("x") }), "c:e d:e f:e"},
	{"to a room except another", emit(func(c *cluster) socketio.Broadcast { return c.srv.To("x").Except("y") }), "a:e e:e"},
	{"to a socket", emit(func(c *cluster) socketio.Broadcast { return c.srv.To(c.peers["b"].ID()) }), "b:e"},
	{"except a socket", emit(func(c *cluster) socketio.Broadcast { return c.srv.To("x").Except(c.peers["e"].ID()) }), "a:e b:e"},
	{"from a socket to all", emit(func(c *cluster) socketio.Broadcast { return c.socket("a").Broadcast() }), "b:e c:e d:e e:e f:e"},
	{"from a socket to a room", emit(func(c *cluster) socketio.Broadcast { return c.socket("e").To("x") }), "a:e b:e"},
	{"from a socket except a room", emit(func(c *cluster) socketio.Broadcast { return c.socket("d").Except("x") }), "c:e f:e"},
	{"volatile", emit(func(c *cluster) socketio.Broadcast { return c.srv.Volatile().To("x") }), "a:e b:e e:e"},
	{"to a dynamic namespace", emit(func(c *cluster) socketio.Broadcast { return c.srv.BroadcastIn("/dyn-1") }), "g:e i:e"},
	{"to one that does not exist", emit(func(c *cluster) socketio.Broadcast { return c.srv.BroadcastIn("/dyn-3") }), ""},
	{"to a room of a dynamic namespace", emit(func(c *cluster) socketio.Broadcast { return c.srv.BroadcastIn("/dyn-1").To("x") }), "g:e"},
	{"to all of a rule", emit(func(c *cluster) socketio.Broadcast { return c.rules[0].Except() }), "g:e h:e i:e"},
	{"to a room of a rule", emit(func(c *cluster) socketio.Broadcast { return c.rules[0].To("x") }), "g:e h:e"},
	{"from a socket of a dynamic namespace", emit(func(c *cluster) socketio.Broadcast { return c.socket("g").Broadcast() }), "i:e"},

	{"join", func(c *cluster) string {
		err := c.srv.To("x").SocketsJoin("w")
		synctest.Wait()
		return fmt.Sprint(err, c.srv.To("w").Emit("w"), c.got())
	}, "<nil> <nil>a:w b:w e:w"},
	{"leave", func(c *cluster) string {
		err := c.srv.To("x").Except("y").SocketsLeave("x", "unknown")
		synctest.Wait()
		return fmt.Sprint(err, c.srv.To("x").Emit("x"), c.got())
	}, "<nil> <nil>b:x"},
	{"join a room of a rule", func(c *cluster) string {
		err := c.rules[0].SocketsJoin("w")
		synctest.Wait()
		return fmt.Sprint(err, c.rules[0].To("w").Emit("w"), c.got())
	}, "<nil> <nil>g:w h:w i:w"},
	{"join a room that is another socket's", func(c *cluster) string {
		id := c.peers["f"].ID() // the room that belongs to f
		err := c.srv.SocketsJoin(id)
		synctest.Wait()
		return fmt.Sprint(errors.Is(err, socketio.ErrReservedRoom), errors.Is(c.socket("b").Join(id), socketio.ErrReservedRoom), c.srv.To(id).Emit("f"), c.got())
	}, "true true <nil>f:f"},
	{"join too many rooms", func(c *cluster) string {
		err := c.srv.SocketsJoin(numbered(2000, 1)...)
		return fmt.Sprint(errors.Is(err, socketio.ErrTooManyRooms), len(c.socket("b").Rooms()))
	}, "true 3"},
	{"disconnect", func(c *cluster) string {
		err := c.srv.To("x").DisconnectSockets(errors.New("kicked"))
		for _, name := range []string{"a", "b", "e"} {
			c.ended(c.peers[name], sockettest.ErrDisconnected)
		}
		ran := c.ran.all()
		slices.Sort(ran)
		return fmt.Sprint(err, " ", strings.Join(ran, ", "), " ", c.srv.Emit("left"), c.got())
	}, "<nil> a ended: server namespace disconnect: kicked, b ended: server namespace disconnect: kicked, e ended: server namespace disconnect: kicked <nil>c:left d:left f:left"},
	{"disconnect with an event", func(c *cluster) string {
		err := c.srv.To("x").DisconnectSockets(&socketio.Ending{Event: "last", Args: []any{"words", []byte{1}}, WholeConnection: true, Err: errors.New("kicked")})
		for _, name := range []string{"a", "b", "e"} {
			e, missing := c.peers[name].Expect(c.ctx, "last")
			var word string
			var bytes []byte
			if missing != nil || e.Scan(&word, &bytes) != nil || word != "words" || len(bytes) != 1 {
				c.t.Errorf("%s received %q %v, %v", name, word, bytes, missing)
			}
			c.ended(c.peers[name], sockettest.ErrDisconnected)
		}
		ran := c.ran.all()
		slices.Sort(ran)
		return fmt.Sprint(err, " ", strings.Join(ran, ", "))
	}, "<nil> a ended: server namespace disconnect: kicked, b ended: server namespace disconnect: kicked, e ended: server namespace disconnect: kicked"},
	{"close connections", func(c *cluster) string {
		err := c.rules[0].To("x").DisconnectSockets(&socketio.Ending{Temporary: true, WholeConnection: true})
		c.ended(c.peers["g"], sockettest.ErrClosed)
		c.ended(c.peers["h"], sockettest.ErrClosed)
		ran := c.ran.all()
		slices.Sort(ran)
		return fmt.Sprint(err, " ", strings.Join(ran, ", "))
	}, "<nil> g ended: forced server close: <nil>, h ended: forced server close: <nil>"},
	{"fetch", func(c *cluster) string { return c.fetched(c.srv.To("x", "z")) }, "a [x], b [x y], e [x], f [z]"},
	{"fetch a rule", func(c *cluster) string { return c.fetched(c.rules[0].Except()) }, "g [x], h [x], i []"},
	{"fetch a dynamic namespace", func(c *cluster) string { return c.fetched(c.srv.BroadcastIn("/dyn-2")) }, "h [x]"},
	{"fetch an empty room", func(c *cluster) string { return c.fetched(c.srv.To("empty")) + c.fetched(c.srv.To()) }, ""},
	{"with acknowledgements", func(c *cluster) string { return c.asked(c.srv.To("x", "y")) },
		"a says a, b says b, c says c, e says e; missing: , 0 unnamed; <nil> after 0s"},
	{"with acknowledgements that do not come", func(c *cluster) string { return c.asked(c.srv.Except("y"), "d", "e") },
		"a says a, f says f; missing: d e, 0 unnamed; context deadline exceeded after 1s"},
	{"with acknowledgements of sockets that end", func(c *cluster) string {
		time.AfterFunc(500*time.Millisecond, func() {
			_ = c.peers["d"].Close()
			_ = c.peers["e"].Close()
		})
		return c.asked(c.srv.Except("y"), "d", "e")
	}, "a says a, f says f; missing: d e, 0 unnamed; <nil> after 500ms"},
	{"with acknowledgements of a rule", func(c *cluster) string { return c.asked(c.rules[0].To("x"), "h") },
		"g says g; missing: h, 0 unnamed; context deadline exceeded after 1s"},
	{"with acknowledgements of an empty room", func(c *cluster) string { return c.asked(c.srv.To("empty")) + " " + c.asked(c.srv.To()) },
		"; missing: , 0 unnamed; <nil> after 0s ; missing: , 0 unnamed; <nil> after 0s"},
	{"an event that cannot be sent", func(c *cluster) string {
		_, err := c.srv.EmitWithAck(c.ctx, "connect")
		return fmt.Sprint(c.srv.Emit("connect") != nil, err != nil, c.rules[0].Emit("e", make(chan int)) != nil, c.srv.ServerSideEmit("connect") != nil, c.got())
	}, "true true true true"},
	{"binary data", func(c *cluster) string {
		_ = c.srv.To("x").Emit("e", []byte{0, 1}, map[string]any{"deep": []byte("z")}, "\u2028<")
		text := ""
		for _, name := range []string{"a", "b", "e"} {
			var one []byte
			var two struct{ Deep []byte }
			var three string
			c.expect(c.peers[name], "e", &one, &two, &three)
			text += fmt.Sprintf("%x %s %q;", one, two.Deep, three)
		}
		return text
	}, `0001 z "\u2028<";0001 z "\u2028<";0001 z "\u2028<";`},
	{"order", func(c *cluster) string {
		for i := range 100 {
			_ = c.srv.To("x").Emit("n", i)
			_ = c.srv.To("f").SocketsLeave("z") // between them
		}
		text := ""
		for _, name := range []string{"a", "b", "e"} {
			for i := range 100 {
				var n int
				if c.expect(c.peers[name], "n", &n); n != i {
					return fmt.Sprintf("%s got %d as number %d", name, n, i)
				}
			}
			text += name
		}
		return text
	}, "abe"},
}

// emit returns an operation that sends an event and returns which peers have received it.
func emit(to func(c *cluster) socketio.Broadcast) func(c *cluster) string {
	return func(c *cluster) string {
		if err := to(c).Emit("e"); err != nil {
			return err.Error()
		}
		return c.got()
	}
}

// fetched returns the names and rooms of the fetched sockets, and checks the other fields.
func (c *cluster) fetched(b socketio.Broadcast) string {
	infos, err := b.FetchSockets(c.ctx)
	if err != nil {
		return err.Error()
	}
	var text []string
	for _, info := range infos {
		name, ok := displayName.Shared(info)
		rooms := slices.DeleteFunc(info.Rooms, func(room string) bool { return room == info.ID })
		slices.Sort(rooms)
		h := info.Handshake
		if !ok || info.ID != c.peers[name].ID() || h.Path != "/socket.io/" || h.Host != "server" || h.Protocol != 4 || h.Time.IsZero() || h.RemoteAddr == "" {
			c.t.Errorf("%q is described as %+v", name, info)
		}
		text = append(text, fmt.Sprint(name, " ", rooms))
	}
	slices.Sort(text)
	return strings.Join(text, ", ")
}

// asked sends an event that wants answers, waits a second, and returns which peers have
// answered.
func (c *cluster) asked(b socketio.Broadcast, silent ...string) string {
	c.answering("q", silent...)
	begin := time.Now()
	ctx, cancel := context.WithTimeout(c.ctx, time.Second)
	defer cancel()
	answers, err := b.EmitWithAck(ctx, "q")
	return fmt.Sprintf("%s; %v after %v", c.answered(answers), err, time.Since(begin))
}

// The same operations have the same results on one node and on three.
func TestOperationsOnOneNodeAndOnThree(t *testing.T) {
	for _, size := range []int{1, 3} {
		for _, op := range operations {
			t.Run(fmt.Sprintf("%s, %d nodes", op.name, size), func(t *testing.T) {
				inCluster(t, size, socketio.Options{}, func(c *cluster) {
					if got := op.do(c); got != op.want {
						t.Errorf("got  %s\nwant %s", got, op.want)
					}
				})
			})
		}
	}
}

// Servers may join and leave while others emit.
func TestClusterUnderStress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := bustest.New()
		var acting sync.WaitGroup
		var mu sync.Mutex
		var servers []*socketio.Server
		for i := range 4 {
			acting.Go(func() {
				for round := range 5 {
					opts := socketio.Options{Logger: slog.New(slog.DiscardHandler)}
					id := hub.Join(&opts)
					f, stop, err := tryStart(t, opts, rooms)
					if err != nil {
						t.Error(err)
						return
					}
					var peers []*sockettest.Peer
					for range 3 {
						p, err := f.tryDial(sockettest.Options{Auth: map[string]any{"rooms": []string{"x"}}})
						if err != nil {
							t.Errorf("dial: %v", err)
							stop()
							return
						}
						peers = append(peers, p)
					}
					for _, p := range peers[:2] {
						go func() {
							for {
								e, err := p.Next(f.ctx)
								if err != nil {
									return
								}
								_ = e.Ack("yes")
							}
						}()
					}
					ctx, cancel := context.WithTimeout(f.ctx, time.Second)
					_ = f.srv.To("x").Emit("e", i, round)
					_ = f.srv.To("x").SocketsJoin("y")
					_, _ = f.srv.To("y").EmitWithAck(ctx, "q")
					_, _ = f.srv.FetchSockets(ctx)
					_, _ = f.srv.ServerSideEmitWithAck(ctx, "hello")
					_ = f.srv.To(peers[2].ID()).DisconnectSockets(someEnding())
					if rooms := hub.Rooms(id, "/"); len(rooms) < 3 {
						t.Errorf("the bus was told of %q", rooms)
					}
					cancel()
					if round%2 == 0 {
						_ = f.srv.Shutdown(f.ctx)
					}
					stop()
					mu.Lock()
					servers = append(servers, f.srv)
					mu.Unlock()
				}
			})
		}
		acting.Wait()
		time.Sleep(time.Minute)
		synctest.Wait()
		for _, srv := range servers {
			if left := srv.Remains(); left != "" {
				t.Errorf("left: %s", left)
			}
		}
	})
}
