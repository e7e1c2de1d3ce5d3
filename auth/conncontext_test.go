package auth_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

type tenantKey struct{}

func fromRequest(_ context.Context, r *http.Request) context.Context {
	return context.WithValue(r.Context(), tenantKey{}, r.Header.Get("X-Tenant"))
}

// Each function of the program that a gate calls gets the values of the connection in its
// context, in both modes. A key function can therefore choose the keys of a tenant.
func TestConnContextReachesEverythingTheGateCalls(t *testing.T) {
	for _, mode := range []string{"handshake", "event", "guest"} {
		t.Run(mode, func(t *testing.T) {
			var seen record
			note := func(ctx context.Context, what string) { seen.add(fmt.Sprint(what, " ", ctx.Value(tenantKey{}))) }
			keys := token.KeyFunc(func(ctx context.Context, _ token.Unverified) (token.Key, error) {
				note(ctx, "key")
				return token.Secret(secret), nil
			})
			attempts, guests := auth.EventOptions{Attempts: 2}, (*auth.GuestOptions)(nil)
			if mode == "guest" {
				attempts, guests = auth.EventOptions{}, &auth.GuestOptions{
					Attempts: 2, OnLogin: func(ctx context.Context, _ *socketio.Socket) { note(ctx, "login") },
				}
			}
			bubble(t, setup{
				server:   socketio.Options{ConnContext: fromRequest},
				verifier: verifierOf(t, keys, token.Options{Leeway: -1}),
				event:    mode != "handshake",
				mode:     attempts,
				gate: auth.Options{
					Guests: guests,
					Sources: []auth.Source{auth.SourceFunc(func(ctx context.Context, h *socketio.Handshake) (string, error) {
						note(ctx, "source")
						return auth.FromAuth("token").Find(ctx, h)
					})},
					Authorize: auth.Check(func(ctx context.Context, _ *token.Token, h *socketio.Handshake) error {
						note(ctx, "authorize "+h.Host)
						return nil
					}),
					OnRefuse: func(ctx context.Context, _ *socketio.Socket, _ *auth.Error) { note(ctx, "refuse") },
				},
			}, func(f *fixture) {
				header := http.Header{"X-Tenant": {"acme"}, "Host": {"acme.example"}}
				if mode == "handshake" {
					f.refused(sockettest.Options{Header: header, Auth: bearing("no.to.ken")})
					f.dial(sockettest.Options{Header: header, Auth: bearing(sign(nil))})
				} else {
					p := f.dial(sockettest.Options{Header: header})
					for _, compact := range []string{"no.to.ken", sign(nil)} {
						if err := p.Emit("authenticate", bearing(compact)); err != nil {
							t.Fatal(err)
						}
						synctest.Wait()
					}
				}
				want := []string{"authorize acme.example", "key", "refuse", "source", "source"}
				if mode == "guest" {
					want = append(want, "login")
				}
				slices.Sort(want)
				for i := range want {
					want[i] += " acme"
				}
				got := seen.all()
				slices.Sort(got)
				if !slices.Equal(got, want) {
					t.Errorf("got  %q\nwant %q", got, want)
				}
			})
		})
	}
}

// A socket does not get the lease of a request that HTTP verified, because the lease of a
// request has no deadline that ends the socket.
func TestConnContextBringsNoLease(t *testing.T) {
	gate := newGate(t, verifier(t), auth.Options{KeepEncoded: true, Authorize: userName.By(func(context.Context, *token.Token, *socketio.Handshake) (string, error) { return "ada", nil })})
	behindHTTP := func(_ context.Context, r *http.Request) (ctx context.Context) {
		gate.HTTP(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ctx = r.Context() })).ServeHTTP(httptest.NewRecorder(), r)
		if auth.Token(ctx) == nil || userName.From(ctx) != "ada" || auth.Encoded(ctx) == "" {
			t.Error("HTTP did not verify the token")
		}
		return ctx
	}
	bubble(t, setup{
		server: socketio.Options{ConnContext: behindHTTP},
		gate:   auth.Options{Guests: &auth.GuestOptions{}, Sources: []auth.Source{auth.FromAuth("token")}},
		furnish: func(f *fixture) {
			for _, n := range []*socketio.Namespace{f.srv.Namespace, f.srv.Of("/open").Open()} {
				n.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
					if auth.Token(ctx) != nil || userName.From(ctx) != "" || auth.Encoded(ctx) != "" || auth.Current(s) != nil {
						t.Errorf("%s: the socket has the lease of the request", n.Name())
					}
					f.ran.add(n.Name())
					return nil
				})
			}
		},
	}, func(f *fixture) {
		header := http.Header{"Authorization": {"Bearer " + sign(nil)}}
		f.dial(sockettest.Options{Header: header})
		f.dial(sockettest.Options{Header: header, Namespace: "/open"})
		synctest.Wait()
		if got := f.ran.all(); !slices.Contains(got, "/") || !slices.Contains(got, "/open") {
			t.Errorf("ran %q", got)
		}
	})
}

// tenantHandler is a slog.Handler that writes the tenant of the context.
type tenantHandler struct{ slog.Handler }

func (h tenantHandler) Handle(ctx context.Context, line slog.Record) error {
	if tenant := ctx.Value(tenantKey{}); tenant != nil {
		line.AddAttrs(slog.Any("tenant", tenant))
	}
	return h.Handler.Handle(ctx, line)
}

// Each line of the gate about a socket is logged with the socket's context.
func TestGateLogsWithTheContextOfTheConnection(t *testing.T) {
	var log lockedBuffer
	bubble(t, setup{
		server: socketio.Options{ConnContext: fromRequest},
		gate:   auth.Options{Logger: slog.New(tenantHandler{slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})})},
	}, func(f *fixture) {
		header := http.Header{"X-Tenant": {"acme"}}
		f.refused(sockettest.Options{Header: header, Auth: bearing("no.to.ken")})
		f.dial(sockettest.Options{Header: header, Auth: bearing(expiring(time.Minute))})
		time.Sleep(time.Hour)
		synctest.Wait()
		for _, line := range strings.Split(strings.TrimSpace(log.String()), "\n") {
			if !strings.Contains(line, "tenant=acme") {
				t.Errorf("without a tenant: %s", line)
			}
		}
		for _, what := range []string{"auth: refused", "token accepted", "lease ended"} {
			if !strings.Contains(log.String(), what) {
				t.Errorf("no line %q", what)
			}
		}
	})
}
