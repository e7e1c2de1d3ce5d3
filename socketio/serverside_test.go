package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/bustest"
)

// A server-side event goes to the other nodes and not to this one. Each node with a function
// for it answers.
func TestServerSideEmit(t *testing.T) {
	for size, want := range map[int]string{
		1: `; []; []; []`,
		3: `node 2 heard one from node 1, node 3 heard one from node 1; [node 2: x, says 2 node 3: x, says 3]; [node 2: y, says 2 node 3: y, says 3]; []`,
	} {
		inCluster(t, size, socketio.Options{}, func(c *cluster) {
			err := c.srv.ServerSideEmit("hello", "one")
			heard := c.ran.all()
			slices.Sort(heard)
			said := func(answers []socketio.ServerSideAnswer, err error) string {
				var list []string
				for _, a := range answers {
					var text string
					err = errors.Join(err, a.Scan(&text))
					list = append(list, fmt.Sprintf("%s: %s", a.Node, text))
				}
				if err != nil {
					return err.Error()
				}
				slices.Sort(list)
				return fmt.Sprint(list)
			}
			got := []string{
				strings.Join(heard, ", "),
				said(c.srv.ServerSideEmitWithAck(c.ctx, "hello", "x")),
				said(c.rules[0].ServerSideEmitWithAck(c.ctx, "hello", "y")),
				said(c.srv.ServerSideEmitWithAck(c.ctx, "no handler for this")),
			}
			if text := strings.Join(got, "; "); text != want || err != nil {
				t.Errorf("got  %s\nwant %s\n%v", text, want, err)
			}
		})
	}
}

// Server-side events that want no answer are handled one at a time, in order. Those that want
// one do not wait for them. A function that fails or panics gives no answer.
func TestServerSideHandlers(t *testing.T) {
	var ran record
	setup := func(srv *socketio.Server) {
		srv.OnServerSide("slow", func(ctx context.Context, e *socketio.ServerSideEvent) (any, error) {
			var n int
			_ = e.Scan(&n)
			ran.add(fmt.Sprint("begin ", n))
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				ran.add("the server ended")
			}
			ran.add(fmt.Sprint("end ", n))
			return n, nil
		})
		srv.OnServerSide("fails", func(context.Context, *socketio.ServerSideEvent) (any, error) { return 1, errors.New("no") })
		srv.OnServerSide("panics", func(context.Context, *socketio.ServerSideEvent) (any, error) { panic("no") })
		srv.OnServerSide("bad", func(context.Context, *socketio.ServerSideEvent) (any, error) { return make(chan int), nil })
		srv.Open()
	}
	onBus(t, 1, socketio.Options{Logger: slog.New(slog.DiscardHandler)}, setup, func(f *fixture, bus *stubBus) {
		event := func(request, data string) {
			bus.deliver(socketio.Message{Kind: socketio.KindServerSide, From: "other", Namespace: "/", Request: request, Data: json.RawMessage(data)})
		}
		event("", `["slow",1]`)
		event("", `["slow",2]`)
		event("r", `["slow",3]`)
		synctest.Wait()
		if got := ran.all(); len(got) != 2 {
			t.Errorf("%q", got)
		}
		time.Sleep(2 * time.Second)
		if got := ran.all(); len(got) != 6 || got[5] != "end 2" {
			t.Errorf("%q", got)
		}
		for _, name := range []string{"fails", "panics", "bad"} {
			event("r", `["`+name+`"]`)
		}
		event("", `["panics"]`)
		synctest.Wait()
		_, replies := bus.take()
		if len(replies) != 4 || string(replies[0].Data) != "[3]" {
			t.Errorf("replied %+v", replies)
		}
		for _, m := range replies[1:] {
			if m.Kind != socketio.KindServerSideAnswer || len(m.Data) > 0 {
				t.Errorf("replied %+v", m)
			}
		}
		event("", `["slow",4]`)
		synctest.Wait()
		_ = f.srv.Close()
		if got := ran.all(); !slices.Contains(got, "the server ended") {
			t.Errorf("%q", got)
		}
	})
}

