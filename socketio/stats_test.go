package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// figures observes the figures of a server.
type figures struct {
	f   *fixture
	was socketio.Stats
}

// moved expects that the figures have changed exactly as want says since the last call. It
// ignores the engine's figures. The figures of namespaces are checked by their sum.
func (fs *figures) moved(what string, want func(*socketio.Stats)) {
	fs.f.t.Helper()
	synctest.Wait()
	got := fs.f.srv.Stats()
	fs.was.Engine, fs.was.Namespaces = got.Engine, got.Namespaces
	fs.f.sum(got)
	if fs.was.Disconnects == nil {
		fs.was.Disconnects = map[socketio.Reason]uint64{}
	}
	want(&fs.was)
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", fs.was) {
		fs.f.t.Errorf("%s:\ngot  %+v\nwant %+v", what, got, fs.was)
	}
	fs.was = got
}

// sum checks that the figures of the namespaces add up to those of the server.
func (f *fixture) sum(got socketio.Stats) {
	f.t.Helper()
	var sum socketio.NamespaceStats
	for _, n := range got.Namespaces {
		sum.Held, sum.Admitted, sum.Ending = sum.Held+n.Held, sum.Admitted+n.Admitted, sum.Ending+n.Ending
		sum.Admissions, sum.Received, sum.Dropped = sum.Admissions+n.Admissions, sum.Received+n.Received, sum.Dropped+n.Dropped
		sum.Sent, sum.Broadcasts = sum.Sent+n.Sent, sum.Broadcasts+n.Broadcasts
		sum.Refusals, sum.TemporaryRefusals = sum.Refusals+n.Refusals, sum.TemporaryRefusals+n.TemporaryRefusals
	}
	all := socketio.NamespaceStats{Held: got.Held, Admitted: got.Admitted, Ending: got.Ending, Admissions: got.Admissions,
		Refusals: sum.Refusals, TemporaryRefusals: sum.TemporaryRefusals, // some were for no namespace
		Received: got.Received, Dropped: got.Dropped, Sent: got.Sent, Broadcasts: got.Broadcasts}
	if sum != all || sum.Refusals > got.Refusals || sum.TemporaryRefusals > got.TemporaryRefusals {
		f.t.Errorf("the namespaces have\n%+v, the server\n%+v", sum, all)
	}
}

// Peers choose the names of dynamic namespaces, so these are counted under the name of their
// rule.
func TestStatsOfNamespaces(t *testing.T) {
	setup := func(srv *socketio.Server) {
		srv.Of("/a").Open().OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Emit("welcome") })
		srv.Of("/no").Use(func(context.Context, *socketio.Socket) error { return errors.New("of the test") })
		srv.OfPattern(regexp.MustCompile("/room-.*")).Open()
	}
	bubble(t, socketio.Options{}, setup, func(f *fixture) {
		f.dial(sockettest.Options{Namespace: "/a"})
		p := f.dial(sockettest.Options{Namespace: "/room-1"})
		f.dial(sockettest.Options{Namespace: "/room-2"})
		f.refused(sockettest.Options{Namespace: "/no"})
		f.refused(sockettest.Options{Namespace: "/unknown"})
		_ = p.Emit("event")
		_ = f.srv.BroadcastIn("/room-1").Emit("all")
		synctest.Wait()
		got := f.srv.Stats()
		f.sum(got)
		want := map[string]socketio.NamespaceStats{
			"/": {}, "/a": {Admitted: 1, Admissions: 1, Sent: 1}, "/no": {Refusals: 1},
			"/room-.*": {Admitted: 2, Admissions: 2, Received: 1, Sent: 1, Broadcasts: 1},
		}
		if !maps.Equal(got.Namespaces, want) || got.Refusals != 2 {
			t.Errorf("%d refusals, got\n%+v, want\n%+v", got.Refusals, got.Namespaces, want)
		}
	})
}

func TestStatsOfPendingAcks(t *testing.T) {
	bubble(t, socketio.Options{MaxPendingAcks: 3}, func(srv *socketio.Server) { srv.Open() }, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		s := socketOf(f, p)
		ctx, cancel := context.WithCancel(f.ctx)
		pending := func(what string, want int) {
			t.Helper()
			synctest.Wait()
			if got := f.srv.Stats().PendingAcks; got != want {
				t.Errorf("%s: %d acknowledgements are pending, want %d", what, got, want)
			}
		}
		for range 4 { // the last one is refused
			go func() { _, _ = s.EmitWithAck(ctx, "question") }()
		}
		pending("3 questions", 3)
		e, _ := p.Expect(f.ctx, "question")
		_ = e.Ack()
		pending("an answer", 2)
		cancel()
		pending("given up", 0)
		go func() { _, _ = f.srv.EmitWithAck(f.ctx, "question") }()
		pending("a broadcast", 1)
		_ = p.Close()
		pending("the end of the socket", 0)
		_, _ = s.EmitWithAck(f.ctx, "question")
		pending("a socket that has ended", 0)
	})
}

