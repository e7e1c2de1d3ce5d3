package auth_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/engineio"
	"socketiojwt/internal/leaktest"
	"socketiojwt/internal/memnet"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

const secret = "a secret of the tests, long enough for HS256"

// claims are the claims of a token.
type claims map[string]any

// signWith makes a token without package mint, so that the token can be invalid.
func signWith(key string, header map[string]any, c claims) string {
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	input := part(header) + "." + part(c)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// sign makes a token for ada that is good for an hour, with further claims.
func sign(more claims) string {
	c := claims{"sub": "ada", "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(c, more)
	return signWith(secret, map[string]any{"alg": "HS256", "typ": "JWT"}, c)
}

// expiring makes a token that expires in d, without leeway.
func expiring(d time.Duration) string { return sign(claims{"exp": time.Now().Add(d).Unix()}) }

// bearing returns the auth payload with a token.
func bearing(compact string) map[string]any { return map[string]any{"token": compact} }

func verifier(t testing.TB) *token.Verifier {
	t.Helper()
	return verifierOf(t, token.Secret(secret), token.Options{Leeway: -1})
}

func verifierOf(t testing.TB, keys token.Keys, opts token.Options) *token.Verifier {
	t.Helper()
	v, err := token.NewVerifier(keys, opts)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// newGate returns a gate beside that of a fixture, or without one.
func newGate(t testing.TB, v auth.Verifier, opts auth.Options) *auth.Gate {
	t.Helper()
	gate, err := auth.NewGate(v, opts)
	if err != nil {
		t.Fatal(err)
	}
	return gate
}

// record is a list of lines that hooks and handlers write and tests read.
type record struct {
	mu    sync.Mutex
	lines []string
}

func (r *record) add(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
}

// all waits until every goroutine is idle, and returns the lines.
func (r *record) all() []string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.lines)
}

// setup configures the server of a test.
type setup struct {
	server   socketio.Options
	verifier auth.Verifier // nil means verifier(t)
	gate     auth.Options
	event    bool // the gate of "/" is in event mode
	mode     auth.EventOptions
	furnish  func(f *fixture)
}

// fixture is a server in memory inside a synctest bubble, so that time is fake and
// a test can see that nothing more happens. Its namespace "/" is behind a gate.
type fixture struct {
	t    *testing.T
	ctx  context.Context
	srv  *socketio.Server
	gate *auth.Gate
	in   *memnet.Listener
	// ran has a line for each hook, "connected", "disconnected", and each event that
	// reached a handler.
	ran record
	// log has all log lines.
	log lockedBuffer
}

func bubble(t *testing.T, s setup, test func(f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{t: t, in: memnet.Listen()}
		log := slog.New(slog.NewTextHandler(&f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		s.server.Logger = log
		srv, err := socketio.NewServer(s.server)
		if err != nil {
			t.Fatal(err)
		}
		f.srv = srv
		if s.verifier == nil {
			s.verifier = verifier(t)
		}
		if s.gate.Logger == nil {
			s.gate.Logger = log
		}
		f.gate = newGate(t, s.verifier, s.gate)
		if s.event {
			f.furnish(srv.Namespace, f.gate.Event(s.mode))
		} else {
			f.furnish(srv.Namespace, f.gate.Handshake)
		}
		if s.furnish != nil {
			s.furnish(f)
		}
		handler, err := srv.Handler()
		if err != nil {
			t.Fatal(err)
		}
		web := &http.Server{Handler: handler}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = web.Serve(f.in)
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 1000*time.Hour)
		defer cancel()
		f.ctx = ctx
		defer func() {
			_ = srv.Close()
			_ = web.Close()
			<-served
		}()
		test(f)
		synctest.Wait()
		if found := jwt.FindString(f.log.String()); found != "" {
			t.Errorf("a token is in the log: %s", found)
		}
	})
}

// jwt matches the beginning of a token.
var jwt = regexp.MustCompile(`eyJ[\w-]+\.[\w-]*`)

// mux has the methods that a namespace and a rule have in common.
type mux interface {
	Use(middleware ...socketio.ConnectMiddleware)
	Handle(event string, h socketio.Handler)
	HandleAny(h socketio.Handler)
	OnConnect(f func(ctx context.Context, s *socketio.Socket) error)
	OnDisconnect(f func(ctx context.Context, s *socketio.Socket, reason socketio.Reason))
}

// furnish registers a gate, and the hooks and handlers of the tests, on a namespace or rule.
func (f *fixture) furnish(n mux, gate socketio.ConnectMiddleware) {
	n.Use(gate)
	n.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
		f.ran.add("connected " + subject(ctx))
		return s.Join("lobby")
	})
	n.OnDisconnect(func(_ context.Context, _ *socketio.Socket, reason socketio.Reason) {
		f.ran.add("disconnected: " + string(reason))
	})
	n.Handle("whoami", socketio.AckFunc(func(ctx context.Context, _ *socketio.Socket, _ struct{}) (string, error) {
		return subject(ctx), nil
	}))
	n.HandleAny(func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
		f.ran.add("event " + e.Name())
		return nil
	})
}

// userName is the key of the users of the tests, which are names.
var userName = auth.NewUser[string]()

// guests returns Options.Guests for a gate with guests if yes, else for one without.
func guests(yes bool) *auth.GuestOptions {
	if !yes {
		return nil
	}
	return &auth.GuestOptions{}
}

// subject returns the subject of the token of ctx, or "guest".
func subject(ctx context.Context) string {
	if t := auth.Token(ctx); t != nil {
		return t.Subject
	}
	return "guest"
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// anyOrigin waives the server's origin rule.
func anyOrigin() socketio.Options {
	return socketio.Options{Engine: engineio.Options{InsecureAnyOrigin: true}}
}
