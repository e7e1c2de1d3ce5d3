package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

func TestEarlyEventsAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		hold   socketio.HoldOptions
		opts   socketio.Options
		events []string
		closed bool
	}{
		"16 fit":              {events: slices.Repeat([]string{"x"}, 16)},
		"17 do not":           {events: slices.Repeat([]string{"x"}, 17), closed: true},
		"64 KiB do not":       {events: []string{strings.Repeat("x", 65<<10)}, closed: true},
		"fewer by option":     {hold: socketio.HoldOptions{Events: 1}, events: []string{"x", "y"}, closed: true},
		"the server's bound":  {opts: socketio.Options{MaxHeldBytes: 4000}, events: []string{strings.Repeat("x", 3000)}, closed: true},
		"dropped if so asked": {hold: socketio.HoldOptions{Drop: true}, events: slices.Repeat([]string{"x"}, 100)},
	} {
		t.Run(name, func(t *testing.T) {
			var ran record
			bubble(t, c.opts, holding(c.hold, &ran), func(f *fixture) {
				p := f.dial(sockettest.Options{})
				for _, text := range c.events {
					_ = p.Emit("say", text)
				}
				if c.closed {
					f.ended(p, sockettest.ErrClosed)
					if got := ran.all(); len(got) != 0 {
						t.Errorf("ran %q", got)
					}
					_ = p.Close()
					synctest.Wait()
					if left := f.srv.Remains(); left != "" {
						t.Errorf("left: %s", left)
					}
					return
				}
				if _, err := p.EmitWithAck(f.ctx, "login", "yes"); err != nil {
					t.Fatal(err)
				}
				said := 0
				for _, line := range ran.all() {
					if strings.HasPrefix(line, "say") {
						said++
					}
				}
				if want := len(c.events); c.hold.Drop && said != 0 || !c.hold.Drop && said != want {
					t.Errorf("%d events handled of %d", said, want)
				}
			})
		})
	}
}

// The charge for the early events of a socket is returned, whether the socket is admitted or
// not.
func TestHeldBytesAreGivenBack(t *testing.T) {
	var ran record
	bubble(t, socketio.Options{MaxHeldBytes: 12_000}, holding(socketio.HoldOptions{}, &ran), func(f *fixture) {
		for i := range 10 {
			p := f.dial(sockettest.Options{})
			if err := p.Emit("say", strings.Repeat("x", 3000)); err != nil {
				t.Fatal(err)
			}
			word := "yes"
			if i%2 == 1 {
				word = "no"
			}
			_ = p.Emit("login", word)
			synctest.Wait()
			if i > 6 { // the others stay
				_ = p.Close()
			}
		}
		said := 0
		for _, line := range ran.all() {
			if strings.HasPrefix(line, "say") {
				said++
			}
		}
		if said != 5 {
			t.Errorf("%d of 5 early events were handled", said)
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

// Events that a peer sends after it was told about its admission are not early, however long
// the middleware after the hold takes. With Drop they would be lost.
func TestAdmitWithTellsThePeerWhenItIsAdmitted(t *testing.T) {
	var ran record
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			if err := s.Intercept("login", func(context.Context, *socketio.Socket, *socketio.Event) error {
				return s.AdmitWith("in", 7)
			}); err != nil {
				return err
			}
			return s.Hold(socketio.HoldOptions{Drop: true})
		}, func(_ context.Context, s *socketio.Socket) error {
			time.Sleep(30 * time.Second)
			_ = s.Namespace().Emit("news")
			return nil
		})
		srv.OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Emit("connected") })
		srv.HandleAny(func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error { ran.add(e.Name()); return nil })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		_ = p.Emit("login")
		f.nothing(p) // the second middleware is running
		var n int
		f.expect(p, "in", &n)
		_ = p.Emit("after")
		if got := ran.all(); !slices.Equal(got, []string{"after"}) || n != 7 {
			t.Errorf("after %d ran %q, want the event after 7", n, got)
		}
		if got := p.Events(); !slices.Equal(got, []string{"connected"}) {
			t.Errorf("besides, the peer received %q, want only connected", got)
		}
	})
}