// anyBytes excludes the bytes of new connections from the comparison of moved.
func (fs *figures) anyBytes(s *socketio.Stats) { s.NewBytes = fs.f.srv.Stats().NewBytes }

// Each event changes exactly the figures of sockets that count it.
func TestStatsOfSockets(t *testing.T) {
	var admit chan *socketio.Socket
	var connecting chan struct{}
	setup := func(srv *socketio.Server) {
		admit, connecting = make(chan *socketio.Socket, 1), make(chan struct{}) // inside the bubble
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			<-connecting
			admit <- s
			return s.Hold(socketio.HoldOptions{Drop: true})
		})
		srv.Of("/no").Use(func(context.Context, *socketio.Socket) error { return errors.New("of the test") })
		srv.Of("/later").Use(func(context.Context, *socketio.Socket) error {
			return &socketio.Ending{Message: "later", Temporary: true}
		})
		srv.Of("/busy").Open().Handle("work", func(context.Context, *socketio.Socket, *socketio.Event) error {
			time.Sleep(time.Second)
			return nil
		})
	}
	bubble(t, socketio.Options{}, setup, func(f *fixture) {
		fs := &figures{f: f}
		fs.moved("nothing", func(*socketio.Stats) {})

		dialed := f.background(sockettest.Options{})
		fs.moved("a socket whose middleware runs", func(s *socketio.Stats) { s.Connecting, s.Running = 1, 1; fs.anyBytes(s) })
		if fs.was.NewBytes < 1<<10 {
			t.Errorf("%d bytes of a new connection", fs.was.NewBytes)
		}
		close(connecting)
		p := <-dialed
		fs.moved("a held socket", func(s *socketio.Stats) { s.Connecting, s.Held, s.Running = 0, 1, 0; fs.anyBytes(s) })
		_ = p.Emit("early")
		fs.moved("an early event", func(s *socketio.Stats) { s.Received, s.Dropped = 1, 1; fs.anyBytes(s) })
		_ = (<-admit).Admit()
		fs.moved("its admission", func(s *socketio.Stats) { s.Held, s.Admitted, s.Admissions, s.NewBytes = 0, 1, 1, 0 })

		_ = p.Close()
		fs.moved("its end", func(s *socketio.Stats) { s.Admitted, s.Disconnects["transport close"] = 0, 1 })

		_, _ = sockettest.Dial(f.ctx, "http://server", f.options(sockettest.Options{Namespace: "/no"}))
		fs.moved("a refusal", func(s *socketio.Stats) { s.Refusals = 1 })
		_, _ = sockettest.Dial(f.ctx, "http://server", f.options(sockettest.Options{Namespace: "/later"}))
		fs.moved("a temporary refusal", func(s *socketio.Stats) { s.TemporaryRefusals = 1 })

		busy := f.dial(sockettest.Options{Namespace: "/busy"})
		_ = busy.Emit("work")
		fs.moved("a handler that runs", func(s *socketio.Stats) { s.Admissions, s.Admitted, s.Received, s.Running = 2, 1, 2, 1 })
		_ = busy.Leave()
		fs.moved("a peer that leaves meanwhile", func(s *socketio.Stats) { s.Admitted, s.Ending = 0, 1 })
		time.Sleep(time.Second)
		fs.moved("its end", func(s *socketio.Stats) {
			s.Ending, s.Running, s.Disconnects["client namespace disconnect"] = 0, 0, 1
		})
		_ = busy.SendRaw("not a packet")
		fs.moved("a violation", func(s *socketio.Stats) { s.Violations = 1 })

		f.dial(sockettest.Options{Namespace: "/busy"})
		_ = f.srv.Close()
		fs.moved("the server's end", func(s *socketio.Stats) { s.Admissions, s.Disconnects["server shutting down"] = 3, 1 })
		if e := f.srv.Stats().Engine; e.WebSocket != 0 || e.Opened != 5 {
			t.Errorf("of the engine: %+v", e)
		}
	})
}

