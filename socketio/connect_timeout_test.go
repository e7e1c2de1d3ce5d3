package socketio_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

func TestConnectTimeout(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("kick", func(_ context.Context, s *socketio.Socket, _ *socketio.Event) error { s.Disconnect(nil); return nil })
		srv.Handle("busy", func(context.Context, *socketio.Socket, *socketio.Event) error {
			time.Sleep(9 * time.Second)
			return nil
		})
		srv.Of("/slow").Use(func(ctx context.Context, _ *socketio.Socket) error { <-ctx.Done(); return context.Cause(ctx) })
	}, func(f *fixture) {
		begin := time.Now()
		// A middleware that never returns is cancelled with the connection.
		_, err := sockettest.Dial(f.ctx, "http://server", f.options(sockettest.Options{Namespace: "/slow"}))
		if d := time.Since(begin); !errors.Is(err, sockettest.ErrClosed) || d != 45*time.Second {
			t.Errorf("slow middleware: %v after %v", err, d)
		}
		// Joining a namespace stops the timer, and leaving the last one restarts it.
		p := f.dial(sockettest.Options{})
		time.Sleep(10 * time.Minute)
		if err := p.Leave(); err != nil {
			t.Errorf("closed while joined: %v", err)
		}
		time.Sleep(44 * time.Second)
		again, err := p.Join(f.ctx, "/", nil)
		if err != nil {
			t.Fatalf("join again: %v", err)
		}
		_ = again.Leave()
		time.Sleep(46 * time.Second)
		if _, err := p.Join(f.ctx, "/", nil); !errors.Is(err, sockettest.ErrClosed) {
			t.Errorf("a connection without a namespace stays: %v", err)
		}
		// The same holds for every way in which the last one ends, even while its handler is
		// busy.
		for _, end := range []string{"kick", "busy"} {
			p := f.dial(sockettest.Options{})
			_ = p.Emit(end)
			synctest.Wait()
			if end == "busy" {
				_ = p.Leave()
			}
			time.Sleep(44 * time.Second)
			if err := p.SendRaw(`0/nowhere,`); err != nil {
				t.Errorf("%s: closed too early: %v", end, err)
			}
			time.Sleep(2 * time.Second)
			if err := p.SendRaw(`0/nowhere,`); err == nil {
				t.Errorf("%s: a connection without a namespace stays", end)
			}
		}
	})
}

// A connection whose only other CONNECT is still in progress is in no namespace.
func TestConnectTimeoutBesideASlowConnect(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Of("/slow").Use(func(ctx context.Context, _ *socketio.Socket) error { <-ctx.Done(); return context.Cause(ctx) })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		_ = p.SendRaw("0/slow,")
		time.Sleep(time.Hour - time.Minute) // no timer runs, because "/" is joined
		_ = p.Leave()
		time.Sleep(46 * time.Second)
		if _, err := p.Join(f.ctx, "/", nil); !errors.Is(err, sockettest.ErrClosed) {
			t.Errorf("got %v, want a closed connection", err)
		}
	})
}

// A connection that closes before it joined a namespace leaves no timer. One that is closed for
// joining none is logged.
func TestConnectTimeoutEndsWithTheConnection(t *testing.T) {
	for _, stays := range []bool{false, true} {
		var log logged
		bubble(t, socketio.Options{Logger: log.logger()}, open, func(f *fixture) {
			conn, err := f.engine()
			if err != nil {
				t.Fatal(err)
			}
			if !stays {
				_ = conn.Close()
			}
			_, _, _ = conn.Receive(f.ctx)
			time.Sleep(time.Minute)
			_ = conn.Close()
			if n := log.count("no namespace joined in time"); (n == 1) != stays {
				t.Errorf("stays: %t, logged %d times", stays, n)
			}
		})
	}
}

// Until a connection's first admission, one time limit applies, whatever the peer does.
func TestConnectTimeoutLastsUntilAdmission(t *testing.T) {
	bubble(t, socketio.Options{MaxRefused: 100}, func(srv *socketio.Server) {
		srv.Of("/held").Use(func(_ context.Context, s *socketio.Socket) error {
			time.AfterFunc(10*time.Second, func() { _ = s.Refuse(errors.New("no")) })
			return s.Hold(socketio.HoldOptions{})
		})
		srv.Of("/no").Use(func(context.Context, *socketio.Socket) error { return errors.New("no") })
	}, func(f *fixture) {
		for name, packets := range map[string][]string{
			"held and refused": {"0/held,"},
			"held and gone":    {"0/held,", "1/held,"},
			"refused":          {"0/no,"},
		} {
			conn, err := f.engine()
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			go func() {
				for {
					if _, _, err := conn.Receive(f.ctx); err != nil {
						return
					}
				}
			}()
			for time.Since(began) < time.Hour {
				if packets[0] == "0/held," && len(packets) == 1 { // once in 11 s, because a second CONNECT breaks the protocol
					time.Sleep(10 * time.Second)
				}
				for _, packet := range packets {
					err = conn.Send([]byte(packet))
					time.Sleep(time.Second)
				}
				if err != nil {
					break
				}
			}
			if took := time.Since(began); took < 45*time.Second || took > 57*time.Second {
				t.Errorf("%s: closed after %v, want 45 s", name, took)
			}
			_ = conn.Close()
		}
	})
}

// The first admission removes that limit, also for held sockets of the connection.
func TestConnectTimeoutEndsWithTheFirstAdmission(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Of("/held").Use(func(_ context.Context, s *socketio.Socket) error { return s.Hold(socketio.HoldOptions{}) })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{Namespace: "/held"})
		time.Sleep(40 * time.Second)
		if _, err := p.Join(f.ctx, "/", nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if err := p.Emit("still here"); err != nil {
			t.Errorf("closed: %v", err)
		}
	})
}
