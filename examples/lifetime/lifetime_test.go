package lifetime_test

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/examples/lifetime"
	"socketiojwt/internal/leaktest"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
	"socketiojwt/token/mint"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// The samples of docs/lifetime.md are in lifetime.go, and each function of lifetime.go is a
// sample.
func TestSamples(t *testing.T) {
	page, err := os.ReadFile("../../docs/lifetime.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("lifetime.go")
	if err != nil {
		t.Fatal(err)
	}
	samples := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	for _, sample := range samples {
		if !strings.Contains(string(source), sample[1]) {
			t.Errorf("lifetime.go does not have\n%s", sample[1])
		}
	}
	if functions := strings.Count(string(source), "\nfunc "); functions != len(samples) {
		t.Errorf("%d functions, and %d samples", functions, len(samples))
	}
}

// The samples do together what the page says: rights, rooms of topics, logout and ban.
func TestLifetime(t *testing.T) {
	key, err := mint.Generate(token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(key.Key(), token.Options{})
	if err != nil {
		t.Fatal(err)
	}
	gate, err := lifetime.NewGate(verifier, auth.NewDenylist(auth.DenylistOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	srv := sockettest.NewServer(t, func(srv *socketio.Server) {
		srv.Use(gate.Handshake)
		lifetime.Restrict(srv, gate, func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error { return e.Ack("deleted") })
		if err := lifetime.LetPeersJoin(srv, gate); err != nil {
			t.Error(err)
		}
	})
	sign := func(claims map[string]any) map[string]any {
		claims["sub"], claims["exp"] = "ada", time.Now().Add(time.Hour).Unix()
		compact, err := mint.Sign(key, claims, mint.Header{})
		if err != nil {
			t.Fatal(err)
		}
		return map[string]any{"token": compact}
	}
	emit := func(p *sockettest.Peer, event string, args ...any) string {
		t.Helper()
		answer, err := p.EmitWithAck(t.Context(), event, args...)
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for _, arg := range answer.Args() {
			text.Write(arg.(socketio.Raw).JSON())
		}
		return text.String()
	}
	now := time.Now().Unix()
	ada := srv.Dial(sockettest.Options{Auth: sign(map[string]any{"scope": "chat", "teams": []string{"red"}, "auth_time": now, "iat": now})})
	if got := emit(ada, "delete"); got != `"deleted"` {
		t.Errorf("delete: %s", got)
	}
	if got := emit(ada, "join", "topic:go"); strings.Contains(got, "error") {
		t.Errorf("join: %s", got)
	}
	if got := emit(ada, "join", "user:bob"); !strings.Contains(got, "error") {
		t.Errorf("join of another user's room: %s", got)
	}
	stranger := srv.Dial(sockettest.Options{Auth: sign(map[string]any{"scope": "mail", "iat": now})})
	if got := emit(stranger, "join", "topic:go"); !strings.Contains(got, "insufficient_scope") {
		t.Errorf("without the scope: %s", got)
	}
	if err := lifetime.LogOut(t.Context(), gate, "", "ada"); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*sockettest.Peer{ada, stranger} {
		if err := p.Ended(t.Context()); !errors.Is(err, sockettest.ErrDisconnected) {
			t.Errorf("after LogOut: %v", err)
		}
	}
	later := sign(map[string]any{"scope": "chat", "iat": now + 5})
	srv.Dial(sockettest.Options{Auth: later})
	if err := lifetime.Ban(t.Context(), gate, "", "ada"); err != nil {
		t.Fatal(err)
	}
	srv.Refused(sockettest.Options{Auth: later})
}
