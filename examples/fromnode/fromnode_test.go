package fromnode_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/examples/fromnode"
	"socketiojwt/internal/leaktest"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
	"socketiojwt/token/mint"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

const secret = "a secret of the samples, long enough"

// key signs what the issuer of the samples would.
func key(t *testing.T, secret string) mint.SigningKey {
	t.Helper()
	k, err := mint.Secret(secret, token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sign makes a token that is good for an hour.
func sign(t *testing.T, k mint.SigningKey, claims map[string]any) string {
	t.Helper()
	claims["exp"] = time.Now().Add(time.Hour).Unix()
	compact, err := mint.Sign(k, claims, mint.Header{})
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func ada(t *testing.T) string {
	t.Helper()
	return sign(t, key(t, secret), map[string]any{"sub": "ada", "name": "Ada"})
}

// must is for what fails only if a sample, or a test, is wrong.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func verifier(t *testing.T) *token.Verifier {
	t.Helper()
	return must(token.NewVerifier(token.Secret(secret), token.Options{}))
}

// memory is a listener whose connections are pipes.
type memory struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l memory) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l memory) Close() error   { return nil }
func (l memory) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "memory"} }

func (l memory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	theirs, ours := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// room is a sample that is being served, in a bubble where time is fake.
type room struct {
	t    *testing.T
	ctx  context.Context
	dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// serving serves what furnish makes, while test runs.
func serving(t *testing.T, furnish func(t *testing.T) (http.Handler, func() error), test func(r room)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		handler, stop := furnish(t)
		listener := memory{make(chan net.Conn), make(chan struct{})}
		web := &http.Server{Handler: handler}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = web.Serve(listener)
		}()
		defer func() {
			_ = stop()
			close(listener.done)
			_ = web.Close()
			<-served
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Hour)
		defer cancel()
		test(room{t, ctx, listener.dial})
	})
}

// serve serves a server that register furnishes.
func serve(t *testing.T, register func(t *testing.T, io *socketio.Server), test func(r room)) {
	t.Helper()
	serving(t, func(t *testing.T) (http.Handler, func() error) {
		io := must(socketio.NewServer(socketio.Options{}))
		register(t, io)
		return must(io.Handler()), io.Close
	}, test)
}

// gated serves one gate, in one mode.
func gated(t *testing.T, make func(*token.Verifier) (*auth.Gate, error), event bool, test func(r room)) {
	t.Helper()
	serve(t, func(t *testing.T, io *socketio.Server) {
		gate := must(make(verifier(t)))
		if event {
			io.Use(gate.Event)
		} else {
			io.Use(gate.Handshake)
		}
	}, test)
}

func bearing(compact string) map[string]string { return map[string]string{"token": compact} }

func (r room) join(opts sockettest.Options) (*sockettest.Peer, error) {
	opts.NetDial = r.dial
	peer, err := sockettest.Dial(r.ctx, "http://server", opts)
	if err == nil {
		r.t.Cleanup(func() { _ = peer.Close() })
	}
	return peer, err
}

func (r room) admitted(opts sockettest.Options) *sockettest.Peer {
	r.t.Helper()
	return must(r.join(opts))
}

// told is what a refused peer reads.
type told struct{ Message, Code, Reason string }

func (r room) refused(opts sockettest.Options) told {
	r.t.Helper()
	_, err := r.join(opts)
	var refusal *socketio.ConnectError
	if !errors.As(err, &refusal) {
		r.t.Fatalf("got %v, want CONNECT_ERROR", err)
	}
	words := told{Message: refusal.Message}
	if data, ok := refusal.Data.(json.RawMessage); ok {
		if err := json.Unmarshal(data, &words); err != nil {
			r.t.Fatal(err)
		}
	}
	return words
}

// hears takes the next event of that name.
func (r room) hears(p *sockettest.Peer, event string, dst ...any) {
	r.t.Helper()
	e, err := p.Expect(r.ctx, event)
	if err != nil {
		r.t.Fatalf("%s: %v", event, err)
	}
	if err := e.Scan(dst...); err != nil {
		r.t.Fatalf("%s: %v", event, err)
	}
}

func (r room) emit(p *sockettest.Peer, event string, args ...any) {
	r.t.Helper()
	if err := p.Emit(event, args...); err != nil {
		r.t.Fatal(err)
	}
}

// ends waits for DISCONNECT and checks how long that took.
func (r room) ends(p *sockettest.Peer, after time.Duration) {
	r.t.Helper()
	start := time.Now()
	if err := p.Ended(r.ctx); !errors.Is(err, sockettest.ErrDisconnected) {
		r.t.Errorf("ended with %v, want DISCONNECT", err)
	}
	if took := time.Since(start); took != after {
		r.t.Errorf("ended after %v, want %v", took, after)
	}
}

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

