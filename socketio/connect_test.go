package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

func TestConnectMiddlewareRunsInOrderAndRefuses(t *testing.T) {
	var ran record
	step := func(name string, err error) socketio.ConnectMiddleware {
		return func(context.Context, *socketio.Socket) error { ran.add(name); return err }
	}
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(step("1", nil), step("2", nil))
		srv.OnConnect(func(context.Context, *socketio.Socket) error { ran.add("connected"); return nil })
		srv.Of("/no").Use(step("a", &socketio.Ending{Message: "not you", Data: map[string]int{"code": 7}}), step("b", nil))
		srv.Of("/oops").Use(step("c", errors.New("password=hunter2")))
	}, func(f *fixture) {
		f.dial(sockettest.Options{})
		synctest.Wait()
		got := f.refused(sockettest.Options{Namespace: "/no"})
		if got.Message != "not you" || string(got.Data) != `{"code":7}` {
			t.Errorf("refusal %q %s", got.Message, got.Data)
		}
		if got := f.refused(sockettest.Options{Namespace: "/oops"}); got.Message != "connection refused" || got.Data != nil {
			t.Errorf("a private error reached the peer: %q %v", got.Message, got.Data)
		}
		if got, want := ran.all(), []string{"1", "2", "connected", "a", "c"}; !slices.Equal(got, want) {
			t.Errorf("ran %q, want %q", got, want)
		}
	})
}

// Exceeding a limit of one connection closes it. Each row is what the peer does.
func TestConnectionLimits(t *testing.T) {
	for name, c := range map[string]struct {
		opts socketio.Options
		send []string
	}{
		"namespaces":    {socketio.Options{MaxNamespaces: 3}, []string{"0/1,", "0/2,", "0/3,"}},
		"refused":       {socketio.Options{MaxRefused: 2}, []string{"0/no,", "0/no,", "0/no,"}},
		"name":          {socketio.Options{MaxNameLength: 8}, []string{"0/123456789,"}},
		"event name":    {socketio.Options{MaxNameLength: 8}, []string{`2["123456789"]`}},
		"depth":         {socketio.Options{MaxDepth: 3}, []string{`2["a",[[[]]]]`}},
		"connect depth": {socketio.Options{MaxDepth: 3}, []string{`0/1,{"a":[[[]]]}`}},
		"attachments":   {socketio.Options{MaxAttachments: 2}, []string{`53-["a"]`}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, c.opts, func(srv *socketio.Server) {
				srv.Open()
				srv.OfPattern(regexp.MustCompile(`/\d+`)).Open()
				srv.OfPattern(regexp.MustCompile(`/slow\d+`)).Use(func(ctx context.Context, _ *socketio.Socket) error {
					<-ctx.Done()
					return context.Cause(ctx)
				})
			}, func(f *fixture) {
				p := f.dial(sockettest.Options{})
				for i, raw := range c.send {
					synctest.Wait()
					if i == len(c.send)-1 {
						if err := p.Emit("still-here"); err != nil {
							t.Errorf("closed too early: %v", err)
						}
					}
					_ = p.SendRaw(raw)
				}
				f.ended(p, sockettest.ErrClosed)
			})
		})
	}
}

// A peer that was refused or disconnected may send CONNECT again at once, however long the
// cleanup on the server takes.
func TestJoinAgainAtOnce(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			s.OnEnd(func() { time.Sleep(time.Second) })
			if s.Handshake().Auth != nil {
				return errors.New("no")
			}
			return nil
		})
		srv.Handle("kick", func(_ context.Context, s *socketio.Socket, _ *socketio.Event) error { s.Disconnect(nil); return nil })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for range 3 {
			_ = p.Emit("kick")
			f.ended(p, sockettest.ErrDisconnected)
			var refusal *sockettest.ConnectError
			if _, err := p.Join(f.ctx, "/", map[string]int{}); !errors.As(err, &refusal) {
				t.Fatalf("got %v, want a refusal", err)
			}
			var err error
			if p, err = p.Join(f.ctx, "/", nil); err != nil {
				t.Fatalf("join again: %v", err)
			}
		}
		_ = p.Close()
		time.Sleep(time.Minute)
	})
}

// The JavaScript client sends the CONNECTs of all its namespaces at once.
func TestSimultaneousConnectsWaitForTheirTurn(t *testing.T) {
	var running gauge
	var joined atomic.Int32
	bubble(t, socketio.Options{MaxConnecting: 2}, func(srv *socketio.Server) {
		srv.OfPattern(regexp.MustCompile(`/\d+`)).Use(func(_ context.Context, s *socketio.Socket) error {
			running.add(1)
			time.Sleep(time.Second)
			running.add(-1)
			if s.Namespace().Name() == "/3" {
				return errors.New("no")
			}
			return nil
		})
		srv.Open().OnConnect(func(_ context.Context, s *socketio.Socket) error { return nil })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for i := range 9 {
			go func() {
				if _, err := p.Join(f.ctx, fmt.Sprintf("/%d", i), nil); err == nil {
					joined.Add(1)
				} else if i != 3 {
					t.Errorf("/%d: %v", i, err)
				}
			}()
		}
		time.Sleep(time.Minute)
		if joined.Load() != 8 || running.peak() != 2 {
			t.Errorf("%d of 8 joined, %d at a time", joined.Load(), running.peak())
		}
	})
}

// Waiting CONNECTs are not refused more often than others.
func TestWaitingConnectsAreBounded(t *testing.T) {
	var refused atomic.Int32
	bubble(t, socketio.Options{MaxConnecting: 1, MaxRefused: 3}, func(srv *socketio.Server) {
		srv.OfPattern(regexp.MustCompile(`/\d+`)).Use(func(context.Context, *socketio.Socket) error {
			time.Sleep(time.Second) // all arrive before the first is refused
			refused.Add(1)
			return errors.New("no")
		})
		srv.Open()
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for i := range 20 {
			_ = p.SendRaw(fmt.Sprintf("0/%d,", i))
		}
		f.ended(p, sockettest.ErrClosed)
		synctest.Wait()
		if n := refused.Load(); n != 3 {
			t.Errorf("%d CONNECTs were examined, want 3", n)
		}
	})
}

// Busy sockets whose peer has left count, because otherwise a peer could have any number of
// them.
func TestBusySocketsOfLeftNamespacesAreBounded(t *testing.T) {
	var running gauge
	bubble(t, socketio.Options{MaxNamespaces: 3}, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("work", func(context.Context, *socketio.Socket, *socketio.Event) error {
			running.add(1)
			time.Sleep(5 * time.Second)
			running.add(-1)
			return nil
		})
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for range 20 {
			_ = p.SendRaw(`2["work"]`)
			synctest.Wait() // until the handler runs
			_ = p.SendRaw("1")
			_ = p.SendRaw("0")
			synctest.Wait()
		}
		f.ended(p, sockettest.ErrClosed)
		time.Sleep(time.Minute)
		if running.peak() != 3 {
			t.Errorf("%d handlers ran at once, want 3", running.peak())
		}
	})
}
