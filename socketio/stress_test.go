package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// pairs checks that OnConnect, events and OnDisconnect of each socket come in that order, one
// at a time, and that OnConnect and OnDisconnect come once.
type pairs struct {
	t         *testing.T
	mu        sync.Mutex
	connected map[*socketio.Socket]bool // and not yet disconnected
	ended     map[*socketio.Socket]bool
	busy      map[*socketio.Socket]bool
}

func (p *pairs) run(s *socketio.Socket, what string, f func()) {
	p.mu.Lock()
	switch {
	case p.busy[s]:
		p.t.Errorf("%s of %v beside something else of it", what, s)
	case p.ended[s]:
		p.t.Errorf("%s of %v after its OnDisconnect", what, s)
	case (what == "OnConnect") == p.connected[s]:
		p.t.Errorf("%s of %v, connected: %t", what, s, p.connected[s])
	}
	p.busy[s] = true
	p.connected[s] = true
	if what == "OnDisconnect" {
		delete(p.connected, s)
		p.ended[s] = true
	}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.busy, s)
	}()
	f()
}

// TestEverythingAtOnce combines peers that connect, log in or not, join, emit, leave and vanish
// with broadcasts, kicks, room changes, and a shutdown in the middle. At the end nothing is
// left.
func TestEverythingAtOnce(t *testing.T) {
	const peers, rounds = 12, 12
	seen := &pairs{t: t, connected: map[*socketio.Socket]bool{}, ended: map[*socketio.Socket]bool{}, busy: map[*socketio.Socket]bool{}}
	pause := func() { time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond) }
	furnish := func(n *socketio.Mux) {
		n.Use(func(_ context.Context, s *socketio.Socket) error {
			if rand.IntN(3) == 0 {
				pause()
			}
			timer := time.AfterFunc(50*time.Millisecond, func() { _ = s.Refuse(errors.New("too late")) })
			s.OnEnd(func() { timer.Stop() })
			err := s.Intercept("login", func(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
				switch rand.IntN(8) {
				case 0:
					return s.Refuse(&socketio.Ending{Message: "later", Temporary: true})
				case 1:
					return s.Refuse(errors.New("no"))
				case 2:
					panic("login")
				case 3:
					go func() { _ = s.Refuse(errors.New("at once")) }()
				}
				_ = s.Admit()
				return e.Ack()
			})
			if err != nil || rand.IntN(2) == 0 {
				return err
			}
			return s.Hold(socketio.HoldOptions{})
		}, func(context.Context, *socketio.Socket) error { pause(); return nil })
		n.OnConnect(func(_ context.Context, s *socketio.Socket) error {
			seen.run(s, "OnConnect", func() { _ = s.Join("lobby", fmt.Sprint(rand.IntN(4))) })
			return nil
		})
		n.OnDisconnect(func(_ context.Context, s *socketio.Socket, _ socketio.Reason) { seen.run(s, "OnDisconnect", func() {}) })
		n.Handle("do", func(ctx context.Context, s *socketio.Socket, e *socketio.Event) error {
			seen.run(s, "event", func() {
				switch rand.IntN(8) {
				case 0:
					s.Leave("lobby")
				case 1:
					_ = s.To("lobby").Emit("said", []byte("bytes"))
				case 2:
					ctx, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
					defer cancel()
					_, _ = s.EmitWithAck(ctx, "q")
				case 3:
					s.Go(func(ctx context.Context) { <-ctx.Done() })
				case 4:
					go s.Disconnect(errors.New("kicked"))
				case 5:
					if rand.IntN(4) == 0 {
						s.Disconnect(&socketio.Ending{Temporary: true, WholeConnection: true})
					}
				default:
					pause()
				}
			})
			return e.Ack()
		})
	}
	opts := socketio.Options{Logger: slog.New(slog.DiscardHandler), MaxRefused: 1000}
	bubble(t, opts, func(srv *socketio.Server) {
		furnish(srv.Mux)
		furnish(srv.OfPattern(regexp.MustCompile(`/d\d`)).Mux)
	}, func(f *fixture) {
		ctx, cancel := context.WithCancel(f.ctx)
		var all sync.WaitGroup
		for i := range peers {
			all.Go(func() { stress(ctx, f, i, rounds, pause) })
		}
		for _, act := range []func(n *socketio.Namespace){
			func(n *socketio.Namespace) {
				ctx, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
				defer cancel()
				_, _ = n.To("lobby").EmitWithAck(ctx, "q")
			},
			func(n *socketio.Namespace) { _ = n.To("1", "2").DisconnectSockets(someEnding()) },
			func(n *socketio.Namespace) { _ = n.To("1").SocketsJoin("2"); _ = n.SocketsLeave("1") },
			func(n *socketio.Namespace) {
				_, _ = n.FetchSockets(ctx)
				for _, s := range n.Sockets() {
					if errors.Is(s.Join("listed"), socketio.ErrNotAdmitted) {
						t.Error("a socket that is not admitted is listed")
					}
				}
			},
		} {
			all.Go(func() {
				for ctx.Err() == nil {
					for _, name := range []string{"/", "/d0", "/d1"} {
						if n := f.srv.Lookup(name); n != nil {
							act(n)
						}
					}
					pause()
				}
			})
		}
		time.Sleep(time.Second)
		patience, enough := context.WithTimeout(ctx, time.Minute)
		defer enough()
		if err := f.srv.Shutdown(patience); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		cancel()
		all.Wait()
		synctest.Wait()
		if left := f.srv.Remains(); left != "" {
			t.Errorf("left: %s", left)
		}
		if n := len(seen.connected); n != 0 {
			t.Errorf("%d sockets never saw OnDisconnect", n)
		}
		if len(seen.ended) < peers {
			t.Errorf("only %d sockets were ever admitted", len(seen.ended))
		}
	})
}

// stress runs one peer after another.
func stress(ctx context.Context, f *fixture, i, rounds int, pause func()) {
	for range rounds {
		p, err := sockettest.Dial(ctx, "http://server", f.options(sockettest.Options{Namespace: []string{"/", "/d0", "/d1"}[i%3]}))
		if err != nil {
			pause()
			continue
		}
		for range 6 {
			short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			switch rand.IntN(8) {
			case 0:
				_ = p.Leave()
				if again, err := p.Join(short, fmt.Sprintf("/d%d", rand.IntN(2)), nil); err == nil {
					_ = again.Emit("do")
				}
			case 1:
				if e, err := p.Expect(short, "q"); err == nil {
					_ = e.Ack(1)
				}
			case 2:
				_, _ = p.EmitWithAck(short, "do", []byte("x"))
			case 3:
				_ = p.SendRaw(`2["do"]`)
			default:
				_, _ = p.EmitWithAck(short, "login")
				_ = p.Emit("do")
			}
			cancel()
		}
		if rand.IntN(4) > 0 {
			_ = p.Close()
			continue
		}
		f.t.Cleanup(func() { _ = p.Close() }) // it stays until the server closes
	}
}

// someEnding returns one of the ways to end a socket.
func someEnding() error {
	return []error{nil, errors.New("kicked"), &socketio.Ending{Temporary: true}, &socketio.Ending{Temporary: true, WholeConnection: true}}[rand.IntN(4)]
}