// A client of Socket.IO 1 or 2, by polling: a session is of whoever began it.
func TestOldClients(t *testing.T) {
	serving(t, func(*testing.T) (http.Handler, func() error) {
		return must(fromnode.OneRoundTrip(secret)), func() error { return nil }
	}, func(r room) {
		client := http.Client{Transport: &http.Transport{DialContext: r.dial, DisableKeepAlives: true}}
		get := func(token, sid string) (int, string) {
			query := url.Values{"EIO": {"3"}, "transport": {"polling"}, "b64": {"1"}}
			for name, value := range map[string]string{"token": token, "sid": sid} {
				if value != "" {
					query.Set(name, value)
				}
			}
			response := must(client.Do(must(http.NewRequestWithContext(r.ctx, http.MethodGet, "http://server/socket.io/?"+query.Encode(), nil))))
			defer func() { _ = response.Body.Close() }()
			return response.StatusCode, string(must(io.ReadAll(response.Body)))
		}
		begin := func(token string) (sid string) {
			_, open := get(token, "")
			match := regexp.MustCompile(`"sid":"([^"]+)"`).FindStringSubmatch(open)
			if match == nil {
				t.Fatalf("no session: %s", open)
			}
			return match[1]
		}
		compact := ada(t)
		sid := begin(compact)
		for _, thief := range []string{"", "another"} {
			if status, body := get(thief, sid); status != http.StatusBadRequest {
				t.Errorf("a thief who shows %q: %d %s", thief, status, body)
			}
		}
		if _, body := get(compact, sid); body != "2:40" {
			t.Errorf("its owner: %s", body)
		}

		sid = begin("")
		address := "pipe" // what connections in memory have instead
		if status, body := get(address, sid); status != http.StatusBadRequest {
			t.Errorf("a thief who knows the address: %d %s", status, body)
		}
		if _, body := get("", sid); !strings.Contains(body, `44{"message":"no token provided","code":"credentials_required"`) {
			t.Errorf("without a token: %s", body)
		}
	})
}

func TestTwoRoundTrips(t *testing.T) {
	serve(t, func(t *testing.T, io *socketio.Server) {
		if err := fromnode.TwoRoundTrips(io, verifier(t)); err != nil {
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
		r.ends(silent, 1+2*time.Second) // the usual Grace, since nobody acknowledges
		r.hears(silent, "unauthorized")
	})
}

func TestGrace(t *testing.T) {
	for name, c := range map[string]struct {
		make func(*token.Verifier) (*auth.Gate, error)
		want time.Duration
	}{
		"callback: false": {fromnode.DisconnectAtOnce, 0},
		"callback: 15000": {fromnode.DisconnectIn15Seconds, 15 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			gated(t, c.make, true, func(r room) {
				p := r.admitted(sockettest.Options{})
				r.emit(p, "authenticate", bearing("guesswork"))
				r.ends(p, c.want)

				p = r.admitted(sockettest.Options{})
				r.emit(p, "authenticate", bearing("guesswork"))
				e := must(p.Expect(r.ctx, "unauthorized"))
				_ = e.Ack() // it may be gone already
				r.ends(p, 0)
			})
		})
	}
}