// A temporary refusal of a socket that shares its connection is counted like one of a socket
// that does not.
func TestStatsOfRefusalsThatShareAConnection(t *testing.T) {
	setup := func(srv *socketio.Server) {
		srv.Open()
		srv.Of("/later").Use(func(context.Context, *socketio.Socket) error {
			return &socketio.Ending{Message: "later", Temporary: true}
		})
	}
	bubble(t, socketio.Options{}, setup, func(f *fixture) {
		fs := &figures{f: f}
		p := f.dial(sockettest.Options{})
		fs.moved("a socket", func(s *socketio.Stats) { s.Admitted, s.Admissions = 1, 1 })
		if _, err := p.Join(f.ctx, "/later", nil); err == nil {
			t.Error("admitted")
		}
		fs.moved("a temporary refusal", func(s *socketio.Stats) { s.TemporaryRefusals = 1 })
	})
}

// Each event changes exactly the figures of events that count it.
func TestStatsOfEvents(t *testing.T) {
	setup := func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("ack", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error { return e.Ack() })
		srv.Handle("fail", func(context.Context, *socketio.Socket, *socketio.Event) error { return errors.New("of the test") })
		srv.Handle("number", socketio.Func(func(context.Context, *socketio.Socket, int) error { return nil }))
		srv.Handle("panic", func(context.Context, *socketio.Socket, *socketio.Event) error { panic("of the test") })
	}
	bubble(t, socketio.Options{}, setup, func(f *fixture) {
		fs := &figures{f: f}
		p := f.dial(sockettest.Options{})
		f.dial(sockettest.Options{})
		fs.moved("two sockets", func(s *socketio.Stats) { s.Admitted, s.Admissions = 2, 2 })
		_ = f.srv.Emit("hello")
		fs.moved("a broadcast", func(s *socketio.Stats) { s.Broadcasts, s.Sent = 1, 2 })
		_ = f.srv.To("nowhere").Emit("hello")
		fs.moved("a broadcast to no socket", func(s *socketio.Stats) { s.Broadcasts = 2 })
		ctx, cancel := context.WithTimeout(f.ctx, time.Second)
		defer cancel()
		_, _ = f.srv.EmitWithAck(ctx, "question")
		fs.moved("a broadcast with acknowledgements", func(s *socketio.Stats) { s.Broadcasts, s.Sent = 3, 4 })
		socket := f.srv.Sockets()[0]
		_ = socket.Emit("hello")
		fs.moved("an event to one socket", func(s *socketio.Stats) { s.Sent = 5 })
		ctx, cancel = context.WithTimeout(f.ctx, time.Second)
		defer cancel()
		_, _ = socket.EmitWithAck(ctx, "question")
		fs.moved("one with an acknowledgement", func(s *socketio.Stats) { s.Sent = 6 })
		if _, err := p.EmitWithAck(f.ctx, "ack"); err != nil {
			t.Fatal(err)
		}
		fs.moved("an event of a peer", func(s *socketio.Stats) { s.Received = 1 })
		_ = p.Emit("fail")
		fs.moved("a handler that fails", func(s *socketio.Stats) { s.Received, s.HandlerErrors = 2, 1 })
		_ = p.Emit("number", "text")
		fs.moved("wrong arguments", func(s *socketio.Stats) { s.Received, s.HandlerErrors, s.PeerErrors = 3, 2, 1 })
		_ = p.Emit("panic")
		fs.moved("a panic", func(s *socketio.Stats) {
			s.Received, s.Panics, s.Admitted, s.Disconnects["server namespace disconnect"] = 4, 1, 1, 1
		})
	})
}

// Connections that the ledger closes, and those for which ConnContext fails, are counted.
func TestStatsOfOverloads(t *testing.T) {
	opts := socketio.Options{MaxHeldBytes: 20 << 10, ConnContext: func(ctx context.Context, r *http.Request) context.Context {
		if r.Header.Get("X-Fail") != "" {
			panic("of the test")
		}
		return ctx
	}}
	setup := func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			return s.Hold(socketio.HoldOptions{Bytes: 60 << 10})
		})
	}
	bubble(t, opts, setup, func(f *fixture) {
		fs := &figures{f: f}
		p := f.dial(sockettest.Options{})
		fs.moved("a held socket", func(s *socketio.Stats) { s.Held = 1; fs.anyBytes(s) })
		_ = p.Emit("large", strings.Repeat("x", 20<<10))
		fs.moved("more bytes than are kept", func(s *socketio.Stats) { s.Held, s.Overloads, s.Received, s.NewBytes = 0, 1, 1, 0 })
		f.header = http.Header{"X-Fail": {"yes"}}
		f.status("/socket.io/?EIO=4&transport=polling")
		fs.moved("a panic in ConnContext", func(s *socketio.Stats) { s.Panics = 1 })
		if n := f.srv.Stats().Engine.Refused; n != (engineio.Refused{Layer: 1}) {
			t.Errorf("%+v", n)
		}
	})
}
