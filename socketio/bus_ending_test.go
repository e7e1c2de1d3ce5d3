package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// A call that waits for other nodes returns when its own server closes, because no reply can
// arrive after that.
func TestCallsToOtherNodesEndWithTheServer(t *testing.T) {
	ends := map[string]func(f *fixture) error{
		"Close":    func(f *fixture) error { return f.srv.Close() },
		"Shutdown": func(f *fixture) error { return f.srv.Shutdown(f.ctx) },
	}
	ctx := context.Background()
	calls := map[string]func(srv *socketio.Server) error{
		"EmitWithAck":           func(srv *socketio.Server) error { _, err := srv.EmitWithAck(ctx, "q"); return err },
		"EmitWithAck, counted":  func(srv *socketio.Server) error { _, err := srv.EmitWithAck(ctx, "q"); return err },
		"FetchSockets":          func(srv *socketio.Server) error { _, err := srv.FetchSockets(ctx); return err },
		"ServerSideEmitWithAck": func(srv *socketio.Server) error { _, err := srv.ServerSideEmitWithAck(ctx, "q"); return err },
	}
	for end, stop := range ends {
		for name, call := range calls {
			t.Run(end+", "+name, func(t *testing.T) {
				onBus(t, 1, socketio.Options{}, open, func(f *fixture, bus *stubBus) {
					began := time.Now()
					returned := make(chan error, 1)
					go func() { returned <- call(f.srv) }()
					synctest.Wait()
					counted := name == "EmitWithAck, counted"
					if counted {
						sent, _ := bus.take()
						bus.deliver(socketio.Message{Kind: socketio.KindCount, From: "1", Request: sent[0].Request, Count: 1})
						synctest.Wait()
					}
					if err := stop(f); err != nil {
						t.Error(err)
					}
					err := <-returned
					partial := (*socketio.PartialError)(nil)
					if !errors.Is(err, socketio.ErrClosed) || errors.As(err, &partial) == counted || partial != nil && partial.Nodes != 1 {
						t.Errorf("returned %v", err)
					}
					if waited := time.Since(began); waited > 0 {
						t.Errorf("waited for %v", waited)
					}
				})
			})
		}
	}
}

// Shutdown called by a server-side handler does not wait for that handler, and gives the bus
// the time of its context.
func TestShutdownByAServerSideHandler(t *testing.T) {
	for _, request := range []string{"", "r"} {
		var srv *socketio.Server
		returned := make(chan error, 1)
		setup := func(server *socketio.Server) {
			srv = server
			srv.Open()
			srv.OnServerSide("stop", func(ctx context.Context, _ *socketio.ServerSideEvent) (any, error) {
				ctx, cancel := context.WithTimeout(ctx, time.Minute)
				defer cancel()
				err := srv.Shutdown(ctx)
				returned <- err
				return nil, err
			})
		}
		onBus(t, 1, socketio.Options{}, setup, func(f *fixture, bus *stubBus) {
			began := time.Now()
			bus.deliver(socketio.Message{Kind: socketio.KindServerSide, From: "o", Namespace: "/", Request: request, Data: json.RawMessage(`["stop"]`)})
			synctest.Wait()
			select {
			case err := <-returned:
				if err != nil || bus.ending != nil {
					t.Errorf("Shutdown: %v, the context of Bus.Close: %v", err, bus.ending)
				}
			default:
				t.Errorf("Shutdown has not returned %v after the event", time.Since(began))
			}
			synctest.Wait()
			if left := f.srv.Remains(); left != "" {
				t.Error(left)
			}
		})
	}
}

// A handler that shuts another server down waits for the handlers of that server.
func TestShutdownOfAnotherServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, returned := make(chan struct{}), make(chan error, 1)
		other, stop := start(t, socketio.Options{}, func(srv *socketio.Server) {
			srv.Open().Handle("slow", func(context.Context, *socketio.Socket, *socketio.Event) error { <-release; return nil })
		})
		defer stop()
		f, stop := start(t, socketio.Options{}, func(srv *socketio.Server) {
			srv.Open().Handle("stop", func(ctx context.Context, _ *socketio.Socket, _ *socketio.Event) error {
				returned <- other.srv.Shutdown(ctx)
				return nil
			})
		})
		defer stop()
		_ = other.dial(sockettest.Options{}).Emit("slow")
		synctest.Wait()
		_ = f.dial(sockettest.Options{}).Emit("stop")
		synctest.Wait()
		if len(returned) > 0 {
			t.Error("Shutdown returned while a handler was running")
		}
		close(release)
		if err := <-returned; err != nil {
			t.Error(err)
		}
	})
}

// A bus that Handler makes after Close, or during it, is closed too.
func TestBusOfAClosedServer(t *testing.T) {
	for _, name := range []string{"before Handler", "while the bus is made"} {
		t.Run(name, func(t *testing.T) {
			bus := &stubBus{}
			opts := socketio.Options{ClusterKey: make([]byte, 16)}
			var srv *socketio.Server
			var err error
			opts.Bus = func(deliver func(socketio.Message)) (socketio.Bus, error) {
				if name != "before Handler" {
					_ = srv.Close()
				}
				return bus.join(deliver)
			}
			if srv, err = socketio.NewServer(opts); err != nil {
				t.Fatal(err)
			}
			srv.Open()
			if name == "before Handler" {
				_ = srv.Close()
			}
			if _, err := srv.Handler(); err != nil || bus.closed != 1 {
				t.Errorf("%v, the bus was closed %d times", err, bus.closed)
			}
			_ = srv.Close()
			if err := srv.Emit("e"); !errors.Is(err, socketio.ErrClosed) || bus.closed != 1 || len(bus.published) > 0 {
				t.Errorf("%v, the bus was closed %d times, and published %v", err, bus.closed, bus.published)
			}
		})
	}
}