func TestSecrets(t *testing.T) {
	signed := func(secret string, claims map[string]any) string { return sign(t, key(t, secret), claims) }
	const bobs = "a secret of bob alone, and of nobody else"
	verifyWith := func(keys token.Keys) *token.Verifier {
		return must(token.NewVerifier(keys, token.Options{}))
	}
	users := verifyWith(fromnode.SecretOfUser(map[string]string{"ada": secret, "bob": bobs}))
	rotating := must(fromnode.Rotation("short", strings.Repeat("long", 16)))
	before := must(fromnode.AsBefore("short"))
	next := must(mint.Secret(strings.Repeat("long", 16), token.HS512))

	for name, c := range map[string]struct {
		verifier *token.Verifier
		compact  string
		want     error
	}{
		"base64":                      {must(fromnode.Base64Secret("YSBzZWNyZXQgb2YgdGhlIHNhbXBsZXMsIGxvbmcgZW5vdWdo")), ada(t), nil},
		"ada's":                       {users, signed(secret, map[string]any{"userId": "ada"}), nil},
		"bob's":                       {users, signed(bobs, map[string]any{"userId": "bob"}), nil},
		"bob's, who says he is ada":   {users, signed(bobs, map[string]any{"userId": "ada"}), token.ErrSignature},
		"of nobody":                   {users, signed(bobs, map[string]any{"userId": "eve"}), token.ErrKeyNotFound},
		"of what every object has":    {users, signed(bobs, map[string]any{"userId": "constructor"}), token.ErrKeyNotFound},
		"without the claim":           {users, signed(bobs, map[string]any{}), token.ErrClaimMissing},
		"short":                       {rotating, byHand("short", `{"alg":"HS256"}`, `{"exp":4102444800}`), nil},
		"short, by another algorithm": {rotating, byHand("short", `{"alg":"HS512"}`, `{"exp":4102444800}`), token.ErrSignature},
		"the next, without a key ID":  {rotating, sign(t, next, map[string]any{}), nil},
		"the next":                    {rotating, sign(t, next.WithID("next"), map[string]any{}), nil},
		"the next by the old ID":      {rotating, sign(t, next.WithID("old"), map[string]any{}), token.ErrAlgorithm},
		"without exp, before":         {before, byHand("short", `{"alg":"HS256"}`, `{}`), nil},
		"without exp, now":            {verifier(t), byHand(secret, `{"alg":"HS256"}`, `{}`), token.ErrClaimMissing},
	} {
		if _, err := c.verifier.Verify(t.Context(), c.compact); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	compact := must(fromnode.Sign(key(t, secret), "ada", "Ada"))
	if got := must(verifier(t).Verify(t.Context(), compact)); got.Subject != "ada" || time.Until(got.ExpiresAt) > time.Hour {
		t.Errorf("signed %v", got)
	}
}

func TestSecretOfNamespace(t *testing.T) {
	serve(t, func(t *testing.T, io *socketio.Server) {
		keys := fromnode.SecretOfNamespace(map[string]string{"/a": secret, "/b": "another secret, which is long enough"})
		v := must(token.NewVerifier(keys, token.Options{}))
		gate := must(auth.NewGate(v, auth.Options{}))
		io.Of("/a").Use(gate.Handshake)
		io.Of("/b").Use(gate.Handshake)
	}, func(r room) {
		r.admitted(sockettest.Options{Namespace: "/a", Auth: bearing(ada(t))})
		if got := r.refused(sockettest.Options{Namespace: "/b", Auth: bearing(ada(t))}); got.Message != "invalid signature" {
			t.Errorf("by the secret of another: %+v", got)
		}
	})
}

func TestPublicKeys(t *testing.T) {
	issuer := must(mint.Generate(token.RS256)).WithID("2027")
	published := must(issuer.PublicPEM())
	down := false
	v := must(fromnode.PublicKeys(func(_ context.Context, keyID string) ([]byte, bool, error) {
		if down {
			return nil, false, errors.New("the issuer does not answer")
		}
		return published, keyID == "2027", nil
	}))
	ours := map[string]any{"iss": "https://login.example.com/", "aud": "chat"}
	check := func(what, compact string, want error) {
		if _, err := v.Verify(t.Context(), compact); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", what, err, want)
		}
	}
	check("ours", sign(t, issuer, ours), nil)
	check("an unknown key", sign(t, issuer.WithID("2026"), ours), token.ErrKeyNotFound)
	check("for another service", sign(t, issuer, map[string]any{"iss": "https://login.example.com/", "aud": "shop"}), token.ErrAudience)
	down = true
	check("while the issuer is down", sign(t, issuer, ours), token.ErrKeysUnavailable)
}

func TestUsers(t *testing.T) {
	serve(t, func(t *testing.T, io *socketio.Server) {
		gate := must(fromnode.WithUser(verifier(t), func(_ context.Context, id string) (*fromnode.User, error) {
			if id == "eve" {
				return nil, errors.New("no such user")
			}
			return &fromnode.User{Name: "Lady " + id, Banned: id == "bob"}, nil
		}))
		io.Use(gate.Handshake)
		io.OnConnect(fromnode.Greet)
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
	})
}

func TestFork(t *testing.T) {
	serve(t, func(t *testing.T, io *socketio.Server) {
		if err := fromnode.Fork(io, secret); err != nil {
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
		serve(t, func(t *testing.T, io *socketio.Server) {
			io.Use(must(auth.NewGate(verifier(t), auth.Options{KeepEncoded: keep})).Handshake)
			io.Handle("ask", socketio.AckFunc(func(ctx context.Context, _ *socketio.Socket, _ struct{}) (string, error) {
				request, err := fromnode.OnBehalf(ctx, "http://127.0.0.1/")
				if err != nil {
					return err.Error(), nil
				}
				return request.Header.Get("Authorization"), nil
			}))
		}, func(r room) {
			var header string
			fresh := ada(t) // the bubble has a time of its own
			answer := must(r.admitted(sockettest.Options{Auth: bearing(fresh)}).EmitWithAck(r.ctx, "ask"))
			if err := answer.Scan(&header); err != nil || (header == "Bearer "+fresh) != keep {
				t.Errorf("KeepEncoded %v: %q, %v", keep, header, err)
			}
		})
	}
}

func TestCustomDecoded(t *testing.T) {
	compact := sign(t, key(t, secret), map[string]any{"sub": "ada", "email": "ada@example.com", "EMAIL": "eve@example.com"})
	decoded := must(verifier(t).Verify(t.Context(), compact))
	user := must(fromnode.CustomDecoded(t.Context(), decoded, nil))
	if got := *user.(*fromnode.Profile); got != (fromnode.Profile{ID: "ada", Email: "ada@example.com"}) {
		t.Errorf("decoded %+v", got)
	}
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
	serve(t, func(t *testing.T, io *socketio.Server) {
		server = io
		if err := fromnode.Guests(io, verifier(t)); err != nil {
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
		if err := server.To("user ada").Emit("for ada"); err != nil {
			t.Fatal(err)
		}
		r.hears(p, "for ada")
	})
}

func TestNamespaces(t *testing.T) {
	serve(t, func(t *testing.T, io *socketio.Server) {
		gate := must(auth.NewGate(verifier(t), auth.Options{}))
		fromnode.Namespaces(io, gate, gate)
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
