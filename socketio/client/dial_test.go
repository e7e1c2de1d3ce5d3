package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/client"
)

func TestClose(t *testing.T) {
	var mu sync.Mutex
	var reasons []socketio.Reason
	heard := 0
	onEach(t, func(srv *socketio.Server) {
		echo(srv)
		srv.Handle("count", func(context.Context, *socketio.Socket, *socketio.Event) error { heard++; return nil })
		srv.OnDisconnect(func(_ context.Context, _ *socketio.Socket, r socketio.Reason) {
			mu.Lock()
			defer mu.Unlock()
			reasons = append(reasons, r)
		})
	}, func(f *fixture, opts client.Options) {
		t := f.t
		reasons, heard = nil, 0
		c := f.dial(opts)
		s := f.join(c, "/")
		waiting := make(chan error)
		go func() { _, err := s.EmitWithAck(f.ctx, "never"); waiting <- err }()
		synctest.Wait()
		for range 100 {
			if err := s.Emit(f.ctx, "count"); err != nil {
				t.Error(err)
			}
		}
		_ = c.Close()
		_ = c.Close()
		if err := <-waiting; !errors.Is(err, client.ErrClosed) {
			t.Errorf("EmitWithAck: %v", err)
		}
		if err := s.Emit(f.ctx, "x"); !errors.Is(err, client.ErrClosed) {
			t.Errorf("Emit: %v", err)
		}
		if _, err := c.Join(f.ctx, "/admin"); !errors.Is(err, client.ErrClosed) {
			t.Errorf("Join: %v", err)
		}
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		if heard != 100 || len(reasons) != 1 || reasons[0] != socketio.ReasonClient {
			t.Errorf("%d events, ended with %q", heard, reasons)
		}
	})
}

func TestAuth(t *testing.T) {
	const secret = "opaque-secret"
	refuse := errors.New("no token to be had: " + secret)
	bubble(t, func(srv *socketio.Server) {
		for _, name := range []string{"/", "/admin"} {
			srv.Of(name).Use(func(_ context.Context, s *socketio.Socket) error {
				var payload struct{ Token string }
				if err := json.Unmarshal(s.Handshake().Auth, &payload); err != nil || payload.Token != "of "+name {
					return &socketio.Ending{Message: "bad token"}
				}
				return nil
			})
		}
	}, func(f *fixture) {
		c := f.dial(client.Options{
			Header: http.Header{"X-Own": {"yes"}},
			Auth: func(ctx context.Context, namespace string) (any, error) {
				switch namespace {
				case "/fails":
					return nil, refuse
				case "/unusable":
					return make(chan int), nil
				case "/waits":
					<-ctx.Done()
					return nil, context.Cause(ctx)
				}
				return map[string]string{"token": "of " + namespace}, nil
			},
		})
		f.join(c, "/")
		f.join(c, "/admin")
		if _, err := c.Join(f.ctx, "/fails"); !errors.Is(err, refuse) {
			t.Errorf("got %v", err)
		}
		if _, err := c.Join(f.ctx, "/unusable"); err == nil {
			t.Error("a channel was sent")
		}
		short, cancel := context.WithTimeout(f.ctx, time.Second)
		defer cancel()
		if _, err := c.Join(short, "/waits"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestDialErrors(t *testing.T) {
	bubble(t, echo, func(f *fixture) {
		for _, opts := range []client.Options{
			{OpenTimeout: -1}, {MaxMessage: -1}, {ReconnectDelay: -1},
			{Transports: []client.Transport{}}, {Transports: []client.Transport{"websocket", "polling"}}, {Transports: []client.Transport{"carrier pigeon"}},
		} {
			if _, err := client.Dial(f.ctx, "http://server", f.options(opts)); err == nil {
				t.Errorf("%+v: no error", opts)
			}
		}
		var refused *client.StatusError
		if _, err := client.Dial(f.ctx, "http://server/elsewhere/", f.options(client.Options{})); !errors.As(err, &refused) || refused.Status != 404 && refused.Status != 400 {
			t.Errorf("got %v", err)
		}
		const secret = "opaque-secret"
		for _, url := range []string{"http://[" + secret, "ftp://x?token=" + secret} {
			if _, err := client.Dial(f.ctx, url, f.options(client.Options{})); err == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v", url, err)
			}
		}
		f.cut(true)
		if _, err := client.Dial(f.ctx, "http://server?token="+secret, f.options(client.Options{})); !errors.Is(err, errDown) || strings.Contains(err.Error(), secret) {
			t.Errorf("got %v", err)
		}
	})
}

func TestOpenTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), func(f *fixture) {
			start := time.Now()
			_, err := client.Dial(f.ctx, "http://server", f.options(client.Options{}))
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 20*time.Second {
				t.Errorf("%v after %s", err, time.Since(start))
			}
		})
	})
}