// A function that makes no bus and returns no error is reported by Handler, instead of a panic
// in the first broadcast.
func TestNoBusAndNoError(t *testing.T) {
	opts := socketio.Options{ClusterKey: make([]byte, 16), Bus: func(func(socketio.Message)) (socketio.Bus, error) { return nil, nil }}
	srv, err := socketio.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	srv.Open()
	if _, err := srv.Handler(); err == nil || !strings.Contains(err.Error(), "neither a Bus nor an error") {
		t.Errorf("Handler: %v", err)
	}
}

// If the context of EmitWithAck has already ended, other nodes do not wait for answers.
// Otherwise such calls would use up the requests that a node serves at once.
func TestAskWithAnEndedContext(t *testing.T) {
	onBus(t, 1, socketio.Options{}, open, func(f *fixture, bus *stubBus) {
		cancelled, cancel := context.WithCancel(f.ctx)
		cancel()
		late, cancel := context.WithTimeout(f.ctx, -time.Second)
		defer cancel()
		for _, ctx := range []context.Context{cancelled, late} {
			if _, err := f.srv.EmitWithAck(ctx, "q"); !errors.Is(err, context.Cause(ctx)) {
				t.Error(err)
			}
			if sent, _ := bus.take(); len(sent) != 1 || sent[0].Timeout != time.Millisecond {
				t.Errorf("published %+v", sent)
			}
		}
	})
}

// A dynamic namespace without admitted sockets receives no server-side events, whichever names
// peers that are not admitted choose.
func TestServerSideEventsOfUnlistedNamespaces(t *testing.T) {
	var admit chan struct{}
	var ran record
	setup := func(srv *socketio.Server) {
		rule := srv.OfPattern(regexp.MustCompile(`/dyn-\d`))
		rule.Use(func(ctx context.Context, _ *socketio.Socket) error {
			select {
			case <-admit:
			case <-ctx.Done():
			}
			return nil
		})
		rule.OnServerSide("e", func(context.Context, *socketio.ServerSideEvent) (any, error) { ran.add("ran"); return nil, nil })
	}
	onBus(t, 1, socketio.Options{}, setup, func(f *fixture, bus *stubBus) {
		event := socketio.Message{Kind: socketio.KindServerSide, From: "o", Namespace: "/dyn-1", Data: json.RawMessage(`["e"]`)}
		admit = make(chan struct{})
		dialed := f.background(sockettest.Options{Namespace: "/dyn-1"})
		synctest.Wait()
		bus.deliver(event)
		synctest.Wait()
		if got := ran.all(); len(got) > 0 {
			t.Errorf("before the admission: %q", got)
		}
		close(admit)
		<-dialed
		synctest.Wait()
		bus.deliver(event)
		synctest.Wait()
		if got := ran.all(); len(got) != 1 {
			t.Errorf("after the admission: %q", got)
		}
	})
}

// While the bus does not return from Rooms, namespaces that come and go take no memory.
func TestRoomsOfNamespacesThatComeAndGo(t *testing.T) {
	setup := func(srv *socketio.Server) { srv.Open(); srv.OfPattern(regexp.MustCompile(`/dyn-\d+`)).Open() }
	onBus(t, 0, socketio.Options{}, setup, func(f *fixture, bus *stubBus) {
		bus.hold = make(chan struct{})
		f.dial(sockettest.Options{})
		synctest.Wait()
		for i := range 20 {
			p := f.dial(sockettest.Options{Namespace: fmt.Sprint("/dyn-", i)})
			synctest.Wait()
			_ = p.Close()
			synctest.Wait()
		}
		if n := f.srv.Untold(); n != 0 {
			t.Errorf("%d namespaces wait to be told", n)
		}
		close(bus.hold)
	})
}

func TestBusIsClosedOnce(t *testing.T) {
	for _, how := range []string{"Shutdown", "Close", "Shutdown, Close", "Close, Shutdown"} {
		bus := &stubBus{}
		opts := socketio.Options{ClusterKey: make([]byte, 16), Bus: bus.join}
		bubble(t, opts, func(srv *socketio.Server) {
			srv.Open()
			srv.OfPattern(regexp.MustCompile(`/x`)).Open()
		}, func(f *fixture) {
			f.dial(sockettest.Options{})
			f.dial(sockettest.Options{Namespace: "/x"})
			for _, stop := range strings.Split(how, ", ") {
				if stop == "Close" {
					_ = f.srv.Close()
				} else {
					_ = f.srv.Shutdown(f.ctx)
				}
			}
			if bus.closed != 1 {
				t.Errorf("%s: closed %d times", how, bus.closed)
			}
			if err := f.srv.Emit("late"); !errors.Is(err, socketio.ErrClosed) {
				t.Errorf("%s: Emit: %v", how, err)
			}
		})
	}
}
