package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// holding sets up "/" with a middleware that holds a socket. Emitting "login" with "yes" admits
// it, and any other argument refuses it.
func holding(opts socketio.HoldOptions, ran *record) func(srv *socketio.Server) {
	return func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			err := s.Intercept("login", socketio.AckFunc(func(_ context.Context, s *socketio.Socket, word string) (string, error) {
				ran.add("login " + word)
				if word != "yes" {
					return "", s.Refuse(errors.New("no"))
				}
				if err := s.Admit(); err != nil && !errors.Is(err, socketio.ErrAdmitted) {
					return "", err
				}
				return "welcome", nil
			}))
			if err != nil {
				return err
			}
			return s.Hold(opts)
		}, func(context.Context, *socketio.Socket) error { ran.add("second middleware"); return nil })
		srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
			ran.add("connected")
			return s.Join("lobby")
		})
		srv.OnDisconnect(func(context.Context, *socketio.Socket, socketio.Reason) { ran.add("disconnected") })
		srv.Handle("say", socketio.Func(func(_ context.Context, _ *socketio.Socket, text string) error { ran.add("say " + text); return nil }))
		srv.Wrap(func(h socketio.Handler) socketio.Handler {
			return func(ctx context.Context, s *socketio.Socket, e *socketio.Event) error {
				ran.add("wrap " + e.Name())
				return h(ctx, s, e)
			}
		})
	}
}

// This is the promise of the project: a held socket is invisible, and receives only what is
// emitted to it directly.
func TestHeldSocketIsOutside(t *testing.T) {
	var ran record
	bubble(t, socketio.Options{}, holding(socketio.HoldOptions{}, &ran), func(f *fixture) {
		p := f.dial(sockettest.Options{}) // CONNECT is answered
		synctest.Wait()

		if n := len(f.srv.Sockets()); n != 0 {
			t.Errorf("listed: %d", n)
		}
		if infos, _ := f.srv.FetchSockets(f.ctx); len(infos) != 0 {
			t.Errorf("fetched: %v", infos)
		}
		_ = f.srv.Emit("secret")
		_ = f.srv.To(p.ID()).Emit("secret")
		_ = f.srv.To("lobby").Emit("secret")
		_ = f.srv.Except("empty").Emit("secret")
		_ = f.srv.Volatile().Emit("secret")
		_ = f.srv.SocketsJoin("lobby")
		_ = f.srv.To("lobby").Emit("secret")
		_ = f.srv.DisconnectSockets(&socketio.Ending{Temporary: true, WholeConnection: true})
		if answers, err := f.srv.EmitWithAck(f.ctx, "secret"); len(answers.List) != 0 || err != nil {
			t.Errorf("answers %v, %v", answers, err)
		}
		_ = p.Emit("say", "early")
		f.nothing(p)
		if got := ran.all(); len(got) != 0 {
			t.Errorf("ran for a held socket: %q", got)
		}

		answer, err := p.EmitWithAck(f.ctx, "login", "yes")
		var word string
		if err != nil || answer.Scan(&word) != nil || word != "welcome" {
			t.Fatalf("login: %q, %v", word, err)
		}
		want := []string{"login yes", "second middleware", "connected", "wrap say", "say early"}
		if got := ran.all(); !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
		_ = f.srv.To("lobby").Emit("public")
		f.expect(p, "public")
		if n := len(f.srv.Sockets()); n != 1 {
			t.Errorf("listed after admission: %d", n)
		}
	})
}

func TestRefusedWhileHeld(t *testing.T) {
	var ran record
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		holding(socketio.HoldOptions{}, &ran)(srv)
		srv.Of("/other").Open()
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		other, err := p.Join(f.ctx, "/other", nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = p.Emit("login", "no")
		_ = p.Emit("say", "on its way when the refusal was sent") // it crosses the refusal, and must not close the connection
		f.ended(p, sockettest.ErrDisconnected)
		_ = p.SendRaw(`2["say","later still"]`)
		_ = p.SendRaw(`30["an answer to no call"]`)
		f.nothing(other)
		if err := other.Emit("x"); err != nil || f.srv.Lookup("/other").Sockets() == nil {
			t.Errorf("the other namespace ended too: %v", err)
		}
		if got, want := ran.all(), []string{"login no"}; !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
	})
}

func TestTemporaryRefusalClosesTheTransport(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(func(context.Context, *socketio.Socket) error {
			return fmt.Errorf("wrapped: %w", &socketio.Ending{Message: "later", Temporary: true})
		})
	}, func(f *fixture) {
		begin := time.Now()
		_, err := sockettest.Dial(f.ctx, "http://server", f.options(sockettest.Options{}))
		if !errors.Is(err, sockettest.ErrClosed) || time.Since(begin) > time.Second {
			t.Errorf("got %v after %v, want a closed transport at once", err, time.Since(begin))
		}
	})
}

func TestHeldSocketMayNotJoinButReceives(t *testing.T) {
	var joined error
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			if err := s.Join("x"); !errors.Is(err, socketio.ErrNotAdmitted) {
				t.Errorf("Join while connecting: %v", err)
			}
			if err := s.Emit("x"); !errors.Is(err, socketio.ErrNotAdmitted) {
				t.Errorf("Emit while connecting: %v", err)
			}
			time.AfterFunc(time.Second, func() {
				joined = s.Join("x")
				_ = s.Emit("hint", "log in")
			})
			return s.Hold(socketio.HoldOptions{})
		})
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		f.expect(p, "hint")
		if !errors.Is(joined, socketio.ErrNotAdmitted) {
			t.Errorf("Join while held: %v", joined)
		}
		_ = p.Close()
	})
}

