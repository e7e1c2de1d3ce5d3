package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"socketiojwt/engineio"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

type tenantKey struct{}

// fromRequest returns all values of the request's context, and the header X-Tenant.
func fromRequest(_ context.Context, r *http.Request) context.Context {
	return context.WithValue(r.Context(), tenantKey{}, r.Header.Get("X-Tenant"))
}

// noting registers all functions that get a context, on the namespaces of a rule. Each records
// the tenant in its context.
func noting(seen *record) func(srv *socketio.Server) {
	note := func(ctx context.Context, what string) {
		_, deadline := ctx.Deadline()
		seen.add(fmt.Sprint(what, " ", ctx.Value(tenantKey{}), " ", ctx.Err() != nil || deadline))
	}
	return func(srv *socketio.Server) {
		n := srv.OfFunc(func(ctx context.Context, _ string, _ *socketio.Handshake) (bool, error) {
			note(ctx, "rule")
			return true, nil
		})
		n.Use(func(ctx context.Context, s *socketio.Socket) error {
			note(ctx, "middleware")
			return s.Intercept("first", func(ctx context.Context, _ *socketio.Socket, _ *socketio.Event) error {
				note(ctx, "interceptor")
				return nil
			})
		})
		n.Wrap(func(next socketio.Handler) socketio.Handler {
			return func(ctx context.Context, s *socketio.Socket, e *socketio.Event) error {
				note(ctx, "wrapper")
				return next(ctx, s, e)
			}
		})
		n.OnConnect(func(ctx context.Context, _ *socketio.Socket) error {
			note(ctx, "connect")
			return nil
		})
		n.Handle("second", func(ctx context.Context, s *socketio.Socket, _ *socketio.Event) error {
			note(ctx, "handler")
			done := make(chan struct{})
			s.Go(func(ctx context.Context) {
				defer close(done)
				note(ctx, "go")
			})
			<-done
			return s.Emit("third")
		})
		n.OnEmit(func(e socketio.Emitted) { note(e.Socket.Context(), "emit") })
		n.OnDisconnecting(func(ctx context.Context, _ *socketio.Socket, _ socketio.Reason, _ []string) {
			note(ctx, "disconnecting")
		})
		n.OnDisconnect(func(ctx context.Context, _ *socketio.Socket, _ socketio.Reason) { note(ctx, "disconnect") })
	}
}

// The values reach all user code, also long after the request has ended. The cancellation of
// the request does not.
func TestConnContextReachesMiddlewareHandlersAndHooks(t *testing.T) {
	var seen record
	bubble(t, socketio.Options{ConnContext: fromRequest}, noting(&seen), func(f *fixture) {
		p := f.dial(sockettest.Options{Namespace: "/any", Header: http.Header{"X-Tenant": {"acme"}}})
		synctest.Wait()
		time.Sleep(10 * time.Second)
		for _, event := range []string{"first", "second"} {
			if err := p.Emit(event); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		_ = p.Close()
		want := []string{"rule", "middleware", "connect", "interceptor", "wrapper", "handler", "go", "emit", "disconnecting", "disconnect"}
		for i := range want {
			want[i] += " acme false"
		}
		if got := seen.all(); !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}

// Two sockets that share a connection both have the values. These do not end with the request
// of a poll, and later requests do not change them.
func TestConnContextIsOfTheFirstRequest(t *testing.T) {
	var seen record
	bubble(t, socketio.Options{ConnContext: fromRequest}, noting(&seen), func(f *fixture) {
		f.header = http.Header{"X-Tenant": {"acme"}}
		session := f.pollingSession()

		f.header = http.Header{"X-Tenant": {"evil"}}
		f.post(session, "40/one,\x1e40/two,")
		synctest.Wait()
		f.poll(session)
		f.post(session, "42/one,[\"second\"]")
		synctest.Wait()
		f.poll(session)

		_, sid, _ := strings.Cut(session, "transport=polling")
		f.actBySocket(act{eio: "4", header: "X-Tenant: evil\r\n", frames: texts([]string{"2probe", "5", `42/two,["second"]`})},
			"&transport=websocket"+sid)
		if got := f.srv.Lookup("/two").Sockets()[0].Transport(); got != engineio.WebSocket {
			t.Fatalf("the transport is %s", got)
		}
		got := seen.all()
		if n := len(got); n != 14 || slices.ContainsFunc(got, func(line string) bool { return !strings.HasSuffix(line, " acme false") }) {
			t.Errorf("%d lines: %q", n, got)
		}
	})
}

// Without ConnContext, no value of the request's context is kept, because some middleware
// reuses its values for other requests.
func TestNoConnContextPassesNoValues(t *testing.T) {
	setup := func(srv *socketio.Server) {
		srv.Use(func(ctx context.Context, _ *socketio.Socket) error {
			if ctx.Value(http.ServerContextKey) != nil {
				t.Error("the context has the values of the request's")
			}
			return nil
		})
	}
	bubble(t, socketio.Options{}, setup, func(f *fixture) { f.dial(sockettest.Options{}) })
}

// A value that a socket sets replaces the one of its connection.
func TestSetContextValueHidesTheValueOfConnContext(t *testing.T) {
	var seen record
	setup := func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			s.SetContextValue(tenantKey{}, "own")
			return nil
		})
		srv.OnConnect(func(ctx context.Context, _ *socketio.Socket) error {
			seen.add(fmt.Sprint(ctx.Value(tenantKey{})))
			return nil
		})
	}
	bubble(t, socketio.Options{ConnContext: fromRequest}, setup, func(f *fixture) {
		f.dial(sockettest.Options{})
		if got := seen.all(); !slices.Equal(got, []string{"own"}) {
			t.Errorf("got %q", got)
		}
	})
}

