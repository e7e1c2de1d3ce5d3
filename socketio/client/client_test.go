package client_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/client"
)

// onEach runs test once for each transport.
func onEach(t *testing.T, setup func(srv *socketio.Server), test func(f *fixture, opts client.Options)) {
	t.Helper()
	for name, list := range transports {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup, func(f *fixture) { test(f, client.Options{Transports: list}) })
		})
	}
}

// Events, acknowledgements and attachments both ways, in two namespaces of a connection.
func TestSocket(t *testing.T) {
	onEach(t, echo, func(f *fixture, opts client.Options) {
		t := f.t
		c := f.dial(opts)
		for _, name := range []string{"", "/admin"} {
			s := f.join(c, name)
			f.expect(s, client.EventConnect)
			if s.ID() == "" || s.Name() != "/"+strings.TrimPrefix(name, "/") {
				t.Errorf("id %q, name %q", s.ID(), s.Name())
			}
			for _, size := range []int{0, 1, 100_000} {
				data := make([]byte, size)
				answer, err := s.EmitWithAck(f.ctx, "echo", "héllo", data, map[string]any{"k": data})
				var text string
				var first []byte
				var object struct{ K []byte }
				if err != nil || answer.Scan(&text, &first, &object) != nil || text != "héllo" || len(first) != size || len(object.K) != size {
					t.Errorf("%q, %d bytes, %d bytes, %v", text, len(first), len(object.K), err)
				}
				f.expect(s, "echo", &text, &first)
			}
			if err := s.Emit(f.ctx, "question"); err != nil {
				t.Error(err)
			}
			var number int
			var data []byte
			e := f.expect(s, "question", &number, &data)
			if number != 1 || string(data) != "q" || !e.WantsAck() {
				t.Errorf("%d %q %v", number, data, e.WantsAck())
			}
			if err := e.Ack(f.ctx, "answer", []byte("a")); err != nil {
				t.Error(err)
			}
			if err := e.Ack(f.ctx); !errors.Is(err, socketio.ErrAckSent) {
				t.Errorf("second Ack: %v", err)
			}
			var text string
			f.expect(s, "answered", &text, &data)
			if text != "answer" || string(data) != "a" {
				t.Errorf("%q %q", text, data)
			}
		}
	})
}

func TestErrors(t *testing.T) {
	bubble(t, func(srv *socketio.Server) {
		echo(srv)
		srv.Of("/no").Use(func(context.Context, *socketio.Socket) error { return &socketio.Ending{Message: "no", Data: 7} })
		srv.Of("/slow").Use(func(ctx context.Context, _ *socketio.Socket) error {
			time.Sleep(time.Minute)
			return nil
		})
	}, func(f *fixture) {
		c := f.dial(client.Options{})
		s := f.join(c, "/")
		f.expect(s, client.EventConnect)
		if err := s.Emit(f.ctx, "bad", make(chan int)); err == nil {
			t.Error("a channel was sent")
		}
		for _, name := range []string{"", "connect", "disconnect"} {
			if err := s.Emit(f.ctx, name); !errors.Is(err, socketio.ErrEventName) {
				t.Errorf("Emit %q: %v", name, err)
			}
		}
		if _, err := c.Join(f.ctx, "/"); !errors.Is(err, client.ErrJoined) {
			t.Errorf("joined twice: %v", err)
		}
		for _, name := range []string{"x", "/a,b"} {
			if _, err := c.Join(f.ctx, name); err == nil {
				t.Errorf("joined %q", name)
			}
		}
		var refusal *client.ConnectError
		_, err := c.Join(f.ctx, "/no")
		if !errors.As(err, &refusal) || refusal.Message != "no" || string(refusal.Data) != "7" || refusal.Temporary {
			t.Errorf("refused with %v", err)
		}
		if _, err := c.Join(f.ctx, "/nowhere"); !errors.As(err, &refusal) || refusal.Message != "Invalid namespace" {
			t.Errorf("refused with %v", err)
		}

		short, cancel := context.WithTimeout(f.ctx, time.Second)
		defer cancel()
		if _, err := s.EmitWithAck(short, "never"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("EmitWithAck: %v", err)
		}
		if _, err := s.Receive(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Receive: %v", err)
		}
		// The server admits the socket after Join gave up: the client leaves.
		early, cancel := context.WithTimeout(f.ctx, time.Second)
		defer cancel()
		if _, err := c.Join(early, "/slow"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Join: %v", err)
		}
		time.Sleep(2 * time.Minute)
		if n := len(f.srv.Of("/slow").Sockets()); n != 0 {
			t.Errorf("%d sockets are left in /slow", n)
		}
		late, cancel := context.WithTimeout(f.ctx, time.Second)
		defer cancel()
		_, _ = c.Join(late, "/slow")
		f.join(c, "/slow") // takes the answer to the first CONNECT
		f.ask(s)
	})
}

func TestServerDisconnect(t *testing.T) {
	onEach(t, echo, func(f *fixture, opts client.Options) {
		t := f.t
		c := f.dial(opts)
		s, other := f.join(c, "/"), f.join(c, "/admin")
		f.expect(s, client.EventConnect)
		id := s.ID()
		if _, err := s.EmitWithAck(f.ctx, "kick"); !errors.Is(err, client.ErrDisconnected) {
			t.Errorf("EmitWithAck: %v", err)
		}
		if _, err := s.Receive(f.ctx); !errors.Is(err, client.ErrDisconnected) {
			t.Errorf("Receive: %v", err)
		}
		if err := s.Emit(f.ctx, "x"); !errors.Is(err, client.ErrDisconnected) {
			t.Errorf("Emit: %v", err)
		}
		if err := s.Leave(); !errors.Is(err, client.ErrDisconnected) {
			t.Errorf("Leave: %v", err)
		}
		time.Sleep(time.Minute) // it does not come back
		if n := len(f.srv.Sockets()); n != 0 {
			t.Errorf("%d sockets", n)
		}
		f.ask(other)
		again := f.join(c, "/")
		f.ask(again)
		if again.ID() == id {
			t.Error("the id is the same")
		}
	})
}

func TestLeave(t *testing.T) {
	bubble(t, echo, func(f *fixture) {
		c := f.dial(client.Options{})
		s := f.join(c, "/admin")
		f.ask(s)
		if err := s.Leave(); err != nil {
			t.Error(err)
		}
		f.expect(s, client.EventConnect) // events that came before can still be received
		f.expect(s, "echo")
		if _, err := s.Receive(f.ctx); !errors.Is(err, client.ErrClosed) {
			t.Errorf("Receive: %v", err)
		}
		f.ask(f.join(c, "/admin"))
		for range 20 { // in whichever order, the connection survives
			s := f.join(c, "/")
			var all sync.WaitGroup
			for range 5 {
				all.Go(func() { _ = s.Emit(f.ctx, "echo") })
				all.Go(func() { _ = s.Leave() })
			}
			all.Wait()
		}
		f.ask(f.join(c, "/"))
		if f.dialled() != 1 {
			t.Errorf("%d connections", f.dialled())
		}
	})
}

// A server that accepts connections and says nothing.