// Exactly one of Admit and Refuse wins, whichever is first.
func TestAdmitAgainstRefuse(t *testing.T) {
	for range 50 {
		var ran record
		bubble(t, socketio.Options{}, func(srv *socketio.Server) {
			srv.Use(func(_ context.Context, s *socketio.Socket) error {
				time.AfterFunc(time.Second, func() { _ = s.Admit() })
				time.AfterFunc(time.Second, func() { _ = s.Refuse(errors.New("too late")) })
				return s.Hold(socketio.HoldOptions{})
			})
			srv.OnConnect(func(context.Context, *socketio.Socket) error { ran.add("connected"); return nil })
		}, func(f *fixture) {
			p := f.dial(sockettest.Options{})
			time.Sleep(2 * time.Second)
			synctest.Wait()
			listed, connected := len(f.srv.Sockets()), len(ran.all())
			if err := p.SendRaw(`2["x"]`); err != nil {
				t.Error(err)
			}
			if listed != connected {
				t.Errorf("listed %d, connected %d", listed, connected)
			}
		})
	}
}

// An intercepted event bypasses middleware and handlers also after admission. Intercepted
// events are handled one at a time and do not delay others.
func TestInterceptAfterAdmission(t *testing.T) {
	var ran record
	gate := make(chan struct{})
	nop := func(context.Context, *socketio.Socket, *socketio.Event) error { return nil }
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		gate = make(chan struct{})
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			if s.Intercept("x", nil) == nil || s.Intercept("", nop) == nil || s.Intercept("connect", nop) == nil {
				t.Error("Intercept takes what can never be")
			}
			if s.Intercept("y", nop) != nil || s.Intercept("y", nop) == nil {
				t.Error("Intercept of one event twice")
			}
			return s.Intercept("slow", func(ctx context.Context, _ *socketio.Socket, e *socketio.Event) error {
				ran.add("slow begins")
				<-gate
				ran.add("slow ends")
				return e.Ack()
			})
		})
		srv.Handle("slow", func(context.Context, *socketio.Socket, *socketio.Event) error { ran.add("handler"); return nil })
		srv.Handle("fast", socketio.AckFunc(func(context.Context, *socketio.Socket, struct{}) (int, error) { return 1, nil }))
		srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
			if err := s.Intercept("x", nop); !errors.Is(err, socketio.ErrAdmitted) {
				t.Errorf("Intercept after admission: %v", err)
			}
			if err := s.Hold(socketio.HoldOptions{}); !errors.Is(err, socketio.ErrAdmitted) {
				t.Errorf("Hold after admission: %v", err)
			}
			return nil
		})
		srv.Of("/gone").Use(func(ctx context.Context, s *socketio.Socket) error {
			<-ctx.Done()
			for name, err := range map[string]error{"Intercept": s.Intercept("x", nop), "Hold": s.Hold(socketio.HoldOptions{}), "Admit": s.Admit(), "Emit": s.Emit("x"), "Join": s.Join("x")} {
				if !errors.Is(err, socketio.ErrClosed) {
					t.Errorf("%s after the end: %v", name, err)
				}
			}
			return nil
		})
	}, func(f *fixture) {
		gone := f.dial(sockettest.Options{})
		_ = gone.SendRaw("0/gone,")
		synctest.Wait()
		_ = gone.Close()
		p := f.dial(sockettest.Options{})
		_ = p.Emit("slow")
		_ = p.Emit("slow")
		if _, err := p.EmitWithAck(f.ctx, "fast"); err != nil {
			t.Error(err)
		}
		if got, want := ran.all(), []string{"slow begins"}; !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
		close(gate)
		if got, want := ran.all(), []string{"slow begins", "slow ends", "slow begins", "slow ends"}; !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
	})
}

// A socket that is listed is admitted.
func TestListedSocketsAreAdmitted(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			go func() { _ = s.Admit() }()
			return s.Hold(socketio.HoldOptions{})
		})
	}, func(f *fixture) {
		var stop atomic.Bool
		looked := make(chan struct{})
		go func() {
			defer close(looked)
			for !stop.Load() {
				for _, s := range f.srv.Sockets() {
					if err := s.Join("x"); errors.Is(err, socketio.ErrNotAdmitted) {
						t.Errorf("a socket that is not admitted is listed")
						return
					}
				}
			}
		}()
		for range 200 {
			p := f.dial(sockettest.Options{})
			_ = p.Close()
		}
		stop.Store(true)
		<-looked
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

// A temporary refusal of a socket that is closed or admitted already has no effect on the
// connection.
func TestLateTemporaryRefusal(t *testing.T) {
	later := &socketio.Ending{Message: "later", Temporary: true}
	var held *socketio.Socket
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
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
		if err := held.Refuse(later); err != nil {
			t.Errorf("Refuse of a closed socket: %v", err)
		}
		if err := f.srv.Sockets()[0].Refuse(later); !errors.Is(err, socketio.ErrAdmitted) {
			t.Errorf("Refuse of an admitted socket: %v", err)
		}
		synctest.Wait()
		if err := p.SendRaw(`2["x"]`); err != nil || len(f.srv.Sockets()) != 1 {
			t.Errorf("the connection was closed: %v", err)
		}
	})
}

