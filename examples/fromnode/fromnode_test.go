package fromnode_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/examples/fromnode"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

func TestOneRoundTrip(t *testing.T) {
	serving(t, func(t *testing.T) (http.Handler, func() error) {
		return must(fromnode.OneRoundTrip(secret)), func() error { return nil }
	}, func(r room) {
		compact := ada(t)
		for name, opts := range map[string]sockettest.Options{
			"query":  {Query: url.Values{"token": {compact}}},
			"auth":   {Auth: bearing(compact)},
			"scheme": {Auth: bearing("Bearer " + compact)},
			"header": {Header: http.Header{"Authorization": {"Bearer " + compact}}},
			"page":   {Query: url.Values{"token": {compact}}, Header: http.Header{"Origin": {"https://app.example.com"}}},
		} {
			p := r.admitted(opts)
			if err := p.Close(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := r.refused(sockettest.Options{}); got != (told{"no token provided", "credentials_required", "token_missing"}) {
			t.Errorf("without a token: %+v", got)
		}
		if _, err := r.join(sockettest.Options{Auth: bearing(compact), Header: http.Header{"Origin": {"https://evil.example"}}}); err == nil {
			t.Error("a foreign page is let in")
		}
	})
	if _, err := fromnode.OneRoundTrip("short"); !errors.Is(err, token.ErrKey) {
		t.Errorf("a short secret: %v", err)
	}
}

func TestTwoRoundTrips(t *testing.T) {
	serve(t, func(t *testing.T, srv *socketio.Server) {
		if err := fromnode.TwoRoundTrips(srv, verifier(t)); err != nil {
			t.Fatal(err)
		}
	}, func(r room) {
		p := r.admitted(sockettest.Options{})
		r.emit(p, "authenticate", bearing(ada(t)))
		r.hears(p, "authenticated")
		r.emit(p, "echo", 7)
		var n int
		if r.hears(p, "echo-response", &n); n != 7 {
			t.Errorf("echo of %d, want 7", n)
		}

		silent := r.admitted(sockettest.Options{})
		time.Sleep(15*time.Second - 1)
		synctest.Wait()
		if events := silent.Events(); len(events) > 0 {
			t.Errorf("before the deadline: %q", events)
		}
		r.ends(silent, 1+2*time.Second) // the default Grace, because the peer does not acknowledge
		r.hears(silent, "unauthorized")
	})
}

func TestGrace(t *testing.T) {
	for name, c := range map[string]struct {
		make func(*auth.Gate) socketio.ConnectMiddleware
		want time.Duration
	}{
		"callback: false": {fromnode.DisconnectAtOnce, 0},
		"callback: 15000": {fromnode.DisconnectIn15Seconds, 15 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			serve(t, func(t *testing.T, srv *socketio.Server) {
				srv.Use(c.make(must(auth.NewGate(verifier(t), auth.Options{}))))
			}, func(r room) {
				p := r.admitted(sockettest.Options{})
				r.emit(p, "authenticate", bearing("guesswork"))
				r.ends(p, c.want)

				p = r.admitted(sockettest.Options{})
				r.emit(p, "authenticate", bearing("guesswork"))
				e := must(p.Expect(r.ctx, "unauthorized"))
				_ = e.Ack() // the peer may be gone already
				r.ends(p, 0)
			})
		})
	}
}

func TestUsers(t *testing.T) {
	serve(t, func(t *testing.T, srv *socketio.Server) {
		gate := must(fromnode.WithUser(verifier(t), func(_ context.Context, id string) (*fromnode.Account, error) {
			switch id {
			case "eve":
				return nil, errors.New("no such user")
			case "mallory":
				return nil, nil
			}
			return &fromnode.Account{Name: "Lady " + id, Banned: id == "bob"}, nil
		}))
		srv.Use(gate.Handshake)
		srv.OnConnect(fromnode.Greet)
	}, func(r room) {
		as := func(id string) sockettest.Options {
			return sockettest.Options{Auth: bearing(sign(t, key(t, secret), map[string]any{"sub": id}))}
		}
		var name string
		if r.hears(r.admitted(as("ada")), "welcome", &name); name != "Lady ada" {
			t.Errorf("welcome %q", name)
		}
		if got := r.refused(as("bob")); got != (told{"account suspended", "suspended", "not_authorized"}) {
			t.Errorf("banned: %+v", got)
		}
		if got := r.refused(as("eve")); got != (told{"not authorized", "unknown", "not_authorized"}) {
			t.Errorf("unknown: %+v", got)
		}
		if got := r.refused(as("mallory")); got != (told{"internal error", "unknown", "internal_error"}) {
			t.Errorf("nil: %+v", got)
		}
	})
}

func TestFork(t *testing.T) {
	serve(t, func(t *testing.T, srv *socketio.Server) {
		if err := fromnode.Fork(srv, secret); err != nil {
			t.Fatal(err)
		}
	}, func(r room) {
		r.admitted(sockettest.Options{Auth: bearing("Bearer " + ada(t))})
		got := r.refused(sockettest.Options{Auth: bearing("Bearer " + sign(t, key(t, strings.Repeat("x", 32)), map[string]any{}))})
		if got != (told{"Unauthorized: Token is missing or invalid Bearer", "invalid_token", "token_signature"}) {
			t.Errorf("a bad token: %+v", got)
		}
	})
}

func TestOnBehalf(t *testing.T) {
	for _, keep := range []bool{true, false} {
		serve(t, func(t *testing.T, srv *socketio.Server) {
			srv.Use(must(auth.NewGate(verifier(t), auth.Options{KeepEncoded: keep})).Handshake)
			srv.Handle("ask", socketio.AckFunc(func(ctx context.Context, _ *socketio.Socket, _ struct{}) (string, error) {
				request, err := fromnode.OnBehalf(ctx, "http://127.0.0.1/")
				if err != nil {
					return err.Error(), nil
				}
				return request.Header.Get("Authorization"), nil
			}))
		}, func(r room) {
			var header string
			fresh := ada(t) // the bubble has its own time
			answer := must(r.admitted(sockettest.Options{Auth: bearing(fresh)}).EmitWithAck(r.ctx, "ask"))
			if err := answer.Scan(&header); err != nil || (header == "Bearer "+fresh) != keep {
				t.Errorf("KeepEncoded %v: %q, %v", keep, header, err)
			}
		})
	}
}

func TestCustomDecoded(t *testing.T) {
	compact := sign(t, key(t, secret), map[string]any{"sub": "ada", "email": "ada@example.com", "EMAIL": "eve@example.com"})
	serve(t, func(t *testing.T, srv *socketio.Server) {
		srv.Use(must(fromnode.CustomDecoded(verifier(t))).Handshake)
		srv.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
			return s.Emit("email", fromnode.EmailOf(ctx))
		})
		srv.OnConnect(fromnode.Welcome)
	}, func(r room) {
		p := r.admitted(sockettest.Options{Auth: bearing(compact)})
		for _, event := range []string{"email", "welcome"} {
			var email string
			if r.hears(p, event, &email); email != "ada@example.com" {
				t.Errorf("%s: email %q", event, email)
			}
		}
	})
}

