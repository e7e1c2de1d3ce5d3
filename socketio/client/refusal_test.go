package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/socketio"
	"socketiojwt/socketio/client"
)

type gated struct {
	mu     sync.Mutex
	refuse error
	asked  []time.Time
}

func (g *gated) use(_ context.Context, _ *socketio.Socket) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, time.Now())
	return g.refuse
}

func (g *gated) set(err error) (asked []time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refuse = err
	asked, g.asked = g.asked, nil
	return asked
}

func TestRefusedAfterReconnection(t *testing.T) {
	var gate gated
	bubble(t, func(srv *socketio.Server) {
		echo(srv)
		srv.Of("/gate").Use(gate.use)
	}, func(f *fixture) {
		c := f.dial(client.Options{})
		s, other := f.join(c, "/gate"), f.join(c, "/")
		gate.set(&socketio.Ending{Message: "token expired"})
		f.cut(false)
		f.expect(s, client.EventConnect)
		f.expect(s, client.EventDisconnect)
		var refusal *client.ConnectError
		if _, err := s.Receive(f.ctx); !errors.As(err, &refusal) || refusal.Message != "token expired" {
			t.Errorf("got %v", err)
		}
		f.ask(other)
		time.Sleep(time.Minute)
		if asked := gate.set(nil); len(asked) != 1 {
			t.Errorf("asked %d times", len(asked))
		}
		f.join(c, "/gate")
	})
}

func TestTemporaryRefusal(t *testing.T) {
	for _, shared := range []bool{false, true} {
		t.Run(fmt.Sprintf("shared %v", shared), func(t *testing.T) {
			var gate gated
			bubble(t, func(srv *socketio.Server) {
				echo(srv)
				srv.Of("/gate").Use(gate.use)
			}, func(f *fixture) {
				c := f.dial(client.Options{})
				if shared {
					f.join(c, "/")
				}
				data := json.RawMessage(`{"temporary":true,"retryAfter":20}`)
				gate.set(&socketio.Ending{Message: "later", Temporary: true, Data: data, RetryAfter: 20 * time.Second})
				short, cancel := context.WithTimeout(f.ctx, 100*time.Second)
				defer cancel()
				if _, err := c.Join(short, "/gate"); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
				asked := gate.set(nil)
				if len(asked) < 3 || len(asked) > 6 {
					t.Errorf("asked at %v", asked)
				}
				for i := range asked[1:] {
					if d := asked[i+1].Sub(asked[i]); d < 20*time.Second {
						t.Errorf("asked again after %s", d)
					}
				}
				gate.set(&socketio.Ending{Message: "later", Temporary: true})
				go func() { time.Sleep(time.Minute); gate.set(nil) }()
				f.join(c, "/gate")
			})
			bubble(t, func(srv *socketio.Server) {
				echo(srv)
				srv.Of("/gate").Use(gate.use)
			}, func(f *fixture) {
				c := f.dial(client.Options{NoReconnect: true})
				if shared {
					f.join(c, "/")
				}
				gate.set(&socketio.Ending{Message: "later", Temporary: true})
				_, err := c.Join(f.ctx, "/gate")
				var refusal *client.ConnectError
				if errors.As(err, &refusal) != shared || shared && !refusal.Temporary || !shared && !errors.Is(err, client.ErrClosed) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestRetryAfter(t *testing.T) {
	var away atomic.Bool
	var asked []time.Time
	synctest.Test(t, func(t *testing.T) {
		srv, err := socketio.NewServer(socketio.Options{Logger: discard, Engine: engineio.Options{Allow: func(*http.Request) error {
			asked = append(asked, time.Now())
			if away.Load() {
				return &engineio.RefusedError{Status: 503, Message: "away", RetryAfter: time.Minute}
			}
			return nil
		}}})
		if err != nil {
			t.Fatal(err)
		}
		echo(srv)
		handler, err := srv.Handler()
		if err != nil {
			t.Fatal(err)
		}
		serve(t, handler, func(f *fixture) {
			defer func() { _ = srv.Close() }()
			c := f.dial(client.Options{})
			defer func() { _ = c.Close() }()
			s := f.join(c, "/")
			away.Store(true)
			f.cut(false)
			time.Sleep(10 * time.Minute)
			away.Store(false)
			f.ask(s)
			if len(asked) < 8 || len(asked) > 14 {
				t.Errorf("asked %d times", len(asked))
			}
			for i := range asked[2:] {
				if d := asked[i+2].Sub(asked[i+1]); d < time.Minute || d > 90*time.Second {
					t.Errorf("asked again after %s", d)
				}
			}
		})
	})
}

func TestAuthFailsAfterReconnection(t *testing.T) {
	const secret = "opaque-secret"
	bubble(t, echo, func(f *fixture) {
		var log bytes.Buffer
		var fail atomic.Bool
		var asked atomic.Int32
		c := f.dial(client.Options{
			Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			Auth: func(context.Context, string) (any, error) {
				asked.Add(1)
				if fail.Load() {
					return nil, errors.New("GET https://login/?refresh=" + secret)
				}
				return map[string]string{"token": secret}, nil
			},
		})
		s := f.join(c, "/")
		fail.Store(true)
		f.cut(false)
		time.Sleep(time.Minute)
		if n := asked.Load(); n < 8 || n > 30 {
			t.Errorf("asked %d times", n)
		}
		fail.Store(false)
		f.ask(s)
		_ = c.Close()
		if strings.Contains(log.String(), secret) {
			t.Errorf("a secret is in the log:\n%s", log.String())
		}
	})
}