// A peer must not fill the log: dropped events of a held socket are logged once.
func TestDroppedEventsAreLoggedOnce(t *testing.T) {
	var log logged
	var ran record
	bubble(t, socketio.Options{Logger: log.logger()}, holding(socketio.HoldOptions{Drop: true}, &ran), func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for range 1000 {
			_ = p.Emit("say", "x")
		}
		_ = p.Emit("login", "yes")
		ran.all()
		if n := log.count("dropped"); n != 1 {
			t.Errorf("logged %d times", n)
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

// AdmitWith sends its event only if the admission happens, and sends it once.
func TestAdmitWith(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		hold := func(word string) socketio.ConnectMiddleware {
			return func(_ context.Context, s *socketio.Socket) error {
				err := s.Intercept(word, func(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
					if err := s.AdmitWith("connect"); !errors.Is(err, socketio.ErrEventName) {
						t.Errorf("AdmitWith of a reserved event: %v", err)
					}
					return s.AdmitWith("in " + word)
				})
				return errors.Join(err, s.Hold(socketio.HoldOptions{}))
			}
		}
		srv.Use(hold("one"), hold("two"))
		srv.Of("/no").Use(hold("one"), func(context.Context, *socketio.Socket) error { return errors.New("no") })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		_ = p.Emit("one")
		f.expect(p, "in one") // held again, but the peer must learn that it may continue
		_ = p.Emit("two")
		f.expect(p, "in two")
		f.nothing(p)
		no := f.dial(sockettest.Options{Namespace: "/no"})
		_ = no.Emit("one")
		f.ended(no, sockettest.ErrDisconnected)
		f.nothing(no)
	})
}

// If a middleware calls Hold twice, the socket is held until Admit is called after the second
// call. An Admit between the two does not admit it.
func TestHoldAfterAdmit(t *testing.T) {
	var held *socketio.Socket
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			held = s
			_ = s.Hold(socketio.HoldOptions{})
			_ = s.Admit()
			return s.Hold(socketio.HoldOptions{})
		})
	}, func(f *fixture) {
		f.dial(sockettest.Options{})
		synctest.Wait()
		if n := len(f.srv.Sockets()); n != 0 {
			t.Error("admitted while it is held")
		}
		if err := held.Admit(); err != nil {
			t.Errorf("Admit: %v", err)
		}
		synctest.Wait()
		if n := len(f.srv.Sockets()); n != 1 {
			t.Error("not admitted")
		}
	})
}

// The charge for each intercepted event is returned when the event is handled.
func TestInterceptedBytesAreGivenBack(t *testing.T) {
	bubble(t, socketio.Options{MaxInbox: 3000}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			return s.Intercept("x", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error { return e.Ack() })
		})
		srv.HandleAny(func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error { return e.Ack() })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for i := range 20 {
			if _, err := p.EmitWithAck(f.ctx, []string{"x", "y"}[i%2], strings.Repeat("x", 1500)); err != nil {
				t.Fatal(err)
			}
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

// Once a socket is admitted, early events count as waiting events.
func TestEarlyEventsCountInTheInbox(t *testing.T) {
	bubble(t, socketio.Options{MaxInbox: 3000}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			time.AfterFunc(time.Second, func() { _ = s.Admit() })
			return s.Hold(socketio.HoldOptions{})
		})
		srv.OnConnect(func(ctx context.Context, _ *socketio.Socket) error { <-ctx.Done(); return nil })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		_ = p.Emit("early", strings.Repeat("x", 2000))
		time.Sleep(2 * time.Second)
		_ = p.Emit("late", strings.Repeat("x", 1000))
		f.ended(p, sockettest.ErrClosed)
	})
}