func TestHeaderOrCookie(t *testing.T) {
	for _, event := range []bool{false, true} {
		gated(t, fromnode.HeaderOrCookie, event, func(r room) {
			for name, values := range map[string]string{"Authorization": "Bearer " + ada(t), "Cookie": "jwt=" + ada(t)} {
				p := r.admitted(sockettest.Options{Header: http.Header{name: {values}}})
				if event {
					r.emit(p, "authenticate")
					r.hears(p, "authenticated")
				}
			}
			if !event {
				r.refused(sockettest.Options{Auth: bearing(ada(t))})
			}
		})
	}
}

func TestAudit(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	gated(t, func(v *token.Verifier) (*auth.Gate, error) { return fromnode.Audit(v, logger) }, false, func(r room) {
		r.refused(sockettest.Options{Auth: bearing("guesswork")})
		synctest.Wait()
		if got := log.String(); !strings.Contains(got, "stayed outside") || !strings.Contains(got, "reason=token_malformed") {
			t.Errorf("the log: %s", got)
		}
	})
}

func TestGuests(t *testing.T) {
	var server *socketio.Server
	serve(t, func(t *testing.T, srv *socketio.Server) {
		server = srv
		if err := fromnode.Guests(srv, verifier(t)); err != nil {
			t.Fatal(err)
		}
	}, func(r room) {
		p, other := r.admitted(sockettest.Options{}), r.admitted(sockettest.Options{})
		answer := must(p.EmitWithAck(r.ctx, "say", "hello"))
		var said struct{ Error string }
		if err := answer.Scan(&said); err != nil || said.Error != "log in first" {
			t.Errorf("a guest says: %+v, %v", said, err)
		}
		r.emit(p, "authenticate", bearing(ada(t)))
		r.hears(p, "authenticated")
		r.emit(p, "say", "hello")
		var who, text string
		if r.hears(other, "said", &who, &text); who != "ada" || text != "hello" {
			t.Errorf("%q said %q", who, text)
		}
		if err := server.To("user:ada").Emit("for ada"); err != nil {
			t.Fatal(err)
		}
		r.hears(p, "for ada")
	})
}

func TestNamespaces(t *testing.T) {
	serve(t, func(t *testing.T, srv *socketio.Server) {
		gate := must(auth.NewGate(verifier(t), auth.Options{}))
		fromnode.Namespaces(srv, gate, gate)
	}, func(r room) {
		admin := sign(t, key(t, secret), map[string]any{"roles": []string{"admin"}})
		p := r.admitted(sockettest.Options{})
		for _, name := range []string{"/chat", "/room-7"} {
			if _, err := p.Join(r.ctx, name, bearing(ada(t))); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			r.refused(sockettest.Options{Namespace: name})
		}
		if got := r.refused(sockettest.Options{Namespace: "/room-x"}); got.Message != "Invalid namespace" {
			t.Errorf("no such room: %+v", got)
		}
		in := r.admitted(sockettest.Options{Namespace: "/admin"})
		r.emit(in, "authenticate", bearing(admin))
		r.hears(in, "authenticated")
		out := r.admitted(sockettest.Options{Namespace: "/admin"})
		r.emit(out, "authenticate", bearing(ada(t)))
		r.ends(out, 0)
	})
}