// If ConnContext panics or returns nil, the request opens no connection, and nothing is kept
// for it.
func TestFailingConnContextRefuses(t *testing.T) {
	for name, fail := range map[string]func(context.Context, *http.Request) context.Context{
		"panic": func(context.Context, *http.Request) context.Context { panic("of the test") },
		"nil":   func(context.Context, *http.Request) context.Context { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			log := &logged{}
			fails := true
			opts := socketio.Options{Logger: log.logger(), ConnContext: func(ctx context.Context, r *http.Request) context.Context {
				if fails {
					return fail(ctx, r)
				}
				return ctx
			}}
			bubble(t, opts, open, func(f *fixture) {
				if status := f.status("/socket.io/?EIO=4&transport=polling"); status != http.StatusServiceUnavailable {
					t.Errorf("by polling: status %d", status)
				}
				_, err := sockettest.Dial(f.ctx, "http://server", f.options(sockettest.Options{}))
				var refusal *sockettest.ConnectError
				if err == nil || errors.As(err, &refusal) {
					t.Errorf("by WebSocket: %v", err)
				}
				synctest.Wait()
				if left := f.srv.Remains(); left != "" {
					t.Errorf("left: %s", left)
				}
				if n := log.count("level=ERROR msg=\"socketio: panic in ConnContext"); n == 0 {
					t.Error("nothing was logged")
				}
				fails = false
				f.dial(sockettest.Options{})
			})
		})
	}
}

// The request is not kept in memory, even if ConnContext returns its context.
func TestConnContextKeepsNoRequest(t *testing.T) {
	var request weak.Pointer[http.Request]
	opts := socketio.Options{ConnContext: func(ctx context.Context, r *http.Request) context.Context {
		request = weak.Make(r)
		return fromRequest(ctx, r)
	}}
	bubble(t, opts, open, func(f *fixture) {
		f.dial(sockettest.Options{Header: http.Header{"X-Tenant": {"acme"}}})
		synctest.Wait()
		runtime.GC()
		runtime.GC()
		if request.Value() != nil {
			t.Error("the request is in memory after the handshake")
		}
		if got := f.srv.Sockets()[0].Context().Value(tenantKey{}); got != "acme" {
			t.Errorf("tenant %v", got)
		}
	})
}

// tenantHandler is a slog.Handler that adds the tenant of the context, as tracing handlers add
// the ID of a trace.
type tenantHandler struct{ slog.Handler }

func (h tenantHandler) Handle(ctx context.Context, line slog.Record) error {
	if tenant := ctx.Value(tenantKey{}); tenant != nil {
		line.AddAttrs(slog.Any("tenant", tenant))
	}
	return h.Handler.Handle(ctx, line)
}

func (h tenantHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return tenantHandler{h.Handler.WithAttrs(attrs)}
}

// Each line about a socket or its connection is logged with their context.
func TestLogLinesHaveTheContextOfTheConnection(t *testing.T) {
	log := &logged{}
	opts := socketio.Options{ConnContext: fromRequest, Logger: slog.New(tenantHandler{log.logger().Handler()})}
	setup := func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("fail", func(context.Context, *socketio.Socket, *socketio.Event) error { return errors.New("of the test") })
		srv.Handle("panic", func(context.Context, *socketio.Socket, *socketio.Event) error { panic("of the test") })
		srv.OfFunc(func(context.Context, string, *socketio.Handshake) (bool, error) { return false, nil }).Open()
	}
	bubble(t, opts, setup, func(f *fixture) {
		header := http.Header{"X-Tenant": {"acme"}}
		f.refused(sockettest.Options{Namespace: "/no", Header: header})
		p := f.dial(sockettest.Options{Header: header})
		for _, event := range []string{"unknown", "fail", "panic"} {
			if err := p.Emit(event); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		_ = f.dial(sockettest.Options{Header: header}).SendRaw("malformed")
		for _, line := range log.lines.all() {
			if strings.Contains(line, "socketio: ") && !strings.Contains(line, "tenant=acme") {
				t.Errorf("without a tenant: %s", line)
			}
		}
		for _, what := range []string{"no handler for event", "event handler failed", "panic in user code", "connection closed", "socket disconnected"} {
			if log.count(what) == 0 {
				t.Errorf("no line %q", what)
			}
		}
	})
}
