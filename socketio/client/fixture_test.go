package client_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/internal/leaktest"
	"socketiojwt/internal/memnet"
	"socketiojwt/socketio"
	"socketiojwt/socketio/client"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// transports are the ways to connect.
var transports = map[string][]client.Transport{
	"websocket": nil,
	"polling":   {client.Polling},
	"upgrade":   {client.Polling, client.WebSocket},
}

var discard = slog.New(slog.DiscardHandler)

// fixture is a server in memory in a synctest bubble, on a network that can be cut.
type fixture struct {
	t   *testing.T
	ctx context.Context
	srv *socketio.Server
	in  *memnet.Listener

	mu    sync.Mutex
	down  bool
	dials int
	conns []net.Conn
}

var errDown = errors.New("the network is down")

// bubble runs test against a server that setup has set up.
func bubble(t *testing.T, setup func(srv *socketio.Server), test func(f *fixture)) {
	t.Helper()
	bubbleWith(t, socketio.Options{}, setup, test)
}

func bubbleWith(t *testing.T, opts socketio.Options, setup func(srv *socketio.Server), test func(f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		opts.Logger = discard
		srv, err := socketio.NewServer(opts)
		if err != nil {
			t.Fatal(err)
		}
		setup(srv)
		handler, err := srv.Handler()
		if err != nil {
			t.Fatal(err)
		}
		serve(t, handler, func(f *fixture) {
			f.srv = srv
			defer func() { _ = srv.Close() }()
			test(f)
		})
	})
}

// serve serves handler in memory.
func serve(t *testing.T, handler http.Handler, test func(f *fixture)) {
	f := &fixture{t: t, in: memnet.Listen()}
	web := &http.Server{Handler: handler, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = web.Serve(f.in)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Hour)
	f.ctx = ctx
	defer func() {
		cancel()
		_ = web.Close()
		<-served
	}()
	test(f)
}

func (f *fixture) netDial(ctx context.Context, network, address string) (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dials++
	if f.down {
		return nil, errDown
	}
	conn, err := f.in.Dial(ctx, network, address)
	if err == nil {
		f.conns = append(f.conns, conn)
	}
	return conn, err
}

// cut breaks all connections. If down, no others can be made until it is called again.
func (f *fixture) cut(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
	for _, conn := range f.conns {
		_ = conn.Close()
	}
	f.conns = nil
}

func (f *fixture) dialled() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dials
}

func (f *fixture) options(opts client.Options) client.Options {
	opts.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: f.netDial, DisableKeepAlives: true}}
	if opts.Logger == nil {
		opts.Logger = discard
	}
	return opts
}

// dial connects, and closes with the test.
func (f *fixture) dial(opts client.Options) *client.Client {
	f.t.Helper()
	c, err := client.Dial(f.ctx, "http://server", f.options(opts))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (f *fixture) join(c *client.Client, namespace string) *client.Socket {
	f.t.Helper()
	s, err := c.Join(f.ctx, namespace)
	if err != nil {
		f.t.Fatalf("join %s: %v", namespace, err)
	}
	return s
}

// expect receives the next event, which must have that name, and reads its arguments.
func (f *fixture) expect(s *client.Socket, name string, dst ...any) *client.Event {
	f.t.Helper()
	e, err := s.Receive(f.ctx)
	if err != nil || e.Name != name {
		f.t.Fatalf("received %v, %v, want %q", e, err, name)
	}
	if err := e.Scan(dst...); err != nil {
		f.t.Fatalf("event %q: %v", name, err)
	}
	return e
}

// ask calls "echo" and checks the answer.
func (f *fixture) ask(s *client.Socket) {
	f.t.Helper()
	answer, err := s.EmitWithAck(f.ctx, "echo", "x")
	var text string
	if err != nil || answer.Scan(&text) != nil || text != "x" {
		f.t.Fatalf("echo: %q, %v", text, err)
	}
}

// echo answers each event "echo" by its arguments, and obeys some commands.
func echo(srv *socketio.Server) {
	for _, name := range []string{"/", "/admin"} {
		n := srv.Of(name).Open()
		n.Handle("echo", func(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
			return errors.Join(s.Emit("echo", e.Args()...), e.Ack(e.Args()...))
		})
		n.Handle("never", func(context.Context, *socketio.Socket, *socketio.Event) error { return nil })
		n.Handle("kick", func(_ context.Context, s *socketio.Socket, _ *socketio.Event) error { s.Disconnect(nil); return nil })
		n.Handle("drop", func(_ context.Context, s *socketio.Socket, _ *socketio.Event) error {
			s.Disconnect(&socketio.Ending{Temporary: true, WholeConnection: true})
			return nil
		})
		n.Handle("question", func(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
			s.Go(func(ctx context.Context) {
				answer, err := s.EmitWithAck(ctx, "question", 1, []byte("q"))
				if err == nil {
					_ = s.Emit("answered", answer.Args()...)
				}
			})
			return nil
		})
	}
}