// Registering a function twice, or for an invalid event name, panics.
func TestServerSideRegistration(t *testing.T) {
	h := func(context.Context, *socketio.ServerSideEvent) (any, error) { return nil, nil }
	receive := func(socketio.NodeID, []byte) {}
	for name, register := range map[string]func(srv *socketio.Server){
		"no event name":     func(srv *socketio.Server) { srv.OnServerSide("", h) },
		"a reserved name":   func(srv *socketio.Server) { srv.OnServerSide("connect", h) },
		"no function":       func(srv *socketio.Server) { srv.OnServerSide("x", nil) },
		"twice":             func(srv *socketio.Server) { srv.OnServerSide("x", h); srv.OnServerSide("x", h) },
		"after Handler":     func(srv *socketio.Server) { _, _ = srv.Open().Mux, must(srv.Handler()); srv.OnServerSide("x", h) },
		"no extension name": func(srv *socketio.Server) { srv.HandleExtension("", receive) },
		"no receiver":       func(srv *socketio.Server) { srv.HandleExtension("x", nil) },
		"extension twice":   func(srv *socketio.Server) { srv.HandleExtension("x", receive); srv.HandleExtension("x", receive) },
		"extension too late": func(srv *socketio.Server) {
			_, _ = srv.Open().Mux, must(srv.Handler())
			srv.HandleExtension("x", receive)
		},
		"shared key, no name": func(*socketio.Server) { socketio.NewSharedKey[int]("") },
	} {
		srv, err := socketio.NewServer(socketio.Options{})
		if err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() {
				if text, _ := recover().(string); !strings.HasPrefix(text, "socketio: ") {
					t.Errorf("%s: %q", name, text)
				}
			}()
			register(srv)
		}()
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// An extension's payload arrives under the same name on the other nodes, in order.
func TestExtensions(t *testing.T) {
	var came record
	receive := func(name string) func(srv *socketio.Server, node int) {
		return func(srv *socketio.Server, node int) {
			srv.HandleExtension(name, func(from socketio.NodeID, payload []byte) {
				came.add(fmt.Sprintf("%d: %s %s from %s", node, name, payload, from))
			})
		}
	}
	synctest.Test(t, func(t *testing.T) {
		var nodes []*fixture
		hub := bustest.New()
		for i := range 2 {
			opts := socketio.Options{}
			hub.Join(&opts)
			f, stop := start(t, opts, func(srv *socketio.Server) {
				srv.Open()
				receive("one")(srv, i+1)
				receive("two")(srv, i+1)
			})
			defer stop()
			nodes = append(nodes, f)
		}
		err := errors.Join(nodes[0].srv.PublishExtension("one", []byte("a")), nodes[0].srv.PublishExtension("two", nil), nodes[0].srv.PublishExtension("three", nil))
		if got, want := came.all(), []string{"2: one a from node 1", "2: two  from node 1"}; !slices.Equal(got, want) || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		if err := nodes[0].srv.PublishExtension("one", make([]byte, 2<<20)); err == nil || len(came.all()) != 2 {
			t.Error("a payload of 2 MiB was sent")
		}
		err = errors.Join(nodes[0].srv.SendExtension("node 2", "one", []byte("b")), nodes[1].srv.SendExtension("node 9", "one", nil))
		if got, want := came.all()[2:], []string{"2: one b from node 1"}; !slices.Equal(got, want) || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		if err := nodes[0].srv.SendExtension("node 2", "one", make([]byte, 2<<20)); err == nil {
			t.Error("a payload of 2 MiB was sent")
		}
		key := nodes[0].srv.ExtensionKey("one")
		if key != nodes[1].srv.ExtensionKey("one") || key == nodes[0].srv.ExtensionKey("two") || key == [32]byte{} {
			t.Error("the key is not that of the cluster and the extension")
		}
	})
	srv, _ := socketio.NewServer(socketio.Options{})
	if err := srv.PublishExtension("one", nil); err != nil {
		t.Errorf("without a bus: %v", err)
	}
	if err := srv.SendExtension("node 1", "one", nil); err != nil {
		t.Errorf("without a cluster: %v", err)
	}
	if first, second := srv.ExtensionKey("one"), srv.ExtensionKey("one"); first == second {
		t.Error("without a cluster: the key is not random")
	}
}
