package client_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/client"
)

// A lost connection is restored with a fresh auth payload for each namespace.
func TestReconnect(t *testing.T) {
	for name, lose := range map[string]func(f *fixture, s *client.Socket){
		"by the server":  func(f *fixture, s *client.Socket) { _ = s.Emit(f.ctx, "drop") },
		"by the network": func(f *fixture, _ *client.Socket) { f.cut(false) },
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, echo, func(f *fixture, opts client.Options) {
				t := f.t
				var asked atomic.Int32
				opts.Auth = func(context.Context, string) (any, error) {
					return map[string]int32{"n": asked.Add(1)}, nil
				}
				c := f.dial(opts)
				s, other := f.join(c, "/"), f.join(c, "/admin")
				f.expect(s, client.EventConnect)
				id := s.ID()
				synctest.Wait()
				start := time.Now()
				lose(f, s)
				var reason string
				f.expect(s, client.EventDisconnect, &reason)
				if reason != "transport close" || s.ID() != "" {
					t.Errorf("disconnected: %q, id %q", reason, s.ID())
				}
				if err := s.Emit(f.ctx, "echo", 1); err != nil { // waits for the connection
					t.Error(err)
				}
				if took := time.Since(start); took < time.Second/2 || took > 2*time.Second {
					t.Errorf("restored after %s", took)
				}
				f.expect(s, client.EventConnect)
				f.expect(s, "echo")
				if s.ID() == id || s.ID() == "" {
					t.Errorf("id %q, then %q", id, s.ID())
				}
				f.ask(other)
				if asked.Load() != 4 {
					t.Errorf("Auth was called %d times", asked.Load())
				}
			})
		})
	}
}

// While the network is down, attempts become rarer, up to about 5 s.
func TestBackoff(t *testing.T) {
	bubble(t, echo, func(f *fixture) {
		var log bytes.Buffer
		c := f.dial(client.Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		s := f.join(c, "/")
		f.cut(true)
		time.Sleep(30 * time.Second)
		early := f.dialled() - 1
		time.Sleep(100 * time.Second)
		late := f.dialled() - 1 - early
		if early < 5 || early > 14 || late < 13 || late > 40 {
			t.Errorf("%d attempts in 30 s, and %d in 100 s", early, late)
		}
		short, cancel := context.WithTimeout(f.ctx, time.Second)
		defer cancel()
		if err := s.Emit(short, "echo"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Emit: %v", err)
		}
		if _, err := c.Join(short, "/admin"); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errDown) {
			t.Errorf("Join: %v", err)
		}
		f.cut(false)
		f.ask(s)
		_ = c.Close()
		if n := strings.Count(log.String(), "level=WARN"); n != 1 {
			t.Errorf("%d warnings:\n%s", n, log.String())
		}
	})
}

func TestNoReconnect(t *testing.T) {
	bubble(t, echo, func(f *fixture) {
		c := f.dial(client.Options{NoReconnect: true})
		s := f.join(c, "/")
		f.expect(s, client.EventConnect)
		if _, err := s.EmitWithAck(f.ctx, "drop"); !errors.Is(err, client.ErrClosed) {
			t.Errorf("EmitWithAck: %v", err)
		}
		if _, err := s.Receive(f.ctx); !errors.Is(err, client.ErrClosed) {
			t.Errorf("Receive: %v", err)
		}
		if _, err := c.Join(f.ctx, "/admin"); !errors.Is(err, client.ErrClosed) {
			t.Errorf("Join: %v", err)
		}
		time.Sleep(time.Minute)
		if f.dialled() != 1 {
			t.Errorf("%d connections", f.dialled())
		}
	})
}