type marshals func() ([]byte, error)

func (m marshals) MarshalJSON() ([]byte, error) { return m() }

// The data of a refusal is encoded by user code, which may call the socket and may panic.
func TestRefusalDataIsUserCode(t *testing.T) {
	var log logged
	bubble(t, socketio.Options{Logger: log.logger()}, func(srv *socketio.Server) {
		srv.Open()
		srv.Of("/asks").Use(func(_ context.Context, s *socketio.Socket) error {
			return &socketio.Ending{Message: "no", Data: marshals(func() ([]byte, error) {
				return fmt.Appendf(nil, "%q", s.Handshake().Path), nil
			})}
		})
		srv.Of("/panics").Use(func(_ context.Context, s *socketio.Socket) error {
			return &socketio.Ending{Message: "no", Data: marshals(func() ([]byte, error) { panic("marshal") })}
		})
		srv.Of("/fails").Use(func(_ context.Context, s *socketio.Socket) error {
			return &socketio.Ending{Message: "no", Data: make(chan int)}
		})
	}, func(f *fixture) {
		for name, want := range map[string]string{"/asks": "no", "/panics": "no", "/fails": "no"} {
			got := f.refused(sockettest.Options{Namespace: name})
			if got.Message != want || (got.Data != nil) != (name == "/asks") {
				t.Errorf("%s: %q %s", name, got.Message, got.Data)
			}
		}
		if n := log.count("ending cannot be encoded"); n != 2 {
			t.Errorf("data that cannot be encoded is in the log %d times", n)
		}
	})
}

// A refusal of a socket that is closed or admitted already has no effect on the connection, and is not
// logged.
func TestLateRefusal(t *testing.T) {
	later := &socketio.Ending{Message: "later", Temporary: true, Err: errors.New("cause")}
	var held *socketio.Socket
	var log logged
	bubble(t, socketio.Options{Logger: log.logger()}, func(srv *socketio.Server) {
		srv.Open()
		srv.Of("/held").Use(func(_ context.Context, s *socketio.Socket) error {
			held = s
			return s.Hold(socketio.HoldOptions{})
		})
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		other, err := p.Join(f.ctx, "/held", nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = other.Leave()
		synctest.Wait()
		for _, how := range []error{later, errors.New("too late"), nil} {
			if err := held.Refuse(how); err != nil {
				t.Errorf("Refuse of a closed socket: %v", err)
			}
			if err := f.srv.Sockets()[0].Refuse(how); !errors.Is(err, socketio.ErrAdmitted) {
				t.Errorf("Refuse of an admitted socket: %v", err)
			}
		}
		synctest.Wait()
		if n := log.count("socketio: refused"); n != 0 {
			t.Errorf("%d refusals are logged", n)
		}
		if err := p.SendRaw(`2["x"]`); err != nil || len(f.srv.Sockets()) != 1 {
			t.Errorf("the connection was closed: %v", err)
		}
	})
}

// Several middleware functions may hold in turn. CONNECT is answered once, and early events are
// kept until the last one has finished.
func TestHeldTwice(t *testing.T) {
	var ran record
	hold := func(word string) socketio.ConnectMiddleware {
		return func(_ context.Context, s *socketio.Socket) error {
			ran.add("holds for " + word)
			err := s.Intercept(word, func(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
				ran.add(word)
				return e.Ack(fmt.Sprint(s.Admit()))
			})
			return errors.Join(err, s.Hold(socketio.HoldOptions{}))
		}
	}
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(hold("one"), hold("two"))
		srv.OnConnect(func(context.Context, *socketio.Socket) error { ran.add("connected"); return nil })
		srv.Handle("say", socketio.Func(func(_ context.Context, _ *socketio.Socket, text string) error { ran.add(text); return nil }))
	}, func(f *fixture) {
		var connects sync.WaitGroup
		connects.Add(1) // a second call would panic
		p := f.dial(sockettest.Options{Trace: func(sent bool, data []byte, _ bool) {
			if !sent && strings.HasPrefix(string(data), "0") {
				connects.Done()
			}
		}})
		_ = p.Emit("say", "first")
		_, _ = p.EmitWithAck(f.ctx, "one")
		_ = p.Emit("say", "second")
		synctest.Wait()
		if n := len(f.srv.Sockets()); n != 0 {
			t.Error("admitted after the first")
		}
		_, _ = p.EmitWithAck(f.ctx, "two")
		want := []string{"holds for one", "one", "holds for two", "two", "connected", "first", "second"}
		if got := ran.all(); !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
		answer, err := p.EmitWithAck(f.ctx, "two")
		var again string
		if err != nil || answer.Scan(&again) != nil || again != socketio.ErrAdmitted.Error() {
			t.Errorf("Admit again: %q, %v", again, err)
		}
	})
}

// Disconnect and Refuse of a connecting socket look the same to its peer, except for the
// message.
func TestEndedWhileConnecting(t *testing.T) {
	var log logged
	bubble(t, socketio.Options{Logger: log.logger()}, func(srv *socketio.Server) {
		srv.Of("/disconnect").Use(func(_ context.Context, s *socketio.Socket) error { s.Disconnect(nil); return nil })
		srv.Of("/refuse").Use(func(_ context.Context, s *socketio.Socket) error { return s.Refuse(errors.New("my reason")) })
	}, func(f *fixture) {
		for _, name := range []string{"/disconnect", "/refuse"} {
			if got := f.refused(sockettest.Options{Namespace: name}); got.Message != "connection refused" {
				t.Errorf("%s: %q", name, got.Message)
			}
		}
		if n := log.count("my reason"); n != 1 {
			t.Errorf("the reason is in the log %d times", n)
		}
	})
}