// A client without sockets does not come back by itself, and Join brings it back at once.
func TestNoReconnectionWithoutSockets(t *testing.T) {
	bubble(t, echo, func(f *fixture) {
		c := f.dial(client.Options{})
		s := f.join(c, "/")
		_ = s.Leave()
		time.Sleep(10 * time.Minute) // the server closes the connection
		if f.dialled() != 1 {
			t.Errorf("%d connections", f.dialled())
		}
		start := time.Now()
		f.ask(f.join(c, "/"))
		if took := time.Since(start); took != 0 || f.dialled() != 2 {
			t.Errorf("joined after %s by connection %d", took, f.dialled())
		}
	})
}

// Operations in progress fail when the connection is lost, and nothing is sent twice.
func TestLostAcknowledgements(t *testing.T) {
	calls := 0
	bubble(t, func(srv *socketio.Server) {
		echo(srv)
		srv.Handle("once", func(_ context.Context, s *socketio.Socket, _ *socketio.Event) error {
			calls++
			s.Disconnect(&socketio.Ending{Temporary: true, WholeConnection: true})
			return nil
		})
	}, func(f *fixture) {
		c := f.dial(client.Options{})
		s := f.join(c, "/")
		f.expect(s, client.EventConnect)
		_ = s.Emit(f.ctx, "question")
		question := f.expect(s, "question")
		if _, err := s.EmitWithAck(f.ctx, "once"); !errors.Is(err, client.ErrConnectionLost) {
			t.Errorf("EmitWithAck: %v", err)
		}
		if err := question.Ack(f.ctx); !errors.Is(err, client.ErrConnectionLost) {
			t.Errorf("Ack while away: %v", err)
		}
		f.ask(s)
		if err := question.Ack(f.ctx); !errors.Is(err, client.ErrConnectionLost) {
			t.Errorf("Ack by another connection: %v", err)
		}
		if calls != 1 {
			t.Errorf("%d calls", calls)
		}
	})
}

// gated is a server whose middleware refuses as the test says.
// A refusal is final when a lost connection is restored too, and does not concern the
// other sockets.
// A temporary refusal, which closes the transport or, beside another socket, is told, is
// tried again, not before the server wants.
// A handshake that is refused by 503 is tried again when the server wants it.
// When Auth fails for a restored connection, it is asked again later, and what it says is
// not logged.
// A program that does not receive does not collect what a flapping connection says.
func TestEventsOfAFlappingConnection(t *testing.T) {
	bubble(t, echo, func(f *fixture) {
		c := f.dial(client.Options{MaxPending: 2000})
		s := f.join(c, "/")
		for range 50 {
			f.ask(s)
			_, _ = s.EmitWithAck(f.ctx, "drop")
			for s.ID() == "" {
				time.Sleep(time.Second)
			}
			for range 1 { // the answers to ask
				e, err := s.Receive(f.ctx)
				for err == nil && e.Name != "echo" {
					e, err = s.Receive(f.ctx)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 100 {
			_, _ = s.EmitWithAck(f.ctx, "drop")
		}
		f.ask(s)
		var names []string
		for len(names) == 0 || names[len(names)-1] != "echo" {
			e, err := s.Receive(f.ctx)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, e.Name)
		}
		if !slices.Equal(names, []string{"disconnect", "connect", "echo"}) {
			t.Errorf("received %q", names)
		}
	})
}

// Close works while the client waits, connects, or asks for the auth payload.
func TestCloseWhileAway(t *testing.T) {
	for _, after := range []time.Duration{0, time.Second / 2, 3 * time.Second, 20 * time.Second} {
		bubble(t, echo, func(f *fixture) {
			var wait atomic.Bool
			c := f.dial(client.Options{Auth: func(ctx context.Context, _ string) (any, error) {
				if wait.Load() {
					<-ctx.Done()
				}
				return nil, nil
			}})
			s := f.join(c, "/")
			wait.Store(true)
			f.cut(after == 3*time.Second)
			time.Sleep(after)
			start := time.Now()
			_ = c.Close()
			if took := time.Since(start); took > 0 {
				t.Errorf("Close took %s", took)
			}
			if err := s.Emit(f.ctx, "x"); !errors.Is(err, client.ErrClosed) {
				t.Errorf("Emit: %v", err)
			}
		})
	}
}
